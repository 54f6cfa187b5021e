// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"context"
	"errors"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// heldLabels are the labels of one prediction.
type heldLabels struct{ current *label.Current }

// rows are those that hold.
func (h heldLabels) rows() []label.Row {
	if h.current == nil {
		return nil
	}
	return h.current.Rows()
}

// labels are those of the predictions of an index, by their rows. What cannot be told for sure is left out, as it is where
// performance is measured.
func (r *WhyReport) labels(ctx context.Context, e *Env, x *index) (map[int32]heldLabels, error) {
	known := map[int32]heldLabels{}
	var counts JoinCounts
	tolerance := wire.Seconds(e.Config.Labels.KeyToleranceSeconds)
	for item, err := range e.Bucket.LabelsBetween(ctx, e.layout(), x.window.From, e.Now) {
		if err != nil {
			return nil, err
		}
		err := eachLabel(ctx, e, item.Key, func(l *label.Row) {
			row := x.match(l, tolerance, &counts)
			if row < 0 {
				return
			}
			if known[row].current == nil {
				known[row] = heldLabels{label.NewCurrent()}
			}
			known[row].current.Add(*l)
		})
		if errors.Is(err, label.ErrDamaged) {
			r.Damaged = append(r.Damaged, item.Key)
		} else if err != nil {
			return nil, err
		}
	}
	return known, nil
}

func eachLabel(ctx context.Context, e *Env, key string, visit func(*label.Row)) error {
	object, err := e.Bucket.Open(ctx, key)
	if err != nil {
		return err
	}
	for l, err := range label.Read(object, object.Size()) {
		if err != nil {
			return err
		}
		visit(l)
	}
	return nil
}

// describe adds the features of the records, beside what is usual.
func (r *WhyReport) describe(ctx context.Context, e *Env, u usual) error {
	if len(r.Records) == 0 {
		return nil
	}
	at := map[string]int{}
	w := Window{From: r.Records[0].Time, To: r.Records[0].Time}
	for i, c := range r.Records {
		at[c.RecordID] = i
		if c.Time.Before(w.From) {
			w.From = c.Time
		}
		if c.Time.After(w.To) {
			w.To = c.Time
		}
	}
	w.To = w.To.Add(1) // it is excluded
	read, err := eachRow(ctx, e, store.Records, w, []string{"f_*"}, func(row *record.Row) error {
		i, ok := at[row.RecordID]
		if !ok {
			return nil
		}
		for j, f := range e.Config.Schema.Features {
			r.Records[i].Features = append(r.Records[i].Features, u.describe(f, row.Features[j]))
		}
		return nil
	})
	r.Damaged = append(r.Damaged, read.damaged...)
	return err
}
