// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/store"
)

// Hold is a legal hold: a document holds/<name>.json in the monitor's folder. While it is there, nothing that it covers is
// deleted, stripped or erased. What it names adds up; one that names nothing covers nothing, and is an error.
type Hold struct {
	// All covers everything.
	All bool `json:"all,omitempty"`
	// From and To bound a time, To excluded; either may be left out.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// LabelKeys and RecordIDs name rows. Label keys are in the form in which rows store them, plain or hashed.
	LabelKeys []string `json:"labelKeys,omitempty"`
	RecordIDs []string `json:"recordIDs,omitempty"`
	// Reason and SetBy are for people. Until ends the hold by itself.
	Reason string    `json:"reason,omitempty"`
	SetBy  string    `json:"setBy,omitempty"`
	Until  time.Time `json:"until,omitzero"`

	name string
}

const maxHold = 8 << 20

// holds are all holds in force.
type holds []Hold

// loadHolds reads all holds. One that cannot be read ends the run: what it covers would be lost.
func loadHolds(ctx context.Context, b *store.Bucket, l store.Layout, now time.Time) (holds, error) {
	folder := l.Prefix() + "holds/"
	var all holds
	for item, err := range b.List(ctx, folder) {
		if err != nil {
			return nil, err
		}
		body, err := b.Get(ctx, item.Key, maxHold)
		if err != nil {
			return nil, err
		}
		h, err := parseHold(body)
		if err != nil {
			return nil, fmt.Errorf("the legal hold %q: %w: correct or remove it; until then nothing is deleted", item.Key, err)
		}
		h.name = strings.TrimSuffix(item.Key[len(folder):], ".json")
		if h.Until.IsZero() || now.Before(h.Until) {
			all = append(all, h)
		}
	}
	return all, nil
}

func parseHold(body []byte) (Hold, error) {
	var h Hold
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields() // A mistyped field would hold nothing.
	if err := d.Decode(&h); err != nil {
		return Hold{}, fmt.Errorf("it cannot be read: %w", err)
	}
	switch timed := !h.From.IsZero() || !h.To.IsZero(); {
	case !h.All && !timed && len(h.LabelKeys)+len(h.RecordIDs) == 0:
		return Hold{}, errors.New("it covers nothing: set all, from, to, labelKeys or recordIDs")
	case !h.To.IsZero() && !h.From.Before(h.To):
		return Hold{}, errors.New("it ends before it begins")
	}
	return h, nil
}

func (hs holds) names() []string {
	var names []string
	for _, h := range hs {
		names = append(names, h.name)
	}
	return names
}

// time is the hold that covers a span of time, as a whole or in part; nil when there is none.
func (hs holds) time(from, to time.Time) *Hold {
	for i := range hs {
		h := &hs[i]
		timed := !h.From.IsZero() || !h.To.IsZero()
		if h.All || timed && (h.To.IsZero() || from.Before(h.To)) && (h.From.IsZero() || h.From.Before(to)) {
			return h
		}
	}
	return nil
}

// row is the hold that covers a row; nil when there is none.
func (hs holds) row(recordID, labelKey string, at time.Time) *Hold {
	if h := hs.time(at, at.Add(time.Microsecond)); h != nil {
		return h
	}
	for i := range hs {
		if labelKey != "" && slices.Contains(hs[i].LabelKeys, labelKey) || recordID != "" && slices.Contains(hs[i].RecordIDs, recordID) {
			return &hs[i]
		}
	}
	return nil
}

// nameRows says whether any hold names rows: then files must be looked into.
func (hs holds) nameRows() bool {
	return slices.ContainsFunc(hs, func(h Hold) bool { return len(h.LabelKeys)+len(h.RecordIDs) > 0 })
}
