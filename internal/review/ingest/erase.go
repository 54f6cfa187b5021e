// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Eraser is a database that forgets subjects.
type Eraser interface {
	Monitors(ctx context.Context) ([]string, error)
	Erase(ctx context.Context, s db.Subject) (db.Erased, error)
	Doomed(ctx context.Context, monitor string) ([]db.Batch, error)
	Deleted(ctx context.Context, name string) error
}

// Erase carries out the erasures that the queue is not done with, and says so in the store: those of the monitors that feed it,
// and of those that did and left something there. It returns how many there were.
func Erase(ctx context.Context, d Eraser, bucket *store.Bucket, doc *wire.Review, now time.Time) (int, error) {
	monitors, err := d.Monitors(ctx)
	if err != nil {
		return 0, err
	}
	for _, m := range doc.Monitors {
		monitors = append(monitors, m.Name)
	}
	slices.Sort(monitors)
	done := 0
	var errs []error
	for _, monitor := range slices.Compact(monitors) {
		layout := store.Layout{Cluster: doc.Cluster, Namespace: doc.Namespace, Monitor: monitor}
		n, err := erase(ctx, d, bucket, layout, "queue-"+doc.Queue, now)
		if done += n; err != nil {
			errs = append(errs, fmt.Errorf("erasing subjects of monitor %q: %w", monitor, err))
		}
	}
	return done, errors.Join(errs...)
}

func erase(ctx context.Context, d Eraser, bucket *store.Bucket, layout store.Layout, by string, now time.Time) (int, error) {
	pending, err := erasure.Pending(ctx, bucket, layout, by)
	if err != nil {
		return 0, err
	}
	for i, request := range pending {
		set := erasure.NewSet(layout)
		set.Add(request)
		erased, err := d.Erase(ctx, db.Subject{
			Monitor: layout.Monitor, Records: request.Records,
			Matches: func(record, key, req string) bool { return set.Match(record, key, req) != "" },
		})
		if err != nil {
			return i, err
		}
		if err := sweep(ctx, d, bucket, layout); err != nil {
			return i, err
		}
		if err := erasure.PutDone(ctx, bucket, layout, request.ID, by, now,
			map[string]int64{"items": erased.Items, "answers": erased.Answers, "labels": erased.Labels}); err != nil {
			return i, err
		}
	}
	return len(pending), sweep(ctx, d, bucket, layout)
}

// sweep deletes files of labels that a subject was erased from on their way to the store, again and again for as long as one
// may arrive.
func sweep(ctx context.Context, d Eraser, bucket *store.Bucket, layout store.Layout) error {
	doomed, err := d.Doomed(ctx, layout.Monitor)
	if err != nil {
		return err
	}
	for _, b := range doomed {
		if err := bucket.Delete(ctx, layout.Labels(b.Frozen, b.Name)); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := d.Deleted(ctx, b.Name); err != nil {
			return err
		}
	}
	return nil
}
