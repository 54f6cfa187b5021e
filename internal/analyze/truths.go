// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/wire"
)

// currentTruths are the labels that hold, of those that were received since from and that are wanted, and how many rows were read for
// them. Whether a row is wanted follows from its subject: so all rows of one subject are, or none.
func currentTruths(ctx context.Context, e *Env, from time.Time, wanted func(*label.Row) bool) (rows []label.Row, read int64, err error) {
	current := label.NewCurrent()
	for item, err := range e.Bucket.LabelsBetween(ctx, e.layout(), from, e.Now) {
		if err != nil {
			return nil, 0, err
		}
		object, err := e.Bucket.Open(ctx, item.Key)
		if err != nil {
			return nil, 0, err
		}
		for r, err := range label.Read(object, object.Size()) {
			if errors.Is(err, label.ErrDamaged) {
				e.Log.Warn("a damaged file of labels is read only up to the damage", "file", item.Key, "error", err)
				break
			}
			if err != nil {
				return nil, 0, err
			}
			if r.Kind == label.Truth && !r.Received.After(e.Now) {
				if read++; wanted(r) {
					current.Add(*r)
				}
			}
		}
	}
	return current.Rows(), read, nil
}

// countTruths puts into a verdict how many labels hold, of those that were received since the model was trained last. Retraining
// goes by it.
func countTruths(ctx context.Context, e *Env, v *wire.Verdict) error {
	var err error
	v.LabelsSince = e.LabelsSince
	v.Labels, err = truthsSince(ctx, e, e.LabelsSince, maxHeld)
	return err
}

// maxHeld is of how many subjects the last word is held in memory at once.
const maxHeld = 2_000_000

// lastWord is what was said last of a subject.
type lastWord struct {
	received int64
	id       uint64
	retracts bool
}

// truthsSince counts the labels that hold, of those that were received after a time. It reads the labels as often as it must to hold no
// more than most subjects at once: each time of a range of their hashes.
func truthsSince(ctx context.Context, e *Env, since time.Time, most int) (int64, error) {
	var n int64
	for from := uint64(0); ; {
		last, to, err := lastWords(ctx, e, since, from, most)
		if err != nil {
			return 0, err
		}
		for _, h := range last {
			if !h.retracts {
				n++
			}
		}
		if to == math.MaxUint64 {
			return n, nil
		}
		from = to + 1
	}
}

// lastWords are the last words on the subjects whose hashes are between from and to, which it chooses so that they are not too many.
func lastWords(ctx context.Context, e *Env, since time.Time, from uint64, most int) (last map[uint64]lastWord, to uint64, err error) {
	files := e.Bucket.List(ctx, e.layout().AllLabels())
	if !since.IsZero() {
		files = e.Bucket.LabelsBetween(ctx, e.layout(), since, e.Now)
	}
	last, to = map[uint64]lastWord{}, math.MaxUint64
	for item, err := range files {
		if err != nil {
			return nil, 0, err
		}
		object, err := e.Bucket.Open(ctx, item.Key)
		if err != nil {
			return nil, 0, err
		}
		for r, err := range label.Read(object, object.Size()) {
			if errors.Is(err, label.ErrDamaged) {
				break // whoever works with the labels tells
			}
			if err != nil {
				return nil, 0, err
			}
			subject := xxhash.Sum64String(fmt.Sprint(r.Subject()))
			if r.Kind != label.Truth || !r.Received.After(since) || subject < from || subject > to {
				continue
			}
			h := lastWord{r.Received.UnixMicro(), xxhash.Sum64String(r.ID), r.Retracted}
			if was, ok := last[subject]; !ok || cmp.Or(cmp.Compare(was.received, h.received), cmp.Compare(was.id, h.id)) < 0 {
				last[subject] = h
			}
			for len(last) > most { // the upper half waits for the next time
				to = from + (to-from)/2
				maps.DeleteFunc(last, func(s uint64, _ lastWord) bool { return s > to })
			}
		}
	}
	return last, to, nil
}
