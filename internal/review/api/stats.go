// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"time"

	"github.com/vedette-dev/vedette/internal/review/auth"
	"github.com/vedette-dev/vedette/internal/review/db"
)

// statsDoc says how the work goes on, and how the queue is doing.
type statsDoc struct {
	Since     time.Time     `json:"since"`
	Mine      workDoc       `json:"mine"`
	Team      []workDoc     `json:"team,omitempty"`
	Items     itemsDoc      `json:"items"`
	Oldest    float64       `json:"oldest_pending_seconds"`
	Budget    budgetDoc     `json:"budget"`
	Segments  []segmentDoc  `json:"segments"`
	Agreement agreementDoc  `json:"agreement"`
	Labels    publishingDoc `json:"labels"`
}

type workDoc struct {
	Person      string `json:"person"`
	Answered    int64  `json:"answered"`
	Skipped     int64  `json:"skipped"`
	Adjudicated int64  `json:"adjudicated"`
	Critical    int64  `json:"critical"`
	Escalated   int64  `json:"escalated"`
}

type itemsDoc struct {
	Unread   int64 `json:"unread"`
	Pending  int64 `json:"pending"`
	Conflict int64 `json:"conflict"`
	Done     int64 `json:"done"`
	Expired  int64 `json:"expired"`
}

type budgetDoc struct {
	PerDay  int   `json:"per_day"`
	Offered int64 `json:"offered_today"`
	// Left is absent where there is no budget.
	Left *int64 `json:"left_today,omitempty"`
}

type segmentDoc struct {
	Monitor string `json:"monitor"`
	Segment string `json:"segment"`
	Pending int64  `json:"pending"`
	Done    int64  `json:"done"`
}

type agreementDoc struct {
	Items int       `json:"items"`
	Alpha *float64  `json:"krippendorff_alpha"`
	Pairs []pairDoc `json:"pairs,omitempty"`
}

type pairDoc struct {
	A     string   `json:"a"`
	B     string   `json:"b"`
	Items int      `json:"items"`
	Kappa *float64 `json:"cohen_kappa"`
}

type publishingDoc struct {
	Published   int64 `json:"published"`
	Unpublished int64 `json:"unpublished"`
}

func (a *API) stats(w http.ResponseWriter, r *http.Request) error {
	s, err := a.Desk.Stats(r.Context(), auth.From(r.Context()).Person)
	if err != nil {
		return err
	}
	doc := statsDoc{
		Since: s.Since.UTC(), Mine: newWork(s.Mine), Items: itemsDoc{s.Unread, s.Pending, s.Conflicts, s.Done, s.Expired},
		Oldest: s.Oldest.Seconds(), Budget: budgetDoc{PerDay: s.Budget, Offered: s.Health.Offered}, Segments: []segmentDoc{},
		Agreement: agreementDoc{Items: s.Agreement.Items, Alpha: number(s.Agreement.Alpha)},
		Labels:    publishingDoc{s.Health.Published, s.Health.Unpublished},
	}
	if s.Health.BudgetLeft >= 0 {
		doc.Budget.Left = &s.Health.BudgetLeft
	}
	for _, work := range s.Team {
		doc.Team = append(doc.Team, newWork(work))
	}
	for _, c := range s.Segments {
		doc.Segments = append(doc.Segments, segmentDoc(c))
	}
	for _, p := range s.Agreement.Pairs {
		doc.Agreement.Pairs = append(doc.Agreement.Pairs, pairDoc{p.A, p.B, p.Items, number(p.Kappa)})
	}
	return write(w, http.StatusOK, doc)
}

func newWork(w db.Work) workDoc {
	return workDoc{w.Person, w.Answered, w.Skipped, w.Settled, w.Critical, w.Escalated}
}
