// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"time"

	"github.com/vedette-dev/vedette/internal/review/ingest"
	"github.com/vedette-dev/vedette/internal/review/publish"
	"github.com/vedette-dev/vedette/internal/store"
)

// loop is something that is done again and again beside serving.
type loop struct {
	task  string
	every time.Duration
	do    func(context.Context) error
}

// How often what is done. Files come at the pace of the sidecars' flushes, which is 10 seconds at the fastest that anybody
// uses; labels leave soon after they can no longer be taken back without a trace.
const (
	configEvery   = 10 * time.Second
	baselineEvery = 5 * time.Minute
	ingestEvery   = 10 * time.Second
	publishEvery  = 10 * time.Second
	eraseEvery    = time.Minute
	retainEvery   = 10 * time.Minute

	// publishHold is how long an answer can be taken back without a trace in the store.
	publishHold = 30 * time.Second
)

func (s *server) loops() []loop {
	return []loop{
		{taskConfig, configEvery, s.reload()},
		{taskIngest, ingestEvery, s.ingest()},
		{taskPublish, publishEvery, s.config.using(func(ctx context.Context, b *store.Bucket, d *document) error {
			p := publish.Publisher{Outbox: s.db, Store: b, Cluster: d.Cluster, Namespace: d.Namespace, Hold: publishHold}
			for {
				rows, err := p.Pass(ctx)
				if err != nil || rows == 0 {
					return err
				}
				s.Log.Info("labels were published", "rows", rows)
			}
		})},
		{taskRetain, eraseEvery, s.config.using(func(ctx context.Context, b *store.Bucket, d *document) error {
			done, err := ingest.Erase(ctx, s.db, b, d, s.Clock())
			if done > 0 {
				s.Log.Info("subjects were erased", "requests", done)
			}
			return err
		})},
		{taskRetain, retainEvery, s.retain},
	}
}

// ingest reads what is new, some files at a time: in between a new document takes effect.
func (s *server) ingest() func(context.Context) error {
	reader := &ingest.Reader{Database: s.db, Now: s.Clock}
	var more bool
	var warned string
	pass := s.config.using(func(ctx context.Context, b *store.Bucket, d *document) error {
		reader.Bucket = b
		stats, err := reader.Pass(ctx, d)
		more = stats.More
		if d.Revision != warned {
			warned = d.Revision
			for _, unfit := range stats.Unfit {
				s.Log.Warn("a rule never holds for a monitor", "error", unfit)
			}
		}
		for _, damaged := range stats.Damaged {
			s.metrics.errors.WithLabelValues(taskIngest).Inc()
			s.Log.Error("a file is damaged", "error", damaged)
		}
		if stats.Items > 0 {
			s.Log.Info("items came", "items", stats.Items, "duplicates", stats.Duplicates, "rows", stats.Rows, "files", stats.Files)
		}
		return err
	})
	return func(ctx context.Context) error {
		for {
			if err := pass(ctx); err != nil || !more {
				return err
			}
		}
	}
}

// reload takes changes of the document over at once, of baselines now and then, and weighs waiting items again by a document
// that is new.
func (s *server) reload() func(context.Context) error {
	var baselines time.Time
	var weighed string
	return func(ctx context.Context) error {
		if err := s.config.reload(ctx); err != nil {
			return err
		}
		if revision := s.desk.Document().Revision; revision != weighed {
			if err := s.rerank(ctx); err != nil {
				return err
			}
			weighed = revision
		}
		now := s.Clock()
		if now.Sub(baselines) < baselineEvery {
			return nil
		}
		baselines = now
		return s.config.readBaselines(ctx)
	}
}

func (s *server) rerank(ctx context.Context) error {
	after, err := s.db.Rerank(ctx, "")
	for err == nil && after != "" {
		after, err = s.db.Rerank(ctx, after)
	}
	return err
}

func (s *server) retain(ctx context.Context) error {
	more, err := s.db.Retain(ctx)
	for err == nil && more {
		more, err = s.db.Retain(ctx)
	}
	return err
}

// repeat does a loop until ctx ends. What fails is counted, and done again when its time has come.
func (s *server) repeat(ctx context.Context, l loop) {
	ticker := time.NewTicker(l.every)
	defer ticker.Stop()
	for {
		if err := l.do(ctx); err != nil && ctx.Err() == nil {
			s.metrics.errors.WithLabelValues(l.task).Inc()
			s.Log.Error("a task failed: it is tried again", "task", l.task, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
