// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func classes(names ...string) []v1alpha1.MonitorClass {
	var all []v1alpha1.MonitorClass
	for i, n := range names {
		c := v1alpha1.MonitorClass{ObjectMeta: metav1.ObjectMeta{Name: n, CreationTimestamp: metav1.NewTime(time.Unix(int64(1000-i), 0))}}
		c.Spec.Selection = v1alpha1.ClassSelectionDefault
		all = append(all, c)
	}
	return all
}

func TestClassFor(t *testing.T) {
	named := classes("named")
	named[0].Spec.Selection = v1alpha1.ClassSelectionNamed
	restricted := classes("restricted")
	restricted[0].Spec.AllowedNamespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"ml": "true"}}
	twins := classes("b", "a")
	twins[1].CreationTimestamp = twins[0].CreationTimestamp
	for name, tt := range map[string]struct {
		classes     []v1alpha1.MonitorClass
		ask         v1alpha1.ObjectName
		namespace   map[string]string
		want        string
		wantStalled string
		wantWaiting string
	}{
		"the only default is used":                       {classes: classes("a"), want: "a"},
		"of two defaults, the older is used":             {classes: classes("younger", "older"), want: "older"},
		"of two of one age, the first by name":           {classes: twins, want: "a"},
		"a named class is used beside a default":         {classes: append(classes("a"), named...), ask: "named", want: "named"},
		"a class that is not the default must be named":  {classes: named, wantWaiting: v1alpha1.ReasonClassNotFound},
		"a class that is missing may come":               {classes: classes("a"), ask: "b", wantWaiting: v1alpha1.ReasonClassNotFound},
		"an allowed namespace":                           {classes: restricted, namespace: map[string]string{"ml": "true"}, want: "restricted"},
		"a namespace that is not allowed needs a person": {classes: restricted, wantStalled: v1alpha1.ReasonNamespaceNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ClassFor(tt.classes, tt.ask, tt.namespace)
			wantError(t, err, tt.wantStalled, tt.wantWaiting)
			if err == nil && got.Name != tt.want {
				t.Errorf("class %q, want %q", got.Name, tt.want)
			}
		})
	}
}

// wantError checks that err is Stalled or Waiting for the reason, or nil when both are empty.
func wantError(t *testing.T, err error, stalled, waiting string) {
	t.Helper()
	var s *reconcileerr.Stalled
	var w *reconcileerr.Waiting
	switch {
	case stalled != "":
		if !errors.As(err, &s) || s.Reason != stalled {
			t.Errorf("error %v, want Stalled for %s", err, stalled)
		}
	case waiting != "":
		if !errors.As(err, &w) || w.Reason != waiting {
			t.Errorf("error %v, want Waiting for %s", err, waiting)
		}
	case err != nil:
		t.Errorf("error %v, want none", err)
	}
}

func TestUses(t *testing.T) {
	all := classes("younger", "older")
	for _, tt := range []struct {
		ask  v1alpha1.ObjectName
		want string
		uses bool
	}{{"", "older", true}, {"", "younger", false}, {"younger", "younger", true}, {"younger", "older", false}} {
		if got := Uses(all, tt.ask, tt.want); got != tt.uses {
			t.Errorf("a monitor that names %q uses %q: %v, want %v", tt.ask, tt.want, got, tt.uses)
		}
	}
}

func TestStops(t *testing.T) {
	class := func(mode v1alpha1.Mode) *v1alpha1.MonitorClass {
		c := wrappers.MakeClass("c")
		c.Spec.Mode = mode
		return c
	}
	for name, tt := range map[string]struct {
		mode    v1alpha1.Mode
		class   *v1alpha1.MonitorClass
		noClass error
		want    bool
	}{
		"neither says so":              {mode: v1alpha1.ModeEnforce, class: class("")},
		"suspended is not stopped":     {mode: v1alpha1.ModeSuspended, class: class(v1alpha1.ModeSuspended)},
		"the monitor says so":          {mode: v1alpha1.ModePassThrough, class: class(v1alpha1.ModeEnforce), want: true},
		"its class does":               {mode: v1alpha1.ModeSuspended, class: class(v1alpha1.ModePassThrough), want: true},
		"the class is gone":            {mode: v1alpha1.ModeEnforce, noClass: reconcileerr.NewWaiting(v1alpha1.ReasonClassNotFound, "gone"), want: true},
		"the namespace is not allowed": {mode: v1alpha1.ModeEnforce, noClass: reconcileerr.NewStalled(v1alpha1.ReasonNamespaceNotAllowed, "no"), want: true},
		"the classes cannot be read":   {mode: v1alpha1.ModeEnforce, noClass: errors.New("refused")},
		"nor need they be":             {mode: v1alpha1.ModePassThrough, noClass: errors.New("refused"), want: true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Stops(wrappers.MakeMonitor("ns", "m").Mode(tt.mode).Obj(), tt.class, tt.noClass); got != tt.want {
				t.Errorf("stops: %v, want %v", got, tt.want)
			}
		})
	}
}
