// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/auth"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/review/desk"
)

// pageSize is how many items a list shows at once.
const pageSize = 50

type queuePage struct {
	frame
	Facts            []string
	Heading          string
	Tabs             []tab
	When             string
	Rows             []row
	More             string
	Empty, EmptyMore string
}

type tab struct {
	Name, Href string
	Count      string
	Current    bool
}

// row is an item in a list.
type row struct {
	ID, Why, Monitor, Version string
	More                      int
	Prediction                string
	Segments                  []string
	Label                     *said
	Age                       string
}

// said is an answer in few words.
type said struct{ Text, Tone string }

func (p *Pages) queue(w http.ResponseWriter, r *http.Request) error {
	me := auth.From(r.Context())
	stats, err := p.Desk.Stats(r.Context(), me.Person)
	if err != nil {
		return err
	}
	state := review.State(r.FormValue("state"))
	if state == "" {
		state = review.Pending
	}
	items, after, err := p.Desk.List(r.Context(), db.Filter{State: state, After: r.FormValue("after"), Limit: pageSize})
	if err != nil {
		return err
	}
	data := queuePage{
		frame: p.frame(w, r, "Queue", "queue"), Heading: heading(stats.Pending), Facts: queueFacts(&stats), When: "Waiting for",
		Tabs: []tab{
			{Name: "Waiting", Count: figure(stats.Pending), Href: "/", Current: state == review.Pending},
			{Name: "Conflicts", Count: figure(stats.Conflicts), Href: "/?state=conflict", Current: state == review.Conflict},
			{Name: "Done", Count: figure(stats.Done), Href: "/?state=done", Current: state == review.Done},
			{Name: "Expired", Count: figure(stats.Expired), Href: "/?state=expired", Current: state == review.Expired},
		},
		Empty: "Nothing waits", EmptyMore: "New items come as the models meet what is rare, unsure, or drawn at random.",
	}
	if state != review.Pending {
		data.When, data.Empty, data.EmptyMore = "Came", "There is nothing here", "No item of the queue is in this state."
	}
	if stats.Health.BudgetLeft == 0 && stats.Unread > 0 {
		data.Note = &note{Text: "The budget of the day is used up: items that nobody has seen wait for tomorrow."}
	}
	if r.FormValue("nothing") != "" {
		const nothing = "Nothing waits for you just now: what is left was answered by you, is held by others, or waits for tomorrow's budget."
		if data.Note, err = p.after(r.Context(), me.Person, r.FormValue("answered")); err != nil {
			return err
		}
		if data.Note == nil {
			data.Note = &note{Text: nothing}
		} else {
			data.Note.Text += " " + nothing
		}
	}
	data.Start = "Start"
	for i := range items {
		data.Rows = append(data.Rows, p.row(&items[i]))
	}
	if after != "" {
		data.More = "/?" + url.Values{"state": {string(state)}, "after": {after}}.Encode()
	}
	return p.render(w, http.StatusOK, "queue", data)
}

func heading(pending int64) string {
	switch pending {
	case 0:
		return "All is answered"
	case 1:
		return "1 item waits for an answer"
	}
	return figure(pending) + " items wait for an answer"
}

func queueFacts(s *desk.Stats) []string {
	var facts []string
	if s.Oldest > 0 {
		facts = append(facts, "the oldest for "+desk.Ago(s.Oldest))
	}
	if s.Health.BudgetLeft >= 0 {
		facts = append(facts, fmt.Sprintf("%s of %s left to begin today", figure(s.Health.BudgetLeft), figure(int64(s.Budget))))
	}
	return append(facts, fmt.Sprintf("you answered %s in 30 days", figure(s.Mine.Answered)))
}

func (p *Pages) row(v *desk.View) row {
	return row{
		ID: v.ID, Why: v.Why[0], More: len(v.Why) - 1, Monitor: v.Monitor, Version: v.Prediction.ModelVersion,
		Prediction: prediction(v), Segments: v.Prediction.Segments, Label: saidOf(v.Label), Age: desk.Ago(p.Clock().Sub(v.Added)),
	}
}

// prediction is what the model said, in few words.
func prediction(v *desk.View) string {
	if v.Value != nil {
		return v.Value.Text
	}
	for _, s := range v.Scores {
		if s.Predicted {
			return s.Class + ", " + desk.Percent(s.Probability)
		}
	}
	if v.Prediction.Class == "" {
		return "unknown"
	}
	return v.Prediction.Class
}

func figure(n int64) string { return desk.Number(float64(n)) }
