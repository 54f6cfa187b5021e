// SPDX-License-Identifier: Apache-2.0

// Package kstatus reads conditions as kubectl wait, Flux and Argo CD do, and checks the rules that they rely on.
package kstatus

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// Status is what others make of an object.
type Status string

// The states.
const (
	Current    Status = "Current"
	InProgress Status = "InProgress"
	Failed     Status = "Failed"
)

// Of is the status of an object with the generation, as Compute of sigs.k8s.io/cli-utils/pkg/kstatus/status finds it. What is said of an
// earlier generation is not looked at. An observed generation of 0 is not in the object: then it is not compared, and neither is a condition
// Ready that is not there, so that an object that nobody has looked at is Current.
func Of(generation, observed int64, conditions []metav1.Condition) Status {
	if observed != 0 && observed != generation {
		return InProgress
	}
	for _, c := range conditions { // whichever comes first
		switch {
		case c.Type == v1alpha1.ConditionReconciling && c.Status == metav1.ConditionTrue:
			return InProgress
		case c.Type == v1alpha1.ConditionStalled && c.Status == metav1.ConditionTrue:
			return Failed
		}
	}
	if ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); ready != nil && ready.Status != metav1.ConditionTrue {
		return InProgress
	}
	return Current
}

// Check fails the test where conditions break the rules: Ready is always there, Reconciling and Stalled only while True and
// never both, and what is neither ready nor in progress is Stalled, or nobody would ever be told.
func Check(t *testing.T, generation, observed int64, conditions []metav1.Condition) {
	t.Helper()
	for _, problem := range problems(generation, observed, conditions) {
		t.Error(problem)
	}
}

func problems(generation, observed int64, conditions []metav1.Condition) []string {
	var all []string
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	stalled := meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled)
	reconciling := meta.FindStatusCondition(conditions, v1alpha1.ConditionReconciling)
	if ready == nil {
		return append(all, "there is no condition Ready")
	}
	for _, c := range []*metav1.Condition{stalled, reconciling} {
		if c != nil && c.Status != metav1.ConditionTrue {
			all = append(all, fmt.Sprintf("%s is %s: it must be absent", c.Type, c.Status))
		}
	}
	switch {
	case stalled != nil && reconciling != nil:
		all = append(all, "the object is both Stalled and Reconciling")
	case ready.Status == metav1.ConditionTrue && (stalled != nil || reconciling != nil):
		all = append(all, "the object is Ready, and yet Stalled or Reconciling")
	case ready.Status != metav1.ConditionTrue && stalled == nil && reconciling == nil:
		all = append(all, "the object is not Ready, and neither Stalled nor Reconciling: it would be in progress for ever")
	case reconciling == nil && observed != generation:
		all = append(all, fmt.Sprintf("nothing is reconciled, and the observed generation is %d of %d", observed, generation))
	}
	if slices.ContainsFunc(conditions, func(c metav1.Condition) bool { return c.ObservedGeneration > generation }) {
		all = append(all, "a condition observed a generation that does not exist")
	}
	return all
}
