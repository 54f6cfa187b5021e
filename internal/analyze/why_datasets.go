// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/internal/dataset"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/store"
)

// recordsOf are the records of a dataset that are worth showing, and the window that they are in: those that the model got
// wrong, then the others, each the latest first. It counts all of its rows.
func (r *WhyReport) recordsOf(ctx context.Context, e *Env, q WhyQuestion) (map[string]bool, Window, error) {
	m, err := dataset.Current(ctx, e.Bucket, e.layout(), q.Dataset)
	if err != nil {
		return nil, Window{}, err
	}
	type candidate struct {
		id    string
		at    time.Time
		right bool
	}
	var kept []candidate
	var all Window
	err = dataset.EachRow(ctx, e.Bucket, e.layout(), m, func(row *dataset.Row) error {
		if q.Segment != "" && !slices.Contains(row.Segments, q.Segment) {
			return nil
		}
		c := candidate{row.RecordID, row.Time, row.Class == row.Prediction && (row.Class != "" || row.Value == row.Score)}
		all = all.with(c.at)
		r.tally(true, !c.right)
		i, _ := slices.BinarySearchFunc(kept, c, func(a, b candidate) int {
			if a.right != b.right {
				if b.right {
					return -1
				}
				return 1
			}
			return b.at.Compare(a.at)
		})
		kept = slices.Insert(kept, i, c)
		kept = kept[:min(len(kept), q.Top)]
		return nil
	})
	if err != nil || len(kept) == 0 {
		return map[string]bool{}, q.Window, err
	}
	var only, w = map[string]bool{}, Window{}
	for _, c := range kept {
		only[c.id], w = true, w.with(c.at)
	}
	r.From, r.To = all.From, all.To
	return only, w, nil
}

// with is the window with all of the minutes in which something was.
func (w Window) with(at time.Time) Window {
	at = at.Truncate(profile.Window)
	if w.From.IsZero() || at.Before(w.From) {
		w.From = at
	}
	if end := at.Add(profile.Window); end.After(w.To) {
		w.To = end
	}
	return w
}

// trained says which of the records are in the datasets.
func (r *WhyReport) trained(ctx context.Context, e *Env, digests []string) error {
	at := map[string]int{}
	for i, c := range r.Records {
		at[c.RecordID] = i
	}
	for _, digest := range digests {
		d := WhyDataset{Digest: digest}
		m, err := dataset.Current(ctx, e.Bucket, e.layout(), digest)
		switch {
		case errors.Is(err, store.ErrNotFound):
			d.Problem = "it is no longer in the store"
		case errors.Is(err, dataset.ErrDamaged):
			d.Problem = err.Error()
		case err != nil:
			return err
		default:
			d.describe(m)
			err = dataset.EachRow(ctx, e.Bucket, e.layout(), m, func(row *dataset.Row) error {
				if i, ok := at[row.RecordID]; ok {
					d.Records++
					r.Records[i].Datasets = append(r.Records[i].Datasets, digest)
				}
				return nil
			})
			if errors.Is(err, dataset.ErrDamaged) || errors.Is(err, store.ErrNotFound) {
				d.Problem = err.Error()
			} else if err != nil {
				return err
			}
		}
		r.Datasets = append(r.Datasets, d)
	}
	return nil
}

func (d *WhyDataset) describe(m dataset.Manifest) {
	if m.Digest != d.Digest {
		d.RestatedAs, d.Erased = m.Digest, m.Content.Excluded[dataset.LeftErased]
	}
	d.Rows, d.Classes, d.Sources, d.URI = m.Content.Rows, m.Content.Classes, m.Content.Sources, m.Provenance.URI
	d.From, d.To = m.Content.Selection.Window.From, m.Content.Selection.Window.To
	d.Created, d.For, d.AskedBy, d.Reason = m.Provenance.Created, m.Provenance.For, m.Provenance.AskedBy, m.Provenance.Reason
	d.BaseVersion, d.Config = m.Provenance.BaseVersion, m.Provenance.ConfigRevision
}
