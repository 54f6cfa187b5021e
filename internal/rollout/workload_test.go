// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// TestWorkloads: a Deployment and a StatefulSet of two pods say the same in the same state.
func TestWorkloads(t *testing.T) {
	type state struct {
		observed                 int64
		pods, updated, available int32
	}
	type says struct{ settled, available bool }
	for name, tt := range map[string]struct {
		state
		want says
	}{
		"nothing has been seen of it yet":      {state{0, 0, 0, 0}, says{}},
		"its pods start":                       {state{2, 2, 2, 0}, says{}},
		"one pod is not available":             {state{2, 2, 2, 1}, says{}},
		"all pods are":                         {state{2, 2, 2, 2}, says{true, true}},
		"a new template was not looked at yet": {state{1, 2, 2, 2}, says{false, true}},
		"pods of two templates serve":          {state{2, 2, 1, 2}, says{false, true}},
		"an old pod is still there":            {state{2, 3, 2, 3}, says{false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			available := corev1.ConditionFalse
			if tt.want.available {
				available = corev1.ConditionTrue
			}
			d := &appsv1.Deployment{
				Spec: appsv1.DeploymentSpec{Replicas: new(int32(2))},
				Status: appsv1.DeploymentStatus{
					ObservedGeneration: tt.observed, Replicas: tt.pods, UpdatedReplicas: tt.updated, AvailableReplicas: tt.available,
					Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: available}},
				},
			}
			set := &appsv1.StatefulSet{
				Spec: appsv1.StatefulSetSpec{Replicas: new(int32(2))},
				Status: appsv1.StatefulSetStatus{
					ObservedGeneration: tt.observed, Replicas: tt.pods, UpdatedReplicas: tt.updated, AvailableReplicas: tt.available,
				},
			}
			d.Name, d.Generation, set.Name, set.Generation = "fraud", 2, "fraud", 2
			for want, w := range map[string]*Workload{`Deployment "fraud"`: OfDeployment(d), `StatefulSet "fraud"`: OfStatefulSet(set)} {
				if got := (says{w.Settled, w.Available}); got != tt.want || w.Failed || w.String() != want {
					t.Errorf("%s: %+v, want %+v", w, got, tt.want)
				}
			}
		})
	}
	late := &appsv1.Deployment{Status: appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse}}}}
	if !OfDeployment(late).Failed {
		t.Error("pods that do not come up in their time have not failed")
	}
}
