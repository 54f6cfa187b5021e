// SPDX-License-Identifier: Apache-2.0

package queue_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/queue"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func TestResolve(t *testing.T) {
	one, two, closed := wrappers.MakeClass("one"), wrappers.MakeClass("two"), wrappers.MakeClass("closed")
	one.Spec.Selection = v1alpha1.ClassSelectionDefault
	closed.Spec.AllowedNamespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"ml": "true"}}
	classes := []v1alpha1.MonitorClass{*one, *two, *closed}
	monitors := []v1alpha1.ModelMonitor{
		*wrappers.MakeMonitor("ns", "default").Obj(),
		*wrappers.MakeMonitor("ns", "first").Class("one").Obj(),
		*wrappers.MakeMonitor("ns", "second").Class("two").Obj(),
		*wrappers.MakeMonitor("ns", "lost").Class("three").Obj(),
		*wrappers.MakeMonitor("ns", "shut-out").Class("closed").Obj(),
	}
	for name, tt := range map[string]struct {
		of        []v1alpha1.ObjectName
		want      []string
		wantClass string
		reasons   []string
		message   string
	}{
		"by name and by default is one class": {of: []v1alpha1.ObjectName{"first", "default"}, want: []string{"first", "default"}, wantClass: "one"},
		"what is missing does not stop the rest": {
			of: []v1alpha1.ObjectName{"gone", "first", "also-gone"}, want: []string{"first"}, wantClass: "one",
			reasons: []string{v1alpha1.ReasonMonitorNotFound}, message: "gone, also-gone",
		},
		"nothing is there": {of: []v1alpha1.ObjectName{"gone"}, reasons: []string{v1alpha1.ReasonMonitorNotFound}},
		"two classes are two stores": {
			of: []v1alpha1.ObjectName{"second", "first"}, want: []string{"second", "first"},
			reasons: []string{v1alpha1.ReasonClassMismatch}, message: "two (second), one (first)",
		},
		"a monitor without a class waits by itself": {
			of: []v1alpha1.ObjectName{"lost", "first"}, want: []string{"first"}, wantClass: "one",
			reasons: []string{v1alpha1.ReasonClassNotFound}, message: "of the ModelMonitor lost",
		},
		"a class that does not allow the namespace feeds nothing": {
			of: []v1alpha1.ObjectName{"shut-out"}, reasons: []string{v1alpha1.ReasonNamespaceNotAllowed}, message: "of the ModelMonitor shut-out",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, problems := queue.Resolve(wrappers.MakeQueue("ns", "desk", tt.of...).Obj(), monitors, classes, nil)
			var got, reasons []string
			for _, m := range r.Monitors {
				got = append(got, m.Name)
			}
			for _, err := range problems {
				reasons = append(reasons, reconcileerr.Reason(err))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.reasons, reasons); diff != "" {
				t.Error(diff)
			}
			if (r.Class == nil) != (tt.wantClass == "") || r.Class != nil && r.Class.Name != tt.wantClass {
				t.Errorf("class %v, want %q", r.Class, tt.wantClass)
			}
			if r.Complete != (len(got) == len(tt.of)) {
				t.Errorf("complete: %v with %d of %d", r.Complete, len(got), len(tt.of))
			}
			if err := errors.Join(problems...); tt.message != "" && !strings.Contains(err.Error(), tt.message) {
				t.Errorf("%v does not say %q", err, tt.message)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	fraud := wrappers.MakeMonitor("ns", "fraud").Binary().Obj()
	plain := wrappers.MakeMonitor("ns", "plain").Obj()
	rule := func(when v1alpha1.Expression) v1alpha1.PriorityRule {
		return v1alpha1.PriorityRule{Name: "rule", When: when, Weight: "1"}
	}
	for name, tt := range map[string]struct {
		change     func(*v1alpha1.AnnotationQueueSpec)
		incomplete bool
		want       string
	}{
		"a rule that holds for one monitor": {change: func(s *v1alpha1.AnnotationQueueSpec) {
			s.Priority.Rules = []v1alpha1.PriorityRule{rule("f.age > 30.0 && p.score > 0.5")}
		}},
		"a rule that holds for none": {change: func(s *v1alpha1.AnnotationQueueSpec) {
			s.Priority.Rules = []v1alpha1.PriorityRule{rule("f.height > 30.0")}
		}, want: "InvalidExpression: spec.priority.rules[rule].when"},
		"a rule does not see what is redacted": {change: func(s *v1alpha1.AnnotationQueueSpec) {
			s.Redact.Features = []v1alpha1.FeatureName{"age"}
			s.Priority.Rules = []v1alpha1.PriorityRule{rule("f.age > 30.0")}
		}, want: "InvalidExpression"},
		"a feature to redact that is mistyped": {change: func(s *v1alpha1.AnnotationQueueSpec) {
			s.Redact.Features = []v1alpha1.FeatureName{"age", "county"}
		}, want: "UnknownFeature: spec.redact.features: no monitor of the queue has the feature county"},
		"a monitor that is missing may have it": {change: func(s *v1alpha1.AnnotationQueueSpec) {
			s.Redact.Features = []v1alpha1.FeatureName{"county"}
		}, incomplete: true},
	} {
		t.Run(name, func(t *testing.T) {
			q := wrappers.MakeQueue("ns", "desk", "plain", "fraud").With(tt.change).Obj()
			err := errors.Join(queue.Validate(q, queue.Resolved{Monitors: []*v1alpha1.ModelMonitor{plain, fraud}, Complete: !tt.incomplete})...)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
