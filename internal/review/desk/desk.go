// SPDX-License-Identifier: Apache-2.0

// Package desk is what people and programs see of an annotation queue, and may do with it, whether they come by the page or
// by the API: items without what is redacted, beside what is usual, and the deeds that a role allows. It knows nothing of
// HTTP, and imports no Kubernetes package.
package desk

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Queue is the database of the queue.
type Queue interface {
	Next(ctx context.Context, person string) (db.Claim, error)
	Answer(ctx context.Context, a review.Answer) (review.Item, error)
	Record(ctx context.Context, a review.Answer) (review.Item, error)
	Settle(ctx context.Context, a review.Answer) (review.Item, error)
	Undo(ctx context.Context, person, key string) (review.Item, error)
	Item(ctx context.Context, id string) (review.Item, error)
	Held(ctx context.Context, person, id string) (time.Time, error)
	Answers(ctx context.Context, id string) ([]review.Answer, error)
	Similar(ctx context.Context, id string, n int) ([]review.Item, error)
	List(ctx context.Context, f db.Filter) ([]review.Item, string, error)
	Progress(ctx context.Context, since time.Time) (db.Progress, error)
	Judged(ctx context.Context, since time.Time) ([]db.Judged, error)
	Health(ctx context.Context) (db.Health, error)
	Post(ctx context.Context, monitor string, rows []label.Row) error
}

// Desk is a queue as people use it. It is safe for concurrent use.
type Desk struct {
	queue Queue
	now   func() time.Time
	state atomic.Pointer[state]
}

// state is what the configuration says, and the baselines. It is replaced as a whole.
type state struct {
	document  wire.Review
	redaction redaction
	summaries map[string]*outlier.Summary
}

// New makes a desk, which Configure brings to life.
func New(queue Queue, now func() time.Time) *Desk {
	d := &Desk{queue: queue, now: now}
	d.Configure(wire.Review{}, nil)
	return d
}

// Configure takes the document of the queue, and the baselines of its monitors as far as they are known.
func (d *Desk) Configure(document wire.Review, summaries map[string]*outlier.Summary) {
	d.state.Store(&state{document: document, redaction: newRedaction(document.Redact), summaries: summaries})
}

// Document is the document of the queue.
func (d *Desk) Document() *wire.Review { return &d.state.Load().document }

// monitor is a monitor of the queue; an empty one where it feeds the queue no more.
func (s *state) monitor(name string) *wire.ReviewMonitor {
	for i := range s.document.Monitors {
		if s.document.Monitors[i].Name == name {
			return &s.document.Monitors[i]
		}
	}
	return &wire.ReviewMonitor{Name: name}
}

// Next gives a person the item to answer now.
func (d *Desk) Next(ctx context.Context, p review.Person) (View, error) {
	claim, err := d.queue.Next(ctx, p.Name)
	if err != nil {
		return View{}, err
	}
	v := d.view(claim.Item)
	v.Held = claim.Expires
	return v, nil
}

// Answer records what a person says of an item that they hold.
func (d *Desk) Answer(ctx context.Context, p review.Person, a review.Answer) (View, error) {
	a.Person, a.At = p.Name, d.now()
	it, err := d.queue.Answer(ctx, a)
	if err != nil {
		return View{}, err
	}
	return d.view(it), nil
}

// Adjudicate records the word of a reviewer on a conflict.
func (d *Desk) Adjudicate(ctx context.Context, p review.Person, a review.Answer) (View, error) {
	if p.Role < review.Reviewer {
		return View{}, fmt.Errorf("adjudicating a conflict: %w", review.ErrForbidden)
	}
	a.Person, a.At = p.Name, d.now()
	it, err := d.queue.Settle(ctx, a)
	if err != nil {
		return View{}, err
	}
	return d.view(it), nil
}

// Undo takes a person's last answer back.
func (d *Desk) Undo(ctx context.Context, p review.Person, key string) (View, error) {
	it, err := d.queue.Undo(ctx, p.Name, key)
	if err != nil {
		return View{}, err
	}
	return d.view(it), nil
}

// Item is an item as a person may see it.
func (d *Desk) Item(ctx context.Context, p review.Person, id string) (View, error) {
	it, err := d.queue.Item(ctx, id)
	if err != nil {
		return View{}, err
	}
	v := d.view(it)
	v.Held, err = d.queue.Held(ctx, p.Name, id)
	return v, err
}

// Answers are those that a person may see: a reviewer all, others their own, so that nobody is led by what others said.
func (d *Desk) Answers(ctx context.Context, p review.Person, id string) ([]review.Answer, error) {
	all, err := d.queue.Answers(ctx, id)
	if err != nil || p.Role >= review.Reviewer {
		return all, err
	}
	return keep(all, func(a review.Answer) bool { return a.Person == p.Name }), nil
}

// Similar are the items most like one, among those that were answered last.
func (d *Desk) Similar(ctx context.Context, id string, n int) ([]View, error) {
	items, err := d.queue.Similar(ctx, id, n)
	if err != nil {
		return nil, err
	}
	return d.views(items), nil
}

// List finds items, and where the next page starts.
func (d *Desk) List(ctx context.Context, f db.Filter) ([]View, string, error) {
	items, next, err := d.queue.List(ctx, f)
	if err != nil {
		return nil, "", err
	}
	return d.views(items), next, nil
}

func (d *Desk) views(items []review.Item) []View {
	views := make([]View, len(items))
	for i, it := range items {
		views[i] = d.view(it)
	}
	return views
}

// Record records an answer that was given elsewhere, under the name of who gave it there.
func (d *Desk) Record(ctx context.Context, p review.Person, a review.Answer) (View, error) {
	if p.Role < review.Admin {
		return View{}, fmt.Errorf("recording the answer of another: %w", review.ErrForbidden)
	}
	a.At = d.now()
	it, err := d.queue.Record(ctx, a)
	if err != nil {
		return View{}, err
	}
	return d.view(it), nil
}

// exportPage is how many items an export reads at once.
const exportPage = 500

// Each calls f for every item that the filter finds, once begin was called; it is not, where not even the first can be read.
func (d *Desk) Each(ctx context.Context, filter db.Filter, f func(*View) error, begin func()) error {
	filter.Limit = exportPage
	for {
		views, next, err := d.List(ctx, filter)
		if err != nil {
			return err
		}
		begin()
		for i := range views {
			if err := f(&views[i]); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		filter.After = next
	}
}

// Question is what is asked about the items of a monitor; of the only one, where none is named.
func (d *Desk) Question(monitor string) (Question, error) {
	s := d.state.Load()
	m, err := s.known(monitor)
	if err != nil {
		return Question{}, err
	}
	return question(&s.document.Question, m), nil
}

// Monitor is a monitor of the queue; the only one, where none is named.
func (d *Desk) Monitor(name string) (*wire.ReviewMonitor, error) { return d.state.Load().known(name) }

func (s *state) known(name string) (*wire.ReviewMonitor, error) {
	all := s.document.Monitors
	if name == "" && len(all) == 1 {
		return &all[0], nil
	}
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	if name == "" {
		return nil, fmt.Errorf("%w: the queue has %d monitors: name one", review.ErrInvalid, len(all))
	}
	return nil, fmt.Errorf("%w: the queue has no monitor %.80q", review.ErrInvalid, name)
}

// Post brings labels from elsewhere on their way to the store. Whether the person may is for the caller to check.
func (d *Desk) Post(ctx context.Context, monitor string, rows []label.Row) error {
	return d.queue.Post(ctx, monitor, rows)
}
