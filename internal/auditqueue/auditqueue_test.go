// SPDX-License-Identifier: Apache-2.0

package auditqueue

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/audit"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 999, time.UTC)

func of(s *v1alpha1.AuditStatus) Queue {
	return Queue{Kind: "ShadowRollout", Namespace: "payments", Name: "fraud", UID: "uid", Status: s}
}

func TestALogOutOfReachBoundsWhatWaits(t *testing.T) {
	s := &v1alpha1.AuditStatus{}
	for i := range 100 {
		if ready := Ready(*s); ready != (i < 16) {
			t.Errorf("with %d entries that wait, something may be begun: %t", len(s.Pending), ready)
		}
		of(s).Add(noon, "Kind", "", map[string]any{"i": i})
	}
	last := s.Pending[len(s.Pending)-1]
	if len(s.Pending) != 32 || last.Kind != string(audit.KindEntriesLost) || last.Grounds != `{"lost":69}` || last.Actor != Manager {
		t.Errorf("%d wait, the last is %+v", len(s.Pending), last)
	}
	of(s).Entered(30)
	of(s).Add(noon, "Kind", "somebody", nil)
	if len(s.Pending) != 3 || s.Pending[0].Sequence != 31 || s.Pending[2].Sequence != 33 || s.Pending[2].Actor != "somebody" {
		t.Errorf("then %+v", s.Pending)
	}
	if of(s).Entered(3); s.Pending != nil || s.Sequence != 33 {
		t.Errorf("in the end %+v", s)
	}
}

// TestAnEarlierStatusStays: what is added to the status of this pass must not show in the one that it is compared with.
func TestAnEarlierStatusStays(t *testing.T) {
	s := &v1alpha1.AuditStatus{Pending: make([]v1alpha1.PendingAuditEntry, 1, 8)}
	before := *s
	of(s).Add(noon, "Kind", "", nil)
	if again := before.Pending[:2:2]; again[1].Kind != "" {
		t.Errorf("the earlier status grew: %+v", again)
	}
}

func TestGroundsAreBounded(t *testing.T) {
	s := &v1alpha1.AuditStatus{}
	of(s).Add(noon, "Kind", "", map[string]any{"text": strings.Repeat("long ", 1000)})
	if g := s.Pending[0].Grounds; len(g) > 4096 || !json.Valid([]byte(g)) || !strings.Contains(g, "sha256") {
		t.Errorf("grounds of %d bytes: %.100s", len(g), g)
	}
}

func TestNames(t *testing.T) {
	q := of(&v1alpha1.AuditStatus{})
	if got := fmt.Sprint(q.Subject(), " ", q.ID(v1alpha1.PendingAuditEntry{Sequence: 7})); got != "ShadowRollout/payments/fraud uid/7" {
		t.Errorf("subject and ID %q", got)
	}
}
