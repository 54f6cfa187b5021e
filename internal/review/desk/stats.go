// SPDX-License-Identifier: Apache-2.0

package desk

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/db"
)

// statsSpan is how far back the work of people is summed up.
const statsSpan = 30 * 24 * time.Hour

// Stats say how the work goes on, and how the queue is doing.
type Stats struct {
	Since time.Time
	// Mine is what the person themselves did, Team what everybody did: for reviewers only.
	Mine db.Work
	Team []db.Work
	Days []db.DayWork

	Unread, Pending, Conflicts, Done, Expired int64
	// Oldest is the age of the oldest item that waits; 0 when none does.
	Oldest   time.Duration
	Segments []SegmentCount
	Health   db.Health
	// Agreement says how far people agree.
	Agreement Agreement
	// Budget is how many items may be begun a day; 0 for any number.
	Budget int
}

// SegmentCount is how many items of a segment wait, and how many are done.
type SegmentCount struct {
	Monitor, Segment string
	Pending, Done    int64
}

// Stats sums up.
func (d *Desk) Stats(ctx context.Context, p review.Person) (Stats, error) {
	now := d.now()
	since := now.Add(-statsSpan)
	progress, err := d.queue.Progress(ctx, since)
	if err != nil {
		return Stats{}, err
	}
	judged, err := d.queue.Judged(ctx, since)
	if err != nil {
		return Stats{}, err
	}
	h, err := d.queue.Health(ctx)
	if err != nil {
		return Stats{}, err
	}
	s := Stats{
		Since: since, Mine: db.Work{Person: p.Name}, Days: progress.Days, Health: h,
		Segments: segments(h.Segments), Agreement: agreement(judged, p.Role >= review.Reviewer),
		Budget: d.Document().Budget.ItemsPerDay,
	}
	for _, w := range progress.People {
		if w.Person == p.Name {
			s.Mine = w
		}
	}
	if p.Role >= review.Reviewer {
		s.Team = progress.People
	}
	for _, c := range h.Items {
		switch {
		case c.Unread:
			s.Unread += c.Items
			s.Pending += c.Items
		case c.State == review.Pending:
			s.Pending += c.Items
		case c.State == review.Conflict:
			s.Conflicts += c.Items
		case c.State == review.Done:
			s.Done += c.Items
		case c.State == review.Expired:
			s.Expired += c.Items
		}
	}
	if !h.OldestPending.IsZero() {
		s.Oldest = max(0, now.Sub(h.OldestPending))
	}
	return s, nil
}

// segments counts by segment, those with the most waiting first.
func segments(counts []db.Count) []SegmentCount {
	var out []SegmentCount
	for _, c := range counts {
		i := slices.IndexFunc(out, func(s SegmentCount) bool { return s.Monitor == c.Monitor && s.Segment == c.Segment })
		if i < 0 {
			i = len(out)
			out = append(out, SegmentCount{Monitor: c.Monitor, Segment: c.Segment})
		}
		switch c.State {
		case review.Pending:
			out[i].Pending += c.Items
		case review.Done:
			out[i].Done += c.Items
		}
	}
	slices.SortStableFunc(out, func(a, b SegmentCount) int { return cmp.Compare(b.Pending, a.Pending) })
	return out
}
