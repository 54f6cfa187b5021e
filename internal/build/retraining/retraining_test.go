// SPDX-License-Identifier: Apache-2.0

package retraining

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func template() *batchv1.JobTemplateSpec {
	return &batchv1.JobTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"team": "payments"}},
		Spec: batchv1.JobSpec{
			BackoffLimit: new(int32(1)), Suspend: new(true),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "train", naming.LabelMonitor: "another"}},
				Spec: corev1.PodSpec{
					ServiceAccountName: "trainer", RestartPolicy: corev1.RestartPolicyNever,
					InitContainers: []corev1.Container{{Name: "fetch", Image: "fetch:1"}},
					Containers: []corev1.Container{{
						Name: "train", Image: "train:1", Command: []string{"train", "--data", "$(VEDETTE_DATASET_URI)"},
						Env: []corev1.EnvVar{{Name: "SEED", Value: "1"}, {Name: naming.EnvDatasetDigest, Value: "forged"}},
					}},
				},
			},
		},
	}
}

func run() *v1alpha1.RetrainingRun {
	return &v1alpha1.RetrainingRun{
		Name: "fraud-retrain-0123456789", Trigger: v1alpha1.RetrainingTriggerThreshold, Reason: "threshold recall is violated in segment atl", Generation: 3,
		Dataset: v1alpha1.DatasetStatus{Digest: "0123456789abcdef", URI: "s3://b/c/payments/fraud/datasets/0123456789abcdef/", BaseVersion: "v7$(id) `x`"},
	}
}

func TestGolden(t *testing.T) {
	m := wrappers.MakeMonitor("payments", "fraud").UID("uid").Obj()
	golden.Object(t, "job", Job(m, run(), template()), &batchv1.Job{})
}

// TestTheMonitorWidensNothing: all that differs from the template is who and what the run is.
func TestTheMonitorWidensNothing(t *testing.T) {
	m := wrappers.MakeMonitor("payments", "fraud").UID("uid").Obj()
	before := template()
	j := Job(m, run(), before)
	if diff := cmp.Diff(template(), before); diff != "" {
		t.Errorf("the template itself was changed: %s", diff)
	}
	got, want := j.Spec.Template.Spec.DeepCopy(), template().Spec.Template.Spec
	for _, containers := range [][]corev1.Container{got.InitContainers, got.Containers, want.InitContainers, want.Containers} {
		for i := range containers {
			for _, e := range containers[i].Env {
				if e.ValueFrom != nil {
					t.Errorf("%s gets %s from elsewhere", containers[i].Name, e.Name)
				}
			}
			containers[i].Env = nil
		}
	}
	if diff := cmp.Diff(want, *got); diff != "" {
		t.Errorf("the pods differ from the template's (-want +got):\n%s", diff)
	}
}
