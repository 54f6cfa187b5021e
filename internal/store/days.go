// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"iter"
	"strings"
	"sync"
	"time"
)

// LabelFolder is the folder of labels, which has days and neither versions nor hours.
const LabelFolder Folder = "labels"

// CompactedPrefix starts the names of files that hold the rows of others.
const CompactedPrefix = "compacted-"

// ReplacesKey is the key of a Parquet file's metadata under which it lists, as JSON, the names of the files in its folder
// whose rows it holds. They count no more, even if they are there.
const ReplacesKey = "vedette.replaces"

// Day is one day of a folder: of one version, or of one rollout and revision, where the folder has those.
type Day struct {
	// Prefix is the folder of its files, with a slash at its end.
	Prefix string
	Start  time.Time
}

// maxAbove is how many folders may be between that of a tier and a day.
const maxAbove = 2

// Days yields the days of a folder that have files. It lists folders only: what it costs does not grow with the files.
func (b *Bucket) Days(ctx context.Context, l Layout, folder Folder) iter.Seq2[Day, error] {
	return func(yield func(Day, error) bool) { b.days(ctx, l.versions(folder), maxAbove, yield) }
}

// days says whether to go on.
func (b *Bucket) days(ctx context.Context, root string, above int, yield func(Day, error) bool) bool {
	for name, err := range b.Folders(ctx, root) {
		if err != nil {
			yield(Day{}, err)
			return false
		}
		switch d, isDay := dayOf(root, name); {
		case isDay:
			if !yield(d, nil) {
				return false
			}
		case above > 0 && !strings.HasPrefix(name, "dt="):
			if !b.days(ctx, root+name+"/", above-1, yield) {
				return false
			}
		}
	}
	return true
}

func dayOf(root, name string) (Day, bool) {
	day, ok := strings.CutPrefix(name, "dt=")
	if !ok {
		return Day{}, false
	}
	t, err := time.Parse(dayFormat, day)
	return Day{Prefix: root + name + "/", Start: t}, err == nil
}

// HourOf is the hour of a folder directly below a day, such as "hh=07".
func (d Day) HourOf(folder string) (time.Time, bool) {
	hour, ok := strings.CutPrefix(folder, "hh=")
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(hourFormat, hour)
	return d.Start.Add(time.Duration(t.Hour()) * time.Hour), err == nil
}

// Intercept makes a Bucket that asks before each operation, one at a time, and fails with the error that it gets: to find
// out what becomes of work that is cut short at any point.
func Intercept(b *Bucket, before func(operation, key string) error) *Bucket {
	var asking sync.Mutex
	intercepted := *b
	intercepted.before = func(operation, key string) error {
		asking.Lock()
		defer asking.Unlock()
		return before(operation, key)
	}
	return &intercepted
}

func (b *Bucket) ask(operation, key string) error {
	if b.before == nil {
		return nil
	}
	return b.before(operation, key)
}
