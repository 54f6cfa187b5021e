// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
)

// Merged yields the series of several files in the order of their keys, each key once: series of one key are merged,
// exactly and in any order. Those that count different things, because the schema changed within their minute, stay
// apart. Each file must be in the order of its keys, so that no more than a series of each is held.
func Merged(files ...*Reader) iter.Seq2[*Series, error] {
	return func(yield func(*Series, error) bool) {
		heads := make([]*head, len(files))
		for i, f := range files {
			next, stop := iter.Pull2(f.All())
			defer stop()
			heads[i] = &head{next: next}
			if err := heads[i].advance(); err != nil {
				yield(nil, err)
				return
			}
		}
		for {
			alike, err := take(heads)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(alike) == 0 {
				return
			}
			for _, s := range alike {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// head is the next series of a file; nil after the last.
type head struct {
	series *Series
	next   func() (*Series, error, bool)
}

func (h *head) advance() error {
	before := h.series
	s, err, ok := h.next()
	switch {
	case !ok:
		h.series = nil
	case err != nil:
		return err
	case before != nil && s.Compare(before.Key) < 0:
		return fmt.Errorf("reading profiles: %w: its series are not in the order of their keys", ErrDamaged)
	default:
		h.series = s
	}
	return nil
}

// take removes the series of the least key from all heads, and merges what can be.
func take(heads []*head) ([]*Series, error) {
	var least *Series
	for _, h := range heads {
		if h.series != nil && (least == nil || h.series.Compare(least.Key) < 0) {
			least = h.series
		}
	}
	if least == nil {
		return nil, nil
	}
	var alike []*Series
	for _, h := range heads {
		for h.series != nil && h.series.Compare(least.Key) == 0 {
			alike = mergeInto(alike, h.series)
			if err := h.advance(); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(alike, compare)
	return alike, nil
}

func mergeInto(all []*Series, s *Series) []*Series {
	for _, other := range all {
		if other.Merge(s) == nil {
			return all
		}
	}
	return append(all, s)
}

// compare orders series in files.
func compare(a, b *Series) int {
	return cmp.Or(a.Compare(b.Key), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Origin, b.Origin))
}
