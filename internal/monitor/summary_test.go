// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/conditions"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

func TestSumUp(t *testing.T) {
	stalled := reconcileerr.NewStalled("NeedsYou", "mend it")
	waiting := &reconcileerr.Waiting{Reason: "NotYet", Message: "wait", After: time.Minute}
	broken := errors.New("connection refused")
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "modelmonitors"}, "m", errors.New("changed"))
	for name, tt := range map[string]struct {
		problems        []error
		wantReady       metav1.ConditionStatus
		wantReason      string
		wantReconciling bool
		wantStalled     bool
		want            Summary
	}{
		"nothing stands in the way":    {wantReady: metav1.ConditionTrue, wantReason: "Succeeded", want: Summary{Settled: true}},
		"a person must act":            {problems: []error{fmt.Errorf("wrapped: %w", stalled)}, wantReady: metav1.ConditionFalse, wantReason: "NeedsYou", wantStalled: true, want: Summary{Settled: true}},
		"something is waited for":      {problems: []error{waiting}, wantReady: metav1.ConditionFalse, wantReason: "NotYet", wantReconciling: true, want: Summary{After: time.Minute}},
		"a check under way is no news": {problems: []error{reconcileerr.NewWaiting(v1alpha1.ReasonStoreChecking, "checking")}, wantReady: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonStoreChecking, wantReconciling: true},
		"what failed is tried again":   {problems: []error{broken}, wantReady: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonProgressingWithRetry, wantReconciling: true, want: Summary{Retry: errors.Join(broken)}},
		"a person comes before a retry, which still happens": {
			problems: []error{waiting, broken, stalled}, wantReady: metav1.ConditionFalse, wantReason: "NeedsYou", wantStalled: true,
			want: Summary{Retry: errors.Join(broken), After: time.Minute},
		},
		"a person comes before a conflict, after which more may be done": {
			problems: []error{stalled, conflict}, wantReady: metav1.ConditionFalse, wantReason: "NeedsYou", wantStalled: true, want: Summary{After: conflictDelay},
		},
		"a conflict is no news": {problems: []error{conflict}, wantReady: metav1.ConditionTrue, wantReason: "Before", want: Summary{After: conflictDelay}},
	} {
		t.Run(name, func(t *testing.T) {
			list := []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Before"}}
			set := conditions.Writer{Conditions: &list, Generation: 3, Now: time.Unix(100, 0)}
			got := SumUp(set, tt.problems, "Succeeded")
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if c := set.Get(v1alpha1.ConditionReady); c.Status != tt.wantReady || c.Reason != tt.wantReason {
				t.Errorf("Ready is %s %s, want %s %s", c.Status, c.Reason, tt.wantReady, tt.wantReason)
			}
			if c := set.Get(v1alpha1.ConditionReconciling); (c != nil) != tt.wantReconciling {
				t.Errorf("Reconciling is %v", c)
			}
			if c := set.Get(v1alpha1.ConditionStalled); (c != nil) != tt.wantStalled {
				t.Errorf("Stalled is %v", c)
			}
		})
	}
}

func TestTheCauseOfARetryIsTold(t *testing.T) {
	jobs := schema.GroupResource{Group: "batch", Resource: "jobs"}
	invalid := apierrors.NewInvalid(schema.GroupKind{Group: "batch", Kind: "Job"}, "fraud-check", field.ErrorList{field.Required(field.NewPath("spec", "template"), "")})
	for name, tt := range map[string]struct {
		problems []error
		want     string
	}{
		"what is no answer of the API server may differ each time": {[]error{errors.New("dial tcp 10.0.0.1:41234: refused")}, "the last attempt failed and is repeated; the manager's log says more"},
		"a refusal": {
			[]error{errors.New("dial"), fmt.Errorf("applying: %w", apierrors.NewForbidden(jobs, "fraud-check", errors.New("exceeded quota: used 17")))},
			"the last attempt failed and is repeated (Forbidden: jobs fraud-check); the manager's log says more",
		},
		"a field": {[]error{invalid}, "the last attempt failed and is repeated (Invalid: Job fraud-check, spec.template); the manager's log says more"},
		"a long name": {
			[]error{apierrors.NewForbidden(jobs, strings.Repeat("n", 1000), nil)},
			"the last attempt failed and is repeated (Forbidden: jobs " + strings.Repeat("n", maxCause-len("Forbidden: jobs ")) + "); the manager's log says more",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var list []metav1.Condition
			set := conditions.Writer{Conditions: &list, Now: time.Unix(100, 0)}
			SumUp(set, tt.problems, "Succeeded")
			if got := set.Get(v1alpha1.ConditionReady).Message; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEvents(t *testing.T) {
	cond := func(kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: "m"}
	}
	for name, tt := range map[string]struct {
		before, after []metav1.Condition
		want          []Event
	}{
		"nothing changed": {
			before: []metav1.Condition{cond("Ready", "True", "Succeeded")},
			after:  []metav1.Condition{cond("Ready", "True", "Succeeded")},
		},
		"what is not known yet is no event": {after: []metav1.Condition{cond(v1alpha1.ConditionWithinThresholds, "Unknown", "NotRun"), cond(v1alpha1.ConditionReconciling, "True", "Progressing")}},
		"good news": {
			after: []metav1.Condition{cond(v1alpha1.ConditionReady, "True", "Succeeded"), cond(v1alpha1.ConditionDriftDetected, "False", "Stable")},
			want:  []Event{{corev1.EventTypeNormal, "Succeeded", "m"}, {corev1.EventTypeNormal, "Stable", "m"}},
		},
		"bad news, once": {
			after: []metav1.Condition{cond(v1alpha1.ConditionReady, "False", "NeedsYou"), cond(v1alpha1.ConditionStalled, "True", "NeedsYou"), cond(v1alpha1.ConditionDriftDetected, "True", "Drifted")},
			want:  []Event{{corev1.EventTypeWarning, "NeedsYou", "m"}, {corev1.EventTypeWarning, "Drifted", "m"}},
		},
		"nothing to try is no bad news, nor is a bake that held": {
			after: []metav1.Condition{cond(v1alpha1.ConditionProgressing, "False", v1alpha1.ReasonNoCandidate), cond(v1alpha1.ConditionBaking, "False", v1alpha1.ReasonSucceeded)},
			want:  []Event{{corev1.EventTypeNormal, v1alpha1.ReasonNoCandidate, "m"}, {corev1.EventTypeNormal, v1alpha1.ReasonSucceeded, "m"}},
		},
		"a primary that comes up is no bad news": {
			after: []metav1.Condition{cond(v1alpha1.ConditionAvailable, "False", v1alpha1.ReasonPrimaryNotAvailable)},
			want:  []Event{{corev1.EventTypeNormal, v1alpha1.ReasonPrimaryNotAvailable, "m"}},
		},
		"a primary that goes down is": {
			before: []metav1.Condition{cond(v1alpha1.ConditionAvailable, "True", v1alpha1.ReasonPrimaryAvailable)},
			after:  []metav1.Condition{cond(v1alpha1.ConditionAvailable, "False", v1alpha1.ReasonPrimaryNotAvailable)},
			want:   []Event{{corev1.EventTypeWarning, v1alpha1.ReasonPrimaryNotAvailable, "m"}},
		},
		"a rollback is": {
			before: []metav1.Condition{cond(v1alpha1.ConditionBaking, "True", v1alpha1.ReasonBakeRunning)},
			after:  []metav1.Condition{cond(v1alpha1.ConditionBaking, "False", v1alpha1.ReasonRolledBack)},
			want:   []Event{{corev1.EventTypeWarning, v1alpha1.ReasonRolledBack, "m"}},
		},
		"that another revision is wanted after a rollback is no news": {before: []metav1.Condition{cond(v1alpha1.ConditionBaking, "False", v1alpha1.ReasonRolledBack)}},
		"an annotation without effect is bad news": {
			after: []metav1.Condition{cond(v1alpha1.ConditionAnnotationIgnored, "True", v1alpha1.ReasonNotARevision)},
			want:  []Event{{corev1.EventTypeWarning, v1alpha1.ReasonNotARevision, "m"}},
		},
		"what is over": {
			before: []metav1.Condition{cond(v1alpha1.ConditionInjectionBlocked, "True", "InjectionTripped")},
			want:   []Event{{corev1.EventTypeNormal, "InjectionBlockedResolved", "no longer so: m"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Events(tt.before, tt.after)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
