// SPDX-License-Identifier: Apache-2.0

package monitorclass

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/kstatus"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func TestMain(m *testing.M) { apiserver.Main(m) }

// logs are audit logs that cannot be continued for a reason.
type logs struct{ err error }

func (l *logs) Check(context.Context, *v1alpha1.MonitorClass) error { return l.err }

func TestAClassSaysThatItsAuditLogIsOutOfReach(t *testing.T) {
	server := apiserver.Get(t)
	admin := server.Client(t, server.Config)
	requests := &apiserver.Requests{}
	log := &logs{}
	r := &Reconciler{
		Client: server.Client(t, requests.Observe(server.As(t, "vedette-manager", apiserver.ManagerRole(t)))),
		Audit:  log, Prometheus: answers{}, Now: func() time.Time { return time.Unix(1e9, 0) },
	}
	class := wrappers.MakeClass("audited")
	class.Spec.Audit.URL = "s3://audit"
	if err := admin.Create(t.Context(), class); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"it works":                    {nil, ""},
		"the credentials are refused": {fmt.Errorf("listing: %w", store.ErrCredentials), v1alpha1.ReasonAuditCredentialsRefused},
		"the store does not answer":   {fmt.Errorf("listing: %w", store.ErrUnreachable), v1alpha1.ReasonAuditUnreachable},
		"somebody was at its end":     {fmt.Errorf("entry 7: %w", audit.ErrDamaged), v1alpha1.ReasonAuditDamaged},
		"it works again":              {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			log.err = tc.err
			for range 2 {
				requests.Mutating()
				if err := admin.Get(t.Context(), client.ObjectKeyFromObject(class), class); err != nil {
					t.Fatal(err)
				}
				if result, err := r.Reconcile(t.Context(), class); err != nil || result.RequeueAfter == 0 {
					t.Fatalf("%+v, %v; want to look again", result, err)
				}
			}
			if got := requests.Mutating(); len(got) > 0 {
				t.Errorf("the second reconciliation sent %v", got)
			}
			reason := ""
			for _, c := range class.Status.Conditions {
				if c.Type == v1alpha1.ConditionAuditUnavailable && c.Status == metav1.ConditionTrue {
					reason = c.Reason
				}
				if c.Type == v1alpha1.ConditionReady && c.Status != metav1.ConditionTrue {
					t.Error("monitors can be watched without a log: the class is ready")
				}
			}
			if reason != tc.want {
				t.Errorf("reason %q, want %q", reason, tc.want)
			}
		})
	}
}

func TestReconcile(t *testing.T) {
	server := apiserver.Get(t)
	admin := server.Client(t, server.Config)
	requests := &apiserver.Requests{}
	r := &Reconciler{
		Client:     server.Client(t, requests.Observe(server.As(t, "vedette-manager", apiserver.ManagerRole(t)))),
		Prometheus: answers{}, Now: func() time.Time { return time.Unix(1e9, 0) },
	}
	ns := server.Namespace(t, nil)
	older, younger, named, broken := wrappers.MakeClass("a-default"), wrappers.MakeClass("b-default"), wrappers.MakeClass("c-named"), wrappers.MakeClass("d-broken")
	older.Spec.Selection, younger.Spec.Selection = v1alpha1.ClassSelectionDefault, v1alpha1.ClassSelectionDefault
	broken.Spec.AllowedNamespaces = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "ml", Operator: "Near"}}}
	for _, o := range []client.Object{
		older, younger, named, broken,
		wrappers.MakeMonitor(ns, "by-default").Obj(), wrappers.MakeMonitor(ns, "by-name").Class("c-named").Obj(),
	} {
		if err := admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]struct {
		status   metav1.ConditionStatus
		reason   string
		kstatus  kstatus.Status
		monitors int32
	}{
		"a-default": {metav1.ConditionTrue, v1alpha1.ReasonSucceeded, kstatus.Current, 1},
		"b-default": {metav1.ConditionFalse, v1alpha1.ReasonDuplicateDefault, kstatus.Failed, 0},
		"c-named":   {metav1.ConditionTrue, v1alpha1.ReasonSucceeded, kstatus.Current, 1},
		"d-broken":  {metav1.ConditionFalse, v1alpha1.ReasonInvalidSelector, kstatus.Failed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			get := func() *v1alpha1.MonitorClass {
				c := &v1alpha1.MonitorClass{}
				if err := admin.Get(t.Context(), client.ObjectKey{Name: name}, c); err != nil {
					t.Fatal(err)
				}
				return c
			}
			stale := get()
			if _, err := r.Reconcile(t.Context(), get()); err != nil {
				t.Fatal(err)
			}
			requests.Mutating()
			if _, err := r.Reconcile(t.Context(), get()); err != nil {
				t.Fatal(err)
			}
			if got := requests.Mutating(); len(got) > 0 {
				t.Errorf("the second reconciliation sent %v", got)
			}
			c := get()
			kstatus.Check(t, c.Generation, c.Status.ObservedGeneration, c.Status.Conditions)
			if got := kstatus.Of(c.Generation, c.Status.ObservedGeneration, c.Status.Conditions); got != want.kstatus {
				t.Errorf("kstatus %s, want %s", got, want.kstatus)
			}
			for _, cond := range c.Status.Conditions {
				if cond.Type == v1alpha1.ConditionReady && (cond.Status != want.status || cond.Reason != want.reason) {
					t.Errorf("Ready is %s %s", cond.Status, cond.Reason)
				}
			}
			if *c.Status.Monitors != want.monitors {
				t.Errorf("%d monitors, want %d", *c.Status.Monitors, want.monitors)
			}
			if result, err := r.Reconcile(t.Context(), stale); err != nil || result.RequeueAfter == 0 {
				t.Errorf("a stale read gives %+v, %v; want to come again without an error", result, err)
			}
		})
	}
}
