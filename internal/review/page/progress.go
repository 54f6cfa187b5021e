// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/vedette-dev/vedette/internal/review/auth"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/review/desk"
)

type progressPage struct {
	frame
	Read           string
	Tiles          []tile
	Chart          *chart
	Team           bool
	People         []db.Work
	Alpha, Verdict string
	Judged         string
	Pairs          []pair
	Health         []fact
	Segments       []segmentRow
}

type tile struct{ Name, Value, More string }

type fact struct{ Name, Value string }

type pair struct {
	A, B  string
	Items int
	Kappa string
}

type segmentRow struct{ Name, Width, Done, Waiting string }

func (p *Pages) progress(w http.ResponseWriter, r *http.Request) error {
	s, err := p.Desk.Stats(r.Context(), auth.From(r.Context()).Person)
	if err != nil {
		return err
	}
	now := p.Clock()
	data := progressPage{
		frame: p.frame(w, r, "Progress", "progress"), Team: s.Team != nil, People: s.Team, Tiles: tiles(&s), Chart: newChart(s.Days, now),
		Alpha: coefficient(s.Agreement.Alpha), Judged: plural(int64(s.Agreement.Items), "item"), Verdict: upper(desk.Judge(s.Agreement.Alpha)) + ".",
	}
	if s.Team == nil {
		data.People = []db.Work{s.Mine}
	}
	if !s.Health.LastRead.IsZero() {
		data.Read = "records last read " + desk.Ago(now.Sub(s.Health.LastRead)) + " ago"
	}
	for _, k := range s.Agreement.Pairs {
		data.Pairs = append(data.Pairs, pair{k.A, k.B, k.Items, coefficient(k.Kappa)})
	}
	data.Health = health(&s)
	for _, c := range s.Segments {
		name := c.Segment
		if len(p.Desk.Document().Monitors) > 1 {
			name = c.Monitor + ": " + name
		}
		data.Segments = append(data.Segments, segmentRow{
			name, share(float64(c.Done) / max(1, float64(c.Done+c.Pending))), figure(c.Done) + " of " + figure(c.Done+c.Pending), figure(c.Pending),
		})
	}
	return p.render(w, http.StatusOK, "progress", data)
}

func tiles(s *desk.Stats) []tile {
	t := []tile{
		{"You answered", figure(s.Mine.Answered), plural(s.Mine.Skipped, "skip")},
		{"Waiting", figure(s.Pending), figure(s.Unread) + " not yet seen"},
		{"Conflicts", figure(s.Conflicts), "for reviewers to adjudicate"},
		{"Done", figure(s.Done), plural(s.Health.Published, "label") + " in the store"},
	}
	if s.Health.BudgetLeft >= 0 {
		t = append(t, tile{"Left to begin today", figure(s.Health.BudgetLeft), "of " + figure(int64(s.Budget)) + " a day"})
	}
	return t
}

func health(s *desk.Stats) []fact {
	oldest := "nothing waits"
	if s.Oldest > 0 {
		oldest = desk.Ago(s.Oldest)
	}
	return []fact{
		{"Oldest item waits", oldest},
		{"Not yet seen", figure(s.Unread)},
		{"Begun today", figure(s.Health.Offered)},
		{"Expired", figure(s.Expired)},
		{"Near-duplicates", figure(s.Health.Duplicates)},
		{"Critical errors", figure(s.Health.Answers["critical"])},
		{"Escalations", figure(s.Health.Answers["escalated"])},
		{"Labels on their way", figure(s.Health.Unpublished)},
		{"Records looked at", figure(s.Health.Read)},
	}
}

func coefficient(x float64) string {
	if math.IsNaN(x) {
		return "–"
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return figure(n) + " " + what + "s"
}

// chart draws how many answers each day had.
type chart struct {
	Width              int
	Bars               []bar
	First, Last, Label string
}

type bar struct {
	X         int
	Y, Height string
	Width     int
	Title     string
}

const (
	chartDays = 30
	dayWidth  = 20
)

func newChart(days []db.DayWork, now time.Time) *chart {
	if len(days) == 0 {
		return nil
	}
	last := now.UTC().Truncate(24 * time.Hour)
	first := last.AddDate(0, 0, 1-chartDays)
	var most, all int64 = 1, 0
	for _, d := range days {
		most, all = max(most, d.Answered), all+d.Answered
	}
	c := &chart{Width: chartDays * dayWidth, First: first.Format("2 January"), Last: "today"}
	c.Label = fmt.Sprintf("%s in %d days, at most %s a day", plural(all, "answer"), chartDays, figure(most))
	for _, d := range days {
		i := int(d.Day.Sub(first) / (24 * time.Hour))
		if i < 0 || i >= chartDays {
			continue
		}
		height := 96 * float64(d.Answered) / float64(most)
		c.Bars = append(c.Bars, bar{
			X: i*dayWidth + 3, Width: dayWidth - 6, Y: coordinate(99 - height), Height: coordinate(height),
			Title: d.Day.Format("2 January") + ": " + plural(d.Answered, "answer"),
		})
	}
	return c
}
