// SPDX-License-Identifier: Apache-2.0

package queue_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/queue"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
	"github.com/vedette-dev/vedette/internal/wire"
)

func resolved(monitors ...*v1alpha1.ModelMonitor) queue.Resolved {
	return queue.Resolved{Class: wrappers.MakeClass("standard"), Monitors: monitors, Complete: true}
}

func TestDocumentOfTheLeastQueue(t *testing.T) {
	m := wrappers.MakeMonitor("payments", "fraud").Binary().Segment("young", "f.age < 30.0").Dataset("may.parquet").Obj()
	got := queue.Document(wrappers.MakeQueue("payments", "desk", "fraud").Obj(), resolved(m))
	if name := got.Monitors[0].Baseline; len(name) != 10 {
		t.Errorf("baseline %q, want the name of a folder", name)
	}
	got.Monitors[0].Baseline = ""
	want := wire.Review{
		Cluster: "test", Namespace: "payments", Queue: "desk",
		Store: wire.Store{URL: "s3://bucket/prefix?region=eu-west-1"},
		Monitors: []wire.ReviewMonitor{{
			Name: "fraud", Weight: 1, Segments: []string{"young"}, FlushSeconds: 300,
			Schema: wire.Schema{
				Features:   []wire.Feature{{Name: "age", Type: wire.Numeric}, {Name: "country", Type: wire.Categorical}},
				Prediction: wire.Prediction{Kind: wire.BinaryClassification, Score: "response.score"},
			},
		}},
		Select:       wire.ReviewSelect{Outliers: true, RandomShare: 0.01},
		Priority:     wire.ReviewPriority{Uncertainty: 1, OutlierScore: 1, Rarity: 0.5, Age: 0.2},
		Overlap:      1,
		LeaseSeconds: 600, PendingSeconds: 30 * 24 * 3600, DoneSeconds: 180 * 24 * 3600,
		Question: wire.ReviewQuestion{Text: "What is the right answer?", Comment: wire.Optional, CriticalError: wire.Optional, Escalate: wire.Optional},
		Access:   wire.ReviewAccess{Local: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDocumentSaysAllThatTheSpecSays(t *testing.T) {
	q := wrappers.MakeQueue("payments", "desk", "fraud").With(func(s *v1alpha1.AnnotationQueueSpec) {
		s.Monitors[0].WeightPercent = 250
		s.Selection = v1alpha1.QueueSelection{Outliers: v1alpha1.OutlierSelectionNone, RandomPercent: "5"}
		s.Priority = v1alpha1.QueuePriority{
			Uncertainty: "2", OutlierScore: "0", Rarity: "1", Age: "0.1",
			Rules: []v1alpha1.PriorityRule{{Name: "new", When: "f.age < 1.0", Weight: "3"}},
		}
		s.Budget = v1alpha1.QueueBudget{ItemsPerDay: 100, ItemsPerSegmentPerDay: 10}
		s.Overlap, s.Lease = 3, "1h"
		s.Retention = v1alpha1.QueueRetention{Pending: "7d", Done: "14d"}
		s.Redact.Features = []v1alpha1.FeatureName{"country"}
		s.Question = v1alpha1.QueueQuestion{
			Text: "Which?", Labels: []string{"a", "b"}, Comment: v1alpha1.QuestionCommentRequired,
			CriticalError: v1alpha1.QuestionPartHidden, Escalate: v1alpha1.QuestionPartHidden,
		}
		s.TraceURL = "https://traces/{trace_id}"
		s.Access = v1alpha1.QueueAccess{
			URL:   "https://desk.example.com",
			OIDC:  v1alpha1.OIDCAccess{IssuerURL: "https://login", ClientID: "desk"},
			Roles: []v1alpha1.RoleGrant{{Role: v1alpha1.QueueRoleAdmin, Users: []string{"kim"}, Groups: []string{"leads"}}},
		}
	}).Obj()
	got := queue.Document(q, resolved(wrappers.MakeMonitor("payments", "fraud").Obj()))
	want := wire.Review{
		Cluster: "test", Namespace: "payments", Queue: "desk",
		Store:        wire.Store{URL: "s3://bucket/prefix?region=eu-west-1"},
		Monitors:     []wire.ReviewMonitor{{Name: "fraud", Weight: 2.5, FlushSeconds: 300, TraceURL: "https://traces/{trace_id}"}},
		Select:       wire.ReviewSelect{RandomShare: 0.05},
		Priority:     wire.ReviewPriority{Uncertainty: 2, Rarity: 1, Age: 0.1, Rules: []wire.ReviewRule{{Name: "new", When: "f.age < 1.0", Weight: 3}}},
		Budget:       wire.ReviewBudget{ItemsPerDay: 100, ItemsPerSegmentDay: 10},
		Overlap:      3,
		LeaseSeconds: 3600, PendingSeconds: 7 * 24 * 3600, DoneSeconds: 14 * 24 * 3600,
		Redact:   []string{"country"},
		Question: wire.ReviewQuestion{Text: "Which?", Labels: []string{"a", "b"}, Comment: wire.Required, CriticalError: wire.Hidden, Escalate: wire.Hidden},
		Access: wire.ReviewAccess{
			OIDC:        &wire.ReviewOIDC{IssuerURL: "https://login", ClientID: "desk", GroupsClaim: "groups"},
			Roles:       []wire.ReviewRole{{Role: "Admin", Users: []string{"kim"}, Groups: []string{"leads"}}},
			ExternalURL: "https://desk.example.com",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRestartFollowsWhatIsReadOnce(t *testing.T) {
	base := wire.Review{Cluster: "c", Store: wire.Store{URL: "s3://a"}, Access: wire.ReviewAccess{Local: true}}
	for name, change := range map[string]func(*wire.Review){
		"the cluster": func(d *wire.Review) { d.Cluster = "other" },
		"the store":   func(d *wire.Review) { d.Store.URL = "s3://b" },
		"access":      func(d *wire.Review) { d.Access.ExternalURL = "https://desk" },
	} {
		d := base
		if change(&d); queue.Restart(d) == queue.Restart(base) {
			t.Errorf("%s changed, and no pod would know", name)
		}
	}
	d := base
	d.Overlap, d.Question.Text, d.Budget.ItemsPerDay, d.Monitors = 3, "Which?", 7, []wire.ReviewMonitor{{Name: "fraud"}}
	if queue.Restart(d) != queue.Restart(base) {
		t.Error("what is read again without a restart restarts the pods")
	}
}
