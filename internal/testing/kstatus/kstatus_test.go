// SPDX-License-Identifier: Apache-2.0

package kstatus

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestProblems(t *testing.T) {
	cond := func(kind string, status metav1.ConditionStatus) metav1.Condition {
		return metav1.Condition{Type: kind, Status: status, ObservedGeneration: 2}
	}
	for name, tt := range map[string]struct {
		observed   int64
		conditions []metav1.Condition
		want       int
		wantOf     Status
	}{
		"ready":                      {observed: 2, conditions: []metav1.Condition{cond("Ready", "True")}, wantOf: Current},
		"stalled":                    {observed: 2, conditions: []metav1.Condition{cond("Ready", "False"), cond("Stalled", "True")}, wantOf: Failed},
		"at work":                    {observed: 1, conditions: []metav1.Condition{cond("Ready", "Unknown"), cond("Reconciling", "True")}, wantOf: InProgress},
		"what was bad was corrected": {observed: 1, conditions: []metav1.Condition{cond("Ready", "False"), cond("Stalled", "True")}, want: 1, wantOf: InProgress},
		"at work for the first time": {conditions: []metav1.Condition{cond("Ready", "Unknown"), cond("Reconciling", "True")}, wantOf: InProgress},
		"stalled at once":            {conditions: []metav1.Condition{cond("Ready", "False"), cond("Stalled", "True")}, want: 1, wantOf: Failed},
		"nobody has looked at it":    {want: 1, wantOf: Current},
		"no Ready":                   {observed: 1, want: 1, wantOf: InProgress},
		"in progress for ever":       {observed: 2, conditions: []metav1.Condition{cond("Ready", "False")}, want: 1, wantOf: InProgress},
		"Stalled that is False":      {observed: 2, conditions: []metav1.Condition{cond("Ready", "True"), cond("Stalled", "False")}, want: 2, wantOf: Current},
		"both":                       {observed: 2, conditions: []metav1.Condition{cond("Ready", "False"), cond("Stalled", "True"), cond("Reconciling", "True")}, want: 1, wantOf: Failed},
		"an end without its number":  {observed: 1, conditions: []metav1.Condition{cond("Ready", "True")}, want: 1, wantOf: InProgress},
		"a generation of the future": {observed: 2, conditions: []metav1.Condition{{Type: "Ready", Status: "True", ObservedGeneration: 3}}, want: 1, wantOf: Current},
	} {
		t.Run(name, func(t *testing.T) {
			if got := problems(2, tt.observed, tt.conditions); len(got) != tt.want {
				t.Errorf("problems %q, want %d", got, tt.want)
			}
			if got := Of(2, tt.observed, tt.conditions); got != tt.wantOf {
				t.Errorf("status %s, want %s", got, tt.wantOf)
			}
		})
	}
}
