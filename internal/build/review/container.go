// SPDX-License-Identifier: Apache-2.0

package review

import (
	"fmt"
	"strconv"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/queue"
)

// drainSeconds is how long a pod serves on after it was told to end, so that Services learn of it first.
const drainSeconds = 5

func (p Params) container() *corev1.ContainerApplyConfiguration {
	resources := p.resources()
	wanted := corev1.ResourceRequirements()
	if len(resources.Requests) > 0 {
		wanted.WithRequests(resources.Requests)
	}
	if len(resources.Limits) > 0 {
		wanted.WithLimits(resources.Limits)
	}
	c := corev1.Container().
		WithName(container).
		WithImage(p.Image).
		WithArgs(p.args()...).
		WithPorts(
			corev1.ContainerPort().WithName(naming.ReviewPortName).WithContainerPort(naming.ReviewPort).WithProtocol(core.ProtocolTCP),
			corev1.ContainerPort().WithName(naming.MetricsPortName).WithContainerPort(naming.ReviewMetricsPort).WithProtocol(core.ProtocolTCP)).
		WithResources(wanted).
		WithStartupProbe(probe("/healthz", 2, 150)). // migrations of a large database take their time
		WithLivenessProbe(probe("/healthz", 20, 3)).
		WithReadinessProbe(probe("/readyz", 5, 2)).
		WithTerminationMessagePolicy(core.TerminationMessageFallbackToLogsOnError).
		WithSecurityContext(corev1.SecurityContext().
			WithAllowPrivilegeEscalation(false).
			WithReadOnlyRootFilesystem(true).
			WithCapabilities(corev1.Capabilities().WithDrop("ALL"))).
		WithVolumeMounts(p.mounts()...)
	if limit, ok := resources.Limits[core.ResourceMemory]; ok {
		c.WithEnv(corev1.EnvVar().WithName("GOMEMLIMIT").WithValue(strconv.FormatInt(limit.Value()/10*p.goTenths(), 10)))
	}
	if queue.Postgres(p.Queue) {
		c.WithLifecycle(corev1.Lifecycle().WithPreStop(corev1.LifecycleHandler().WithSleep(corev1.SleepAction().WithSeconds(drainSeconds))))
	}
	return c
}

// goTenths is how much of the memory Go's runtime may take: SQLite caches pages beside it.
func (p Params) goTenths() int64 {
	if queue.Postgres(p.Queue) {
		return 9
	}
	return 6
}

// args name the files that there may be; those of the store may come later.
func (p Params) args() []string {
	file := func(dir, name string) string { return naming.ConfigMount + "/" + dir + "/" + name }
	args := []string{
		"serve",
		"--listen", fmt.Sprintf(":%d", naming.ReviewPort),
		"--metrics", fmt.Sprintf(":%d", naming.ReviewMetricsPort),
		"--config", file(naming.ConfigDir, naming.ReviewFile),
		"--credentials", naming.ConfigMount + "/" + naming.CredentialsDir,
	}
	if queue.Postgres(p.Queue) {
		args = append(args, "--database-file", file(naming.DatabaseDir, naming.DatabaseURLFile))
	} else {
		args = append(args, "--database", "sqlite:"+naming.DataMount+"/"+naming.DatabaseFile)
	}
	if p.Class.HashKey.SecretName != "" {
		args = append(args, "--hash-key", file(naming.HashKeyDir, naming.HashKeyFile))
	}
	if queue.UsersSecret(p.Queue) != "" {
		args = append(args, "--users", file(naming.UsersDir, naming.UsersFile))
	}
	a := p.Queue.Spec.Access
	if a.Tokens.SecretName != "" {
		args = append(args, "--tokens", file(naming.TokensDir, naming.TokensFile))
	}
	if a.OIDC.SecretName != "" {
		args = append(args, "--oidc-client-secret", file(naming.OIDCDir, naming.ClientSecretFile), "--oidc-issuer", file(naming.OIDCDir, naming.ClientIssuerFile))
	}
	return args
}

// resources are those of the spec, or small ones. There is no CPU limit: throttling only makes people wait.
func (p Params) resources() core.ResourceRequirements {
	if r := p.Queue.Spec.Resources; r != nil {
		return *r
	}
	return core.ResourceRequirements{
		Requests: core.ResourceList{core.ResourceCPU: resource.MustParse("50m"), core.ResourceMemory: resource.MustParse("128Mi")},
		Limits:   core.ResourceList{core.ResourceMemory: resource.MustParse("512Mi")},
	}
}

func probe(path string, period, failures int32) *corev1.ProbeApplyConfiguration {
	return corev1.Probe().
		WithHTTPGet(corev1.HTTPGetAction().WithPath(path).WithPort(intstr.FromString(naming.MetricsPortName))).
		WithPeriodSeconds(period).
		WithFailureThreshold(failures)
}
