// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// blockWindow is the window under which a stored baseline keeps its block number i: the rows of a dataset have no
// minute of their own.
func blockWindow(i int) time.Time {
	return time.Unix(0, 0).UTC().Add(time.Duration(i) * profile.Window)
}

// loadSummary reads the summary of the stored baseline; nil when there is none.
func loadSummary(ctx context.Context, e *Env) (*outlier.Summary, error) {
	name := e.Config.Baseline.Name
	if name == "" {
		return nil, nil
	}
	raw, err := e.Bucket.Get(ctx, e.layout().Baseline(name, outlier.SummaryFile), maxSummaryBytes)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	summary, err := outlier.Decode(raw)
	if err != nil {
		return nil, &problem{ReasonBaselineDamaged, fmt.Errorf("the summary of the baseline cannot be read, run \"analyze baseline\" again: %w", err)}
	}
	return summary, nil
}

// identity says whether a series counts what the schema declares now, in the way that the sidecars count it now.
type identity func(*profile.Series) bool

// identityOf is the identity under a schema and the origins that the sidecars take from the summary.
func identityOf(schema wire.Schema, summary *outlier.Summary) identity {
	features := map[string]wire.Feature{}
	for _, f := range summary.Origins(schema.Features) {
		features[f.Name] = f
	}
	return func(s *profile.Series) bool {
		if strings.HasPrefix(s.Feature, "_") {
			return true // The reserved series have one form for ever.
		}
		f, ok := features[s.Feature]
		return ok && f.Type == s.Type && f.Origin == s.Origin
	}
}

// loadBaseline reads the stored baseline; without one, or one without rows, the tally is empty.
func loadBaseline(ctx context.Context, e *Env, fits identity) (*tally, BaselineInfo, error) {
	info := BaselineInfo{Name: e.Config.Baseline.Name}
	object, err := e.Bucket.Open(ctx, e.layout().Baseline(info.Name, profileFile))
	if errors.Is(err, store.ErrNotFound) {
		return newTally(1), info, nil
	}
	if err != nil {
		return nil, info, err
	}
	series, err := profile.Read(object, object.Size())
	if errors.Is(err, profile.ErrDamaged) {
		return nil, info, &problem{ReasonBaselineDamaged, fmt.Errorf("the baseline cannot be read, run \"analyze baseline\" again: %w", err)}
	}
	if err != nil {
		return nil, info, err
	}
	var windows []time.Time
	for _, s := range series {
		windows = append(windows, s.Window)
	}
	slices.SortFunc(windows, time.Time.Compare)
	windows = slices.Compact(windows)
	t := newTally(len(windows))
	for _, s := range series {
		if !fits(s) {
			t.foreign++
			continue
		}
		block, _ := slices.BinarySearchFunc(windows, s.Window, time.Time.Compare)
		t.add(block, s)
	}
	return t, info, nil
}

// stored are the series of a tally in the form that is stored: one window a block.
func (t *tally) stored() []*profile.Series {
	var all []*profile.Series
	for id, blocks := range t.blocks {
		for i, s := range blocks {
			if s == nil || id.feature == profile.Coverage {
				continue
			}
			s.Key = profile.Key{Window: blockWindow(i), Segment: id.segment, Feature: id.feature}
			all = append(all, s)
		}
	}
	return all
}
