// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/freeport"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// TestVerdicts runs a manager that another one leads, with the permissions of config/rbac: it tells verdicts all the same.
func TestVerdicts(t *testing.T) {
	server := apiserver.Get(t)
	c := server.Client(t, server.Config)
	ns := server.Namespace(t, nil)
	now := metav1.NowMicro()
	if err := c.Create(t.Context(), &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "vedette-manager"},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: new("another"), LeaseDurationSeconds: new(int32(3600)), AcquireTime: &now, RenewTime: &now},
	}); err != nil {
		t.Fatal(err)
	}
	o, err := parse([]string{
		"--metrics-bind-address=0", "--health-probe-bind-address=0", "--namespace=" + ns,
		"--verdict-bind-address=" + freeport.Address(t),
	}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	mgr, err := newManager(server.As(t, "vedette-verdicts", apiserver.ManagerRole(t), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "leases"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{coordinationv1.GroupName}, Resources: []string{"leases"}, Verbs: []string{"*"}}},
	}), o, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := addVerdicts(t.Context(), mgr, o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // the test's own ends before its cleanups run
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the manager ended with an error: %v", err)
		}
	})

	r := wrappers.MakeRollout(ns, "fraud").Obj()
	if err := c.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	r.Status.Decision = vedettev1alpha1.RolloutDecision{Revision: "bbbbbbbbbb", Verdict: vedettev1alpha1.VerdictPass, Time: metav1.Now()}
	r.Status.Conditions = []metav1.Condition{{
		Type: vedettev1alpha1.ConditionCandidateFit, Status: metav1.ConditionTrue, Reason: vedettev1alpha1.ReasonAdvised, Message: "revision bbbbbbbbbb has passed",
		ObservedGeneration: r.Generation, LastTransitionTime: metav1.Now(),
	}}
	if err := c.Status().Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}

	ask := func(ctx context.Context, method string) (int, string) {
		req, err := http.NewRequestWithContext(ctx, method, "http://"+o.verdictAddress+"/v1/namespaces/"+ns+"/shadowrollouts/fraud/verdict", strings.NewReader(`{"name":"fraud"}`))
		if err != nil {
			t.Fatal(err)
		}
		client := http.Client{Timeout: time.Minute}
		res, err := client.Do(req)
		if err != nil {
			return 0, err.Error() // nobody listens yet
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	poll(t, "the gate to open", func(ctx context.Context) (bool, error) {
		code, _ := ask(ctx, http.MethodPost)
		return code == http.StatusOK, nil
	})
	if code, body := ask(t.Context(), http.MethodGet); code != http.StatusOK || !strings.Contains(body, `"verdict":"Pass"`) {
		t.Errorf("%d %s", code, body)
	}
	select {
	case <-mgr.Elected():
		t.Error("the manager leads: this test shows nothing")
	default:
	}
}
