// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"fmt"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
)

// Progress is what people have done.
type Progress struct {
	// People are those who answered in the time asked for, the busiest first.
	People []Work
	// Days counts what they did by UTC day, the oldest first.
	Days []DayWork
}

// Work is what one person has done.
type Work struct {
	Person                                          string
	Answered, Skipped, Settled, Critical, Escalated int64
	Last                                            time.Time
}

// DayWork is what all people have done on a UTC day.
type DayWork struct {
	Day               time.Time
	Answered, Skipped int64
}

// Progress sums up the answers since a time. What was taken back does not count.
func (d *DB) Progress(ctx context.Context, since time.Time) (Progress, error) {
	var p Progress
	err := each(ctx, d.read, `SELECT person,
			sum(CASE WHEN kind = 'answer' THEN 1 ELSE 0 END), sum(CASE WHEN kind = 'skip' THEN 1 ELSE 0 END),
			sum(CASE WHEN kind = 'settle' THEN 1 ELSE 0 END), sum(CASE WHEN label LIKE '%"critical":true%' THEN 1 ELSE 0 END),
			sum(CASE WHEN label LIKE '%"escalated":true%' THEN 1 ELSE 0 END), max(at)
		FROM answers WHERE at >= $1 AND undone_at = 0 GROUP BY person ORDER BY 2 DESC, person`, []any{micros(since)},
		func(scan func(...any) error) error {
			var w Work
			var last int64
			err := scan(&w.Person, &w.Answered, &w.Skipped, &w.Settled, &w.Critical, &w.Escalated, &last)
			w.Last = instant(last)
			p.People = append(p.People, w)
			return err
		})
	if err != nil {
		return Progress{}, fmt.Errorf("reading the progress: %w", err)
	}
	const day = int64(24 * time.Hour / time.Microsecond)
	err = each(ctx, d.read, `SELECT at / $2, sum(CASE WHEN kind <> 'skip' THEN 1 ELSE 0 END), sum(CASE WHEN kind = 'skip' THEN 1 ELSE 0 END)
		FROM answers WHERE at >= $1 AND undone_at = 0 GROUP BY 1 ORDER BY 1`, []any{micros(since), day},
		func(scan func(...any) error) error {
			var w DayWork
			var n int64
			err := scan(&n, &w.Answered, &w.Skipped)
			w.Day = instant(n * day)
			p.Days = append(p.Days, w)
			return err
		})
	if err != nil {
		return Progress{}, fmt.Errorf("reading the progress: %w", err)
	}
	return p, nil
}

// Judged are the answers of several people to one item.
type Judged struct {
	Item, Monitor string
	People        []string
	Labels        []review.Label
}

// Judged yields the items with the answers of at least two people, given since a time: what agreement is measured by.
func (d *DB) Judged(ctx context.Context, since time.Time) ([]Judged, error) {
	var list []Judged
	err := each(ctx, d.read, `SELECT a.item, i.monitor, a.person, a.label FROM answers a JOIN items i ON i.id = a.item
		WHERE a.kind = 'answer' AND a.undone_at = 0 AND a.at >= $1 AND i.answers > 1 ORDER BY a.item, a.id`, []any{micros(since)},
		func(scan func(...any) error) error {
			var j Judged
			var person, text string
			if err := scan(&j.Item, &j.Monitor, &person, &text); err != nil {
				return err
			}
			l, err := decodeLabel(text)
			if err != nil {
				return err
			}
			if len(list) == 0 || list[len(list)-1].Item != j.Item {
				list = append(list, j)
			}
			last := &list[len(list)-1]
			last.People, last.Labels = append(last.People, person), append(last.Labels, l)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("reading what people agree on: %w", err)
	}
	return list, nil
}
