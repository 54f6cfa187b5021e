// SPDX-License-Identifier: Apache-2.0

// Package retraining builds the Job of a retraining run from the jobTemplate of a CronJob of the user's. It is pure. It adds who
// the run is and what it is trained on, and takes nothing from the monitor that could widen what the template may do: neither
// images nor commands, neither volumes nor Secrets, and no ServiceAccount.
package retraining

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
)

// keepSeconds is how long a Job is kept where its template does not say.
const keepSeconds = 7 * 24 * 60 * 60

// Job builds the Job of a run.
func Job(m *v1alpha1.ModelMonitor, run *v1alpha1.RetrainingRun, template *batchv1.JobTemplateSpec) *batchv1.Job {
	t := template.DeepCopy()
	values := []struct{ env, annotation, value string }{
		{naming.EnvRun, naming.AnnotationRun, string(run.Name)},
		{naming.EnvReason, naming.AnnotationReason, run.Reason},
		{naming.EnvDatasetURI, naming.AnnotationDatasetURI, run.Dataset.URI},
		{naming.EnvDatasetDigest, naming.AnnotationDatasetDigest, run.Dataset.Digest},
		{naming.EnvBaseVersion, naming.AnnotationBaseVersion, version(run.Dataset.BaseVersion)},
	}
	annotations := map[string]string{}
	var env []corev1.EnvVar
	for _, v := range values {
		annotations[v.annotation] = v.value
		env = append(env, corev1.EnvVar{Name: v.env, Value: v.value})
	}
	labels := owner.Labels(m, naming.RoleRetraining)
	j := &batchv1.Job{
		TypeMeta: metav1.TypeMeta{APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{
			Name: string(run.Name), Namespace: m.Namespace,
			Labels: merge(t.Labels, labels), Annotations: merge(t.Annotations, annotations),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(m, v1alpha1.GroupVersion.WithKind("ModelMonitor"))},
		},
		Spec: t.Spec,
	}
	j.Spec.Selector, j.Spec.ManualSelector, j.Spec.Suspend = nil, nil, nil // the API server's own
	if j.Spec.TTLSecondsAfterFinished == nil {
		j.Spec.TTLSecondsAfterFinished = new(int32(keepSeconds))
	}
	pod := &j.Spec.Template
	pod.Labels, pod.Annotations = merge(pod.Labels, labels), merge(pod.Annotations, annotations)
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			containers[i].Env = append(without(containers[i].Env, env), env...)
		}
	}
	return j
}

// without leaves out variables of the names of others.
func without(env, others []corev1.EnvVar) []corev1.EnvVar {
	return slices.DeleteFunc(env, func(e corev1.EnvVar) bool {
		return slices.ContainsFunc(others, func(o corev1.EnvVar) bool { return o.Name == e.Name })
	})
}

// merge is both, and ours where both say something.
func merge(theirs, ours map[string]string) map[string]string {
	all := maps.Clone(theirs)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, ours)
	return all
}

// version makes of a version, which comes from where the model runs, a word that no shell takes apart.
func version(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-+:/@", r) {
			return r
		}
		return '_'
	}, s)
}

// Describe names a run for those who ask who wanted a dataset.
func Describe(m *v1alpha1.ModelMonitor, run *v1alpha1.RetrainingRun) string {
	return fmt.Sprintf("ModelMonitor %s/%s generation %d", m.Namespace, m.Name, run.Generation)
}
