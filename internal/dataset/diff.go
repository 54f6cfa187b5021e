// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"strconv"

	"github.com/vedette-dev/vedette/internal/store"
)

// Difference is what lies between two versions.
type Difference struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Restated are those of the two that were asked for by the digest that they had before subjects were erased from them.
	Restated []Restated `json:"restated,omitempty"`
	// Added and Removed rows are in one of them only; Relabelled ones have another label, and Same ones the same.
	Added      int64 `json:"added"`
	Removed    int64 `json:"removed"`
	Relabelled int64 `json:"relabelled"`
	Same       int64 `json:"same"`
	// AddedIDs and the like are the first of each, by record id.
	AddedIDs      []string     `json:"addedIDs,omitempty"`
	RemovedIDs    []string     `json:"removedIDs,omitempty"`
	RelabelledIDs []Relabelled `json:"relabelledIDs,omitempty"`
	// Classes are the rows of each class before and after.
	Classes map[string][2]int64 `json:"classes,omitempty"`
	// Features that only one of them has.
	FeaturesAdded   []string `json:"featuresAdded,omitempty"`
	FeaturesRemoved []string `json:"featuresRemoved,omitempty"`
}

// Restated says which version stands for one that was asked for, and how many rows were erased from it.
type Restated struct {
	Asked  string `json:"asked"`
	As     string `json:"as"`
	Erased int64  `json:"erased"`
}

// Relabelled is a row whose label is another one.
type Relabelled struct {
	RecordID string `json:"recordID"`
	From     string `json:"from"`
	To       string `json:"to"`
}

// maxShown bounds the lists of a difference.
const maxShown = 20

// Diff compares two versions.
func Diff(ctx context.Context, b *store.Bucket, l store.Layout, from, to Manifest) (Difference, error) {
	d := Difference{From: from.Digest, To: to.Digest, Classes: map[string][2]int64{}}
	for class, n := range from.Content.Classes {
		d.Classes[class] = [2]int64{n, 0}
	}
	for class, n := range to.Content.Classes {
		d.Classes[class] = [2]int64{d.Classes[class][0], n}
	}
	d.FeaturesRemoved, d.FeaturesAdded = missing(from.Content.Features, to.Content.Features), missing(to.Content.Features, from.Content.Features)
	labels := map[string]string{}
	if err := EachRow(ctx, b, l, from, func(r *Row) error {
		labels[r.RecordID] = r.Label()
		return nil
	}); err != nil {
		return d, err
	}
	if err := EachRow(ctx, b, l, to, func(r *Row) error {
		was, known := labels[r.RecordID]
		delete(labels, r.RecordID)
		switch is := r.Label(); {
		case !known:
			if d.Added++; len(d.AddedIDs) < maxShown {
				d.AddedIDs = append(d.AddedIDs, r.RecordID)
			}
		case was != is:
			if d.Relabelled++; len(d.RelabelledIDs) < maxShown {
				d.RelabelledIDs = append(d.RelabelledIDs, Relabelled{r.RecordID, was, is})
			}
		default:
			d.Same++
		}
		return nil
	}); err != nil {
		return d, err
	}
	d.Removed = int64(len(labels))
	if d.Removed == 0 {
		return d, nil
	}
	return d, EachRow(ctx, b, l, from, func(r *Row) error {
		if _, gone := labels[r.RecordID]; gone && len(d.RemovedIDs) < maxShown {
			d.RemovedIDs = append(d.RemovedIDs, r.RecordID)
		}
		return nil
	})
}

// Label is what was right, as text.
func (r *Row) Label() string {
	if r.Class != "" {
		return r.Class
	}
	return strconv.FormatFloat(r.Value, 'g', -1, 64)
}

// missing are the features of a that b lacks.
func missing(a, b []Feature) []string {
	var out []string
	for _, f := range a {
		has := false
		for _, g := range b {
			has = has || g.Name == f.Name
		}
		if !has {
			out = append(out, f.Name)
		}
	}
	return out
}
