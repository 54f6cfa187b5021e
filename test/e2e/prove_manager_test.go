// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/store"
)

// TestProveManagerKills kills the manager that leads at five points of two rollouts: one that is promoted and holds, and one that a person
// takes back. Another goes on where it stopped.
func TestProveManagerKills(t *testing.T) {
	proof(t)
	if !cluster.Local {
		t.Skip("a container's process can be killed only where the node is this machine")
	}
	s := newRolloutScene(t, "prove-manager", func(s *rolloutScene) {
		s.audits()
		// A manager that takes over needs up to twenty seconds.
		s.rollout.Spec.Analysis.MinSamples, s.rollout.Spec.Bake.Duration = 1500, "1m"
	})
	s.drive(60)
	w := s.witness()
	var lines [][2]string
	kill := func(when string, is func(*v1alpha1.ShadowRolloutStatus) bool) {
		t.Helper()
		w.until(when, is)
		led := s.killLeader()
		died := time.Now()
		r, err := s.read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.waitLeader(led)
		lines = append(lines, [2]string{"killed when " + when, fmt.Sprintf("on record: %s; another led %s later", onRecord(&r.Status), time.Since(died).Round(time.Second))})
	}

	s.try("2001-02")
	kill("the shadow starts", started)
	kill("the first answers are compared", compared)
	kill("the decision is on record", passed)
	kill("the new primary is watched", baking)
	w.until("the end of the bake", func(s *v1alpha1.ShadowRolloutStatus) bool { return s.Bake.Revision == "" })
	good := s.revision()

	s.rollout.Spec.Analysis.MinSamples = 100
	s.try("2001-03")
	w.until("another bake", baking)
	taken := s.revision()
	s.annotate(naming.AnnotationReject, taken)
	kill("a person's rejection is on record", func(s *v1alpha1.ShadowRolloutStatus) bool { return len(s.Rejected) > 0 })
	s.waitRollout(verdictTimeout, v1alpha1.ConditionBaking, metav1.ConditionFalse, v1alpha1.ReasonRolledBack)
	s.serving("2001-02")
	s.readyPods()
	sent := s.rest()
	s.until(startTimeout, "the managers to run again", func(ctx context.Context) (bool, string, error) {
		n, err := managerRestarts(ctx)
		return n == managerKills, fmt.Sprintf("of %d, %d have", managerKills, n), err
	})
	if err := cluster.Rolled(t.Context(), startTimeout, managerKey); err != nil {
		t.Fatal(err)
	}

	promoted, back := w.account()
	if diff := cmp.Diff([][]string{{good, taken}, {good}}, [][]string{promoted, back}); diff != "" {
		t.Errorf("promoted, and taken back (-want +got):\n%s", diff)
	}
	told := s.told()
	want := []string{
		"Bootstrapped", "Started", "Decided", "Approved", "Promoted", "Baked",
		"Started", "Decided", "Approved", "Promoted", "Rejected", "RolledBack",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("the audit log tells of (-want +got):\n%s", diff)
	}
	s.keep("manager-kills", "The manager is killed in the middle of rollouts", append(lines,
		[2]string{"states seen by a watch", fmt.Sprintf("%d, of the ShadowRollout and its primary", len(w.seen))},
		[2]string{"promotions", fmt.Sprintf("%d, each of a revision with a Pass and the promotion on record before", len(promoted))},
		[2]string{"rollbacks", fmt.Sprintf("%d, to what served before, of a revision whose rejection was on record", len(back))},
		[2]string{"audit log", strings.Join(told, ", ")},
		[2]string{"requests meanwhile", fmt.Sprintf("%d, all of them answered with 200", sent.Requests)},
	))
}

// revision is the one that the primary runs, by what is on record.
func (s *rolloutScene) revision() string {
	s.Helper()
	r, err := s.read(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return string(r.Status.PrimaryRevision)
}

// killLeader kills the manager that leads, and says who that was.
func (s *scene) killLeader() string {
	s.Helper()
	led := s.leader(s.Context())
	pod, _, _ := strings.Cut(led, "_")
	s.killProcess("HOSTNAME=" + pod)
	managerKills++
	return led
}

// waitLeader waits until another manager leads.
func (s *scene) waitLeader(led string) {
	s.Helper()
	s.until(startTimeout, "another leader", func(ctx context.Context) (bool, string, error) {
		now := s.leader(ctx)
		return now != led && now != "", "it is " + now, nil
	})
}

// leader is the identity of the manager that leads: the name of its pod, an underscore, and what tells it from an earlier one there.
func (s *scene) leader(ctx context.Context) string {
	s.Helper()
	var lease coordinationv1.Lease
	if err := cluster.Get(ctx, managerKey, &lease); err != nil || lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// audits makes the class keep an audit log, in the bucket of the tests, and gives the manager the keys to it.
func (s *scene) audits() {
	s.Helper()
	s.class.Spec.Audit.URL = s.class.Spec.Store.URL
	var keys corev1.Secret
	if err := cluster.Get(s.Context(), types.NamespacedName{Namespace: s.namespace, Name: "vedette-store"}, &keys); err != nil {
		s.Fatal(err)
	}
	secret := &corev1.Secret{ObjectMeta: objectMeta(systemNamespace, "vedette-audit"), Data: keys.Data}
	if err := client.IgnoreAlreadyExists(cluster.Create(s.Context(), secret)); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := cluster.Client.Delete(context.Background(), secret); err != nil {
			s.Errorf("removing the manager's keys: %v", err)
		}
	})
}

// told are the kinds of the entries about the rollout, in their order, once none waits any more. The log must be whole.
func (s *rolloutScene) told() []string {
	s.Helper()
	s.until(reloadTimeout, "all entries to be in the audit log", func(ctx context.Context) (bool, string, error) {
		r, err := s.read(ctx)
		return len(r.Status.Audit.Pending) == 0, fmt.Sprintf("%d wait", len(r.Status.Audit.Pending)), err
	})
	b := s.bucket()
	report, err := audit.Verify(s.Context(), b, s.namespace, audit.Expect{})
	if err != nil || !report.Intact() || report.Repeated > 0 {
		s.Fatalf("the audit log: %+v, %v", report, err)
	}
	var kinds []string
	for n := range report.Entries {
		content, err := b.Get(s.Context(), store.AuditEntry(s.namespace, n+1), maxObject)
		if err != nil {
			s.Fatal(err)
		}
		entry, err := audit.Decode(content)
		if err != nil {
			s.Fatal(err)
		}
		if kind, ours := strings.CutPrefix(string(entry.Kind), "Rollout"); ours {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}
