// SPDX-License-Identifier: Apache-2.0

package wrappers

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// Rollout wraps a ShadowRollout.
type Rollout struct{ v1alpha1.ShadowRollout }

// MakeRollout makes a rollout of the Deployment and the monitor of its own name, with what the API server would fill in.
func MakeRollout(namespace, name string) *Rollout {
	r := &Rollout{}
	r.Namespace, r.Name = namespace, name
	r.Spec = v1alpha1.ShadowRolloutSpec{
		MonitorRef: v1alpha1.MonitorReference{Name: v1alpha1.ObjectName(name)},
		Candidate: v1alpha1.RolloutCandidate{
			TemplateRef: v1alpha1.DeploymentReference{Kind: v1alpha1.DeploymentKindDeployment, Name: v1alpha1.ObjectName(name)},
		},
		Analysis: v1alpha1.RolloutAnalysis{
			Period: "1m", MinSamples: 100, Deadline: "3d", MaxWrongPromotion: "0.05", MaxWrongRejection: "0.01", ErrorLimit: 5,
			Criteria: []v1alpha1.Criterion{{Name: "errors", Signal: v1alpha1.ComparedErrorRatio, MaxDifference: "0.01"}},
		},
		Replicas:       new(int32(1)),
		DeletionPolicy: v1alpha1.DeletionPolicyRetain,
	}
	return r
}

// UID sets the UID, for tests without an API server.
func (r *Rollout) UID(uid types.UID) *Rollout {
	r.ShadowRollout.UID = uid
	return r
}

// With changes the rollout.
func (r *Rollout) With(change func(*v1alpha1.ShadowRolloutSpec)) *Rollout {
	change(&r.Spec)
	return r
}

// Obj is the rollout.
func (r *Rollout) Obj() *v1alpha1.ShadowRollout { return &r.ShadowRollout }
