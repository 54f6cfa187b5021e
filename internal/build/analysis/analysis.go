// SPDX-License-Identifier: Apache-2.0

// Package analysis builds the CronJobs and one-off Jobs that run analyze for a monitor. It is pure. Their pods have no API
// permissions: they get the configuration as a file, and answer by their termination message.
package analysis

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	batchv1 "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
)

// container is the name of the container of every analysis pod.
const container = "analyze"

// Limits of a run. A Job is kept for a day, so that its logs can be read.
const (
	cronBackoffLimit = 2
	keepSeconds      = 24 * 60 * 60
	deadlineSeconds  = 6 * 60 * 60
	startingDeadline = 60 * 60
	memoryLimit      = 1 << 30
)

// Params are what analysis pods depend on.
type Params struct {
	Monitor *v1alpha1.ModelMonitor
	Class   *v1alpha1.MonitorClassSpec
	// Image is the image of analyze.
	Image string
}

// CronJob builds the CronJob of an analysis on a schedule that is resolved already.
func CronJob(p Params, kind, schedule string, suspended bool) *batchv1.CronJobApplyConfiguration {
	return batchv1.CronJob(naming.CronJob(p.Monitor.Name, kind), p.Monitor.Namespace).
		WithLabels(p.labels(kind)).
		WithOwnerReferences(owner.Reference(p.Monitor)).
		WithSpec(batchv1.CronJobSpec().
			WithSchedule(schedule).
			WithSuspend(suspended).
			WithConcurrencyPolicy(batch.ForbidConcurrent).
			WithStartingDeadlineSeconds(startingDeadline).
			WithSuccessfulJobsHistoryLimit(2).
			WithFailedJobsHistoryLimit(2).
			WithJobTemplate(batchv1.JobTemplateSpec().WithLabels(p.labels(kind)).WithSpec(p.job(kind).WithBackoffLimit(cronBackoffLimit))))
}

// Job builds a one-off Job. It tries once: the controller starts it again, and learns of each failure at once.
func Job(p Params, kind, name string) *batchv1.JobApplyConfiguration {
	return batchv1.Job(name, p.Monitor.Namespace).
		WithLabels(p.labels(kind)).
		WithOwnerReferences(owner.Reference(p.Monitor)).
		WithSpec(p.job(kind).WithBackoffLimit(0))
}

// CheckName names the Job that checks the store. It changes with everything that the check depends on.
func CheckName(p Params) string {
	c := p.Class
	from := strings.Join([]string{p.Image, c.Store.URL, string(c.ClusterName), p.secret(), fmt.Sprint(c.Sidecar.PullSecrets)}, "\n")
	sum := sha256.Sum256([]byte(from))
	return naming.Job(p.Monitor.Name, monitor.KindCheck, hex.EncodeToString(sum[:])[:10])
}

// secret is the Secret with the store's credentials; empty when pods use their own identity.
func (p Params) secret() string {
	c := p.Class.Store.Credentials
	if c.AnalysisSecretName != "" {
		return string(c.AnalysisSecretName)
	}
	return string(c.SecretName)
}

func (p Params) labels(kind string) map[string]string {
	l := owner.Labels(p.Monitor, naming.RoleAnalysis)
	l[naming.LabelAnalysis] = kind
	return l
}

func (p Params) job(kind string) *batchv1.JobSpecApplyConfiguration {
	return batchv1.JobSpec().
		WithActiveDeadlineSeconds(deadlineSeconds).
		WithTTLSecondsAfterFinished(keepSeconds).
		WithTemplate(corev1.PodTemplateSpec().WithLabels(p.labels(kind)).WithSpec(p.pod(kind)))
}

func (p Params) pod(kind string) *corev1.PodSpecApplyConfiguration {
	spec := corev1.PodSpec().
		WithRestartPolicy(core.RestartPolicyNever).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithSecurityContext(corev1.PodSecurityContext().
			WithRunAsNonRoot(true).
			WithRunAsUser(65532).
			WithFSGroup(65532).
			WithSeccompProfile(corev1.SeccompProfile().WithType(core.SeccompProfileTypeRuntimeDefault))).
		WithContainers(p.container(kind)).
		WithVolumes(p.volume(), corev1.Volume().WithName("tmp").WithEmptyDir(corev1.EmptyDirVolumeSource()))
	for _, name := range p.Class.Sidecar.PullSecrets {
		spec.WithImagePullSecrets(corev1.LocalObjectReference().WithName(string(name)))
	}
	return spec
}

func (p Params) container(kind string) *corev1.ContainerApplyConfiguration {
	return corev1.Container().
		WithName(container).
		WithImage(p.Image).
		WithArgs(kind,
			"--config", naming.ConfigMount+"/"+naming.ConfigDir+"/"+naming.ConfigFile,
			"--credentials", naming.ConfigMount+"/"+naming.CredentialsDir,
			"--verdict-file", core.TerminationMessagePathDefault).
		WithTerminationMessagePath(core.TerminationMessagePathDefault).
		WithTerminationMessagePolicy(core.TerminationMessageReadFile).
		WithEnv(corev1.EnvVar().WithName("GOMEMLIMIT").WithValue(strconv.Itoa(memoryLimit/10*9))).
		WithResources(corev1.ResourceRequirements().
			WithRequests(core.ResourceList{core.ResourceCPU: resource.MustParse("100m"), core.ResourceMemory: resource.MustParse("128Mi")}).
			WithLimits(core.ResourceList{core.ResourceMemory: *resource.NewQuantity(memoryLimit, resource.BinarySI)})).
		WithSecurityContext(corev1.SecurityContext().
			WithAllowPrivilegeEscalation(false).
			WithReadOnlyRootFilesystem(true).
			WithCapabilities(corev1.Capabilities().WithDrop("ALL"))).
		WithVolumeMounts(
			corev1.VolumeMount().WithName(naming.ConfigVolume).WithMountPath(naming.ConfigMount).WithReadOnly(true),
			corev1.VolumeMount().WithName("tmp").WithMountPath("/tmp"))
}

// volume holds the configuration and the credentials. A missing Secret must not keep the pod from starting: it is the run
// that says so.
func (p Params) volume() *corev1.VolumeApplyConfiguration {
	sources := corev1.ProjectedVolumeSource().WithSources(corev1.VolumeProjection().WithConfigMap(corev1.ConfigMapProjection().
		WithName(naming.Config(p.Monitor.Name)).
		WithItems(corev1.KeyToPath().WithKey(naming.ConfigFile).WithPath(naming.ConfigDir + "/" + naming.ConfigFile))))
	if secret := p.secret(); secret != "" {
		projection := corev1.SecretProjection().WithName(secret).WithOptional(true)
		for _, key := range naming.CredentialKeys() {
			projection.WithItems(corev1.KeyToPath().WithKey(key).WithPath(naming.CredentialsDir + "/" + key))
		}
		sources.WithSources(corev1.VolumeProjection().WithSecret(projection))
	}
	return corev1.Volume().WithName(naming.ConfigVolume).WithProjected(sources)
}
