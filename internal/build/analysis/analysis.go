// SPDX-License-Identifier: Apache-2.0

// Package analysis builds the CronJobs and one-off Jobs that run analyze for a monitor. It is pure. Their pods have no API
// permissions: they get the configuration as a file, and answer by their termination message.
package analysis

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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
	checkDeadline    = 5 * 60
	startingDeadline = 60 * 60
	memoryLimit      = 1 << 30
)

// Params are what analysis pods depend on.
type Params struct {
	Monitor *v1alpha1.ModelMonitor
	Class   *v1alpha1.MonitorClassSpec
	// Image is the image of analyze.
	Image string
	// Args are arguments behind those of every run.
	Args []string
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
	return naming.Job(p.Monitor.Name, monitor.KindCheck,
		revision(p.Image, c.Store.URL, string(c.ClusterName), p.secret(), p.writer(), fmt.Sprint(c.Sidecar.PullSecrets)))
}

// BaselineName names the Job that computes the baseline of a folder. It changes with where the folder is: another store, or
// another place in it, has no baseline yet.
func BaselineName(p Params, folder string) string {
	return naming.Job(p.Monitor.Name, monitor.KindBaseline, revision(folder, p.Class.Store.URL, string(p.Class.ClusterName)))
}

func revision(of ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(of, "\n")))
	return hex.EncodeToString(sum[:])[:10]
}

// secret is the Secret with the store's credentials; empty when pods use their own identity.
func (p Params) secret() string {
	c := p.Class.Store.Credentials
	if c.AnalysisSecretName != "" {
		return string(c.AnalysisSecretName)
	}
	return string(c.SecretName)
}

// writer is the Secret with which the sidecars write; empty where it is that of the analyses.
func (p Params) writer() string {
	if writer := string(p.Class.Store.Credentials.SecretName); writer != p.secret() {
		return writer
	}
	return ""
}

func (p Params) labels(kind string) map[string]string {
	l := owner.Labels(p.Monitor, naming.RoleAnalysis)
	l[naming.LabelAnalysis] = kind
	return l
}

func (p Params) job(kind string) *batchv1.JobSpecApplyConfiguration {
	// A check is done within seconds, or cannot start: that is told soon.
	deadline := int64(deadlineSeconds)
	if kind == monitor.KindCheck {
		deadline = checkDeadline
	}
	return batchv1.JobSpec().
		WithActiveDeadlineSeconds(deadline).
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
		WithVolumes(p.volume(kind), corev1.Volume().WithName("tmp").WithEmptyDir(corev1.EmptyDirVolumeSource()))
	for _, name := range p.Class.Sidecar.PullSecrets {
		spec.WithImagePullSecrets(corev1.LocalObjectReference().WithName(string(name)))
	}
	return spec
}

func (p Params) container(kind string) *corev1.ContainerApplyConfiguration {
	c := corev1.Container().
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
	if since := p.Monitor.Status.Retraining.TrainedTime; !since.IsZero() && counts(kind) {
		c.WithArgs("--labels-since", since.UTC().Format(time.RFC3339))
	}
	c.WithArgs(p.Args...)
	if kind == monitor.KindCheck && p.writer() != "" {
		c.WithArgs("--writer-credentials", naming.ConfigMount+"/"+naming.WriterDir)
	}
	return c
}

// volume holds the configuration and the credentials; for a check, those of the sidecars too, for labels the key of hashed label
// keys, and for performance what the sidecars are told of a trial, whose pairs it judges. A missing Secret must not keep the pod from
// starting: it is the run that says so.
func (p Params) volume(kind string) *corev1.VolumeApplyConfiguration {
	sources := corev1.ProjectedVolumeSource().WithSources(corev1.VolumeProjection().WithConfigMap(corev1.ConfigMapProjection().
		WithName(naming.Config(p.Monitor.Name)).
		WithItems(corev1.KeyToPath().WithKey(naming.ConfigFile).WithPath(naming.ConfigDir + "/" + naming.ConfigFile))))
	if secret := p.secret(); secret != "" {
		sources.WithSources(credentials(secret, naming.CredentialsDir))
	}
	if writer := p.writer(); writer != "" && kind == monitor.KindCheck {
		sources.WithSources(credentials(writer, naming.WriterDir))
	}
	if secret := string(p.Class.HashKey.SecretName); secret != "" && hashes(kind) {
		sources.WithSources(corev1.VolumeProjection().WithSecret(corev1.SecretProjection().WithName(secret).WithOptional(true).
			WithItems(corev1.KeyToPath().WithKey(naming.HashKeyFile).WithPath(naming.HashKeyDir + "/" + naming.HashKeyFile))))
	}
	if kind == monitor.KindPerformance {
		sources.WithSources(corev1.VolumeProjection().WithConfigMap(corev1.ConfigMapProjection().WithName(naming.Mirror(p.Monitor.Name)).WithOptional(true).
			WithItems(corev1.KeyToPath().WithKey(naming.MirrorFile).WithPath(naming.MirrorDir + "/" + naming.MirrorFile))))
	}
	return corev1.Volume().WithName(naming.ConfigVolume).WithProjected(sources)
}

// hashes says whether a run reads files of labels, whose keys it may have to hash as the sidecars do: to take them, or to
// erase lines that could not be taken.
func hashes(kind string) bool {
	return slices.Contains([]string{monitor.KindLabels, monitor.KindPerformance, monitor.KindCompact}, kind)
}

// counts says whether a run counts the labels that are new since a model was trained.
func counts(kind string) bool {
	return kind == monitor.KindLabels || kind == monitor.KindPerformance || kind == monitor.KindDataset
}

func credentials(secret, folder string) *corev1.VolumeProjectionApplyConfiguration {
	projection := corev1.SecretProjection().WithName(secret).WithOptional(true)
	for _, key := range naming.CredentialKeys() {
		projection.WithItems(corev1.KeyToPath().WithKey(key).WithPath(folder + "/" + key))
	}
	return corev1.VolumeProjection().WithSecret(projection)
}
