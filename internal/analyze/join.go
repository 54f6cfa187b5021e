// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
)

// JoinCounts say what became of the labels that were read. A row of labels is counted once.
type JoinCounts struct {
	// Read were received from the day of the window on.
	Read int64 `json:"read"`
	// Matched found their prediction.
	Matched int64 `json:"matched"`
	// Unknown name a time in the window, or the record, and there is no such prediction. Elsewhere name a time outside it, or
	// none, and are about other windows as far as can be told.
	Unknown   int64 `json:"unknown"`
	Elsewhere int64 `json:"elsewhere"`
	// Ambiguous could be about several predictions: of one request without an instance, of one key without a time, or
	// equally near in time.
	AmbiguousRequest int64 `json:"ambiguousRequest"`
	AmbiguousKey     int64 `json:"ambiguousKey"`
	AmbiguousTime    int64 `json:"ambiguousTime"`

	// Repeated were read before, with the same ID. Duplicated say of a prediction what was said of it already; Corrected
	// were replaced by a later one that says something else, and Retracted were taken back.
	Repeated   int64 `json:"repeated"`
	Duplicated int64 `json:"duplicated"`
	Corrected  int64 `json:"corrected"`
	Retracted  int64 `json:"retracted"`
	// Late came after they should have; they count all the same.
	Late int64 `json:"late"`
	// Unusable name a class that the schema does not have, or no number for a regression.
	Unusable int64 `json:"unusable"`
	// Damaged files of labels were read up to the damage.
	Damaged []string `json:"damaged,omitempty"`
}

// entry finds a prediction by the hash of an id. That any of ten million ids is taken for another has a chance of 3 in a
// million.
type entry struct {
	hash uint64
	// at is when the prediction was made, in microseconds; row is its number, or −1 for one outside the window, which makes
	// a key ambiguous and nothing else.
	at  int64
	row int32
	// instance is its number in its request, or −1.
	instance int32
}

// index are the predictions of a slice of the window, by each of their ids.
type index struct {
	window  Window
	records []entry
	// requests and keys may have several entries of one hash.
	requests, keys []entry
	rows           int32
	// damaged files of predictions were read up to the damage.
	damaged []string
}

var idColumns = []string{"request_id", "label_key"}

// newIndex reads the ids of all predictions of a window, and of those around it whose key one of the window has: within
// tolerance, they make it uncertain which prediction a key is about.
func newIndex(ctx context.Context, e *Env, w Window, tolerance time.Duration) (*index, error) {
	x := &index{window: w}
	read, err := eachRow(ctx, e, store.Predictions, w, idColumns, func(r *record.Row) error {
		if r.RecordID == "" {
			return nil
		}
		at := entry{hash: xxhash.Sum64String(r.RecordID), at: r.Time.UnixMicro(), row: x.rows, instance: instanceOf(r.RecordID)}
		x.records = append(x.records, at)
		x.rows++
		if r.RequestID != "" {
			at.hash = xxhash.Sum64String(r.RequestID)
			x.requests = append(x.requests, at)
		}
		if r.LabelKey != "" {
			at.hash = xxhash.Sum64String(r.LabelKey)
			x.keys = append(x.keys, at)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	x.damaged = read.damaged
	x.sort()
	if len(x.keys) == 0 {
		return x, nil
	}
	var around []entry
	for _, w := range []Window{{From: w.From.Add(-tolerance), To: w.From}, {From: w.To, To: earlier(w.To.Add(tolerance), e.Now)}} {
		_, err := eachRow(ctx, e, store.Predictions, w, idColumns[1:], func(r *record.Row) error {
			if hash := xxhash.Sum64String(r.LabelKey); r.LabelKey != "" && len(entriesOf(x.keys, hash)) > 0 {
				around = append(around, entry{hash: hash, at: r.Time.UnixMicro(), row: -1})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	x.keys = append(x.keys, around...)
	slices.SortFunc(x.keys, byHash)
	return x, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (x *index) sort() {
	for _, entries := range [][]entry{x.records, x.requests, x.keys} {
		slices.SortFunc(entries, byHash)
	}
}

func byHash(a, b entry) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.at, b.at)) }

// entriesOf are the entries of a hash, in the order of their times.
func entriesOf(entries []entry, hash uint64) []entry {
	from, ok := slices.BinarySearchFunc(entries, hash, func(e entry, h uint64) int { return cmp.Compare(e.hash, h) })
	if !ok {
		return nil
	}
	to := from
	for to < len(entries) && entries[to].hash == hash {
		to++
	}
	return entries[from:to]
}

// instanceOf is the number of a prediction in its request, with which sidecars end record ids; −1 where there is none.
func instanceOf(recordID string) int32 {
	n, err := strconv.ParseUint(recordID[strings.LastIndexByte(recordID, '-')+1:], 10, 31)
	if err != nil {
		return -1
	}
	return int32(n)
}

// match finds the prediction that a label is about; −1 when there is none for sure, which it counts.
func (x *index) match(r *label.Row, tolerance time.Duration, c *JoinCounts) int32 {
	switch {
	case r.RecordID != "":
		if found := entriesOf(x.records, xxhash.Sum64String(r.RecordID)); len(found) > 0 {
			return found[0].row
		}
	case r.RequestID != "":
		found := entriesOf(x.requests, xxhash.Sum64String(r.RequestID))
		if r.Instance >= 0 {
			found = slices.DeleteFunc(slices.Clone(found), func(e entry) bool { return int64(e.instance) != r.Instance })
		}
		if len(found) > 1 {
			c.AmbiguousRequest++
			return -1
		}
		if len(found) == 1 {
			return found[0].row
		}
	default:
		found := entriesOf(x.keys, xxhash.Sum64String(r.LabelKey))
		if r.PredictionTime.IsZero() && len(found) > 1 {
			c.AmbiguousKey++
			return -1
		}
		if !r.PredictionTime.IsZero() {
			found = nearest(found, r.PredictionTime, tolerance)
		}
		switch {
		case len(found) > 1:
			c.AmbiguousTime++
			return -1
		case len(found) == 1 && found[0].row >= 0:
			return found[0].row
		}
	}
	if t := r.PredictionTime; !t.IsZero() && !t.Before(x.window.From) && t.Before(x.window.To) {
		c.Unknown++
	} else {
		c.Elsewhere++
	}
	return -1
}

// nearest are the latest of the entries at or before a time, within the tolerance; several when they are of one time. A
// time in whole seconds stands for all of its second.
func nearest(found []entry, t time.Time, tolerance time.Duration) []entry {
	limit := t.UnixMicro()
	if t.Nanosecond() == 0 {
		limit += time.Second.Microseconds() - 1
	}
	to := len(found)
	for to > 0 && found[to-1].at > limit {
		to--
	}
	from := to
	for from > 0 && found[from-1].at == found[to-1].at {
		from--
	}
	if from == to || found[from].at < limit-tolerance.Microseconds() {
		return nil
	}
	return found[from:to]
}
