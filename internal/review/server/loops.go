// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"time"
)

// loop is something that is done again and again beside serving.
type loop struct {
	task  string
	every time.Duration
	do    func(context.Context) error
}

// How often what is done. Files come at the pace of the sidecars' flushes; labels leave soon after they were given.
const (
	configEvery   = 10 * time.Second
	baselineEvery = 5 * time.Minute
)

func (s *server) loops() []loop {
	var readBaselines time.Time
	return []loop{
		{taskConfig, configEvery, func(ctx context.Context) error {
			if err := s.config.reload(ctx); err != nil {
				return err
			}
			now := s.Clock()
			if now.Sub(readBaselines) < baselineEvery {
				return nil
			}
			readBaselines = now
			return s.config.readBaselines(ctx)
		}},
	}
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
