// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/vedette-dev/vedette/internal/capture/mirror"
	"github.com/vedette-dev/vedette/internal/capture/pipeline"
	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/capture/reload"
	"github.com/vedette-dev/vedette/internal/capture/spool"
	"github.com/vedette-dev/vedette/internal/capture/telemetry"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// reloader turns what the mounted files say, and the baseline's summary, into the plan in force.
type reloader struct {
	watcher     *reload.Watcher
	images      map[string]string
	identity    identity
	credentials string
	metrics     *telemetry.Metrics
	pipeline    *pipeline.Pipeline
	mirror      *mirror.Mirror
	uploader    *spool.Uploader
	log         *slog.Logger

	snapshot reload.Snapshot
	mirrored reload.Mirrored
	// capturing says that a configuration is in force by which calls are captured; mirroring is the document by which they are
	// mirrored, nil for none.
	capturing bool
	mirroring *wire.Mirror
	url       string
	buckets   []*store.Bucket // the last one is in use; the others may still be uploaded to
	baseline  baseline
}

// identity is what the arguments say the sidecar belongs to; empty where they do not.
type identity struct{ namespace, monitor string }

// check refuses a document that was mounted by mistake.
func (i identity) check(c *wire.Config) error {
	if c.Mode == wire.ModePassThrough && c.Monitor == "" && c.Namespace == "" {
		return nil // Of this document no more than the mode could be read.
	}
	if i.monitor != "" && i.monitor != c.Monitor || i.namespace != "" && i.namespace != c.Namespace {
		return fmt.Errorf("the configuration is that of monitor %.100q in namespace %.100q; this sidecar belongs to %q in %q",
			c.Monitor, c.Namespace, i.monitor, i.namespace)
	}
	return nil
}

// reload applies what has changed. A document that cannot be used changes nothing, unless it says PassThrough.
func (r *reloader) reload(ctx context.Context) {
	s, changed, err := r.watcher.Read()
	if err == nil && changed && s.Config != nil {
		err = r.identity.check(s.Config)
	}
	if err == nil && changed {
		before := r.snapshot
		r.snapshot = s
		if err = r.apply(ctx); err != nil {
			r.snapshot = before
		}
	}
	if err != nil {
		r.metrics.Current().Fault(telemetry.FaultConfig)
		r.log.Error("the configuration cannot be used: the previous one holds", "error", err)
	}
	r.remirror()
}

// remirror applies what has changed of mirroring: the document, the pod's labels, or whether anything is captured at all.
func (r *reloader) remirror() {
	m, changed, err := r.watcher.ReadMirror()
	if err != nil {
		r.metrics.Current().Fault(telemetry.FaultConfig)
		r.log.Error("the mirror document cannot be used: the previous one holds", "error", err)
	}
	if changed {
		r.mirrored = m
	}
	next := r.mirrored.Document
	if next != nil && !(r.capturing && r.isMine(next)) {
		next = nil
	}
	if next == r.mirroring {
		return
	}
	r.mirroring = next
	r.mirror.Use(next)
	if next == nil {
		r.log.Info("nothing is mirrored")
		return
	}
	r.log.Info("requests are mirrored", "revision", next.Revision, "rollout", next.Rollout, "candidate", next.Candidate,
		"share", next.Share, "unknown keys", r.mirrored.UnknownKeys)
}

// isMine says whether a document is for this pod: of the monitor whose configuration is in force, and, unless it is for all of that
// monitor's pods, of the revision that the pod's labels say it serves. Pods of another revision are about to be replaced.
func (r *reloader) isMine(m *wire.Mirror) bool {
	c := r.snapshot.Config
	if m.Namespace != c.Namespace || m.Monitor != c.Monitor {
		return false
	}
	return m.AllPods || r.mirrored.Labels[naming.LabelRollout] == m.Rollout && r.mirrored.Labels[naming.LabelRevision] == m.Primary
}

func (r *reloader) apply(ctx context.Context) error {
	c := r.snapshot.Config
	if c == nil {
		r.capturing = false
		r.pipeline.SetPlan(nil)
		r.metrics.Bind(telemetry.Binding{Version: r.metrics.Version()})
		r.log.Info("there is no configuration: everything is passed through")
		return nil
	}
	source := plan.Source{
		Config:  *c,
		Pod:     wire.Pod{Labels: r.snapshot.Labels, Annotations: r.snapshot.Annotations, Images: r.images},
		HashKey: r.snapshot.HashKey,
	}
	if c.Mode == wire.ModePassThrough {
		r.passThrough(ctx, source)
		return nil
	}
	if r.baseline.key != baselineKey(c) {
		r.baseline = baseline{key: baselineKey(c)}
	}
	source.Summary = r.baseline.summary
	next, err := plan.Compile(source)
	if err != nil {
		return err
	}
	if err := r.connect(ctx, c.Store.URL); err != nil {
		return err
	}
	next.Metrics = r.metrics.Bind(next.Binding())
	r.pipeline.SetPlan(next)
	r.metrics.InForce()
	r.capturing = true
	r.log.Info("a configuration is in force", "revision", c.Revision, "mode", c.Mode, "version", next.Versions.Model,
		"baseline", next.BaselineDigest, "unknown keys", r.snapshot.UnknownKeys)
	return nil
}

// passThrough stops all capture. It is the kill switch, so nothing of the document but its mode is needed, and nothing
// can keep it from taking effect.
func (r *reloader) passThrough(ctx context.Context, s plan.Source) {
	r.capturing = false
	r.pipeline.SetPlan(nil)
	r.baseline = baseline{}
	b := s.Binding()
	if b.Revision == "" { // Only the mode could be read.
		b.Version = r.metrics.Version()
	}
	r.metrics.Bind(b)
	r.metrics.InForce()
	r.log.Info("everything is passed through, as the configuration says", "revision", b.Revision, "unknown keys", r.snapshot.UnknownKeys)
	if s.Config.Store.URL == "" {
		return
	}
	// What waits in the spool is still to be uploaded.
	if err := r.connect(ctx, s.Config.Store.URL); err != nil {
		r.metrics.Current().Fault(telemetry.FaultConfig)
		r.log.Error("the store of the configuration cannot be used", "error", err)
	}
}

// connect opens the store. It is not contacted.
func (r *reloader) connect(ctx context.Context, url string) error {
	if url == r.url {
		return nil
	}
	b, err := store.Open(ctx, url, r.credentials)
	if err != nil {
		return err
	}
	r.url = url
	r.buckets = append(r.buckets, b)
	r.uploader.SetSink(b)
	return nil
}

func (r *reloader) close() error {
	var errs []error
	for _, b := range r.buckets {
		errs = append(errs, b.Close())
	}
	return errors.Join(errs...)
}

// baseline is the state of the baseline's summary.
type baseline struct {
	// key is the object that holds it; empty without a baseline.
	key     string
	summary *outlier.Summary
	// due is when to look next, after a wait that grows while the summary is missing.
	due  time.Time
	wait time.Duration
}

const (
	firstBaselineWait = 5 * time.Second
	longestWait       = 5 * time.Minute
	// baselineAge is how long a summary is used before it is looked whether there is a newer one.
	baselineAge     = 15 * time.Minute
	baselineTimeout = 10 * time.Second
	maxSummary      = 8 << 20
)

func baselineKey(c *wire.Config) string {
	if c.Baseline.Name == "" {
		return ""
	}
	return store.Layout{Cluster: c.Cluster, Namespace: c.Namespace, Monitor: c.Monitor}.Baseline(c.Baseline.Name, outlier.SummaryFile)
}

// refresh loads the summary of the baseline when that is due.
func (r *reloader) refresh(ctx context.Context, now time.Time) {
	b := &r.baseline
	if b.key == "" || len(r.buckets) == 0 || now.Before(b.due) {
		return
	}
	summary, err := r.fetch(ctx, b.key)
	if err != nil {
		b.wait = min(max(2*b.wait, firstBaselineWait), longestWait)
		b.due = now.Add(b.wait)
		r.log.Warn("the baseline's summary cannot be loaded: outliers are scored without it", "error", err, "again in", b.wait)
		return
	}
	b.wait, b.due = 0, now.Add(baselineAge)
	if b.summary != nil && b.summary.Digest == summary.Digest {
		return
	}
	before := b.summary
	b.summary = summary
	if err := r.apply(ctx); err != nil {
		b.summary = before
		r.log.Error("the baseline's summary cannot be used", "error", err)
	}
}

func (r *reloader) fetch(ctx context.Context, key string) (*outlier.Summary, error) {
	ctx, cancel := context.WithTimeout(ctx, baselineTimeout)
	defer cancel()
	raw, err := r.buckets[len(r.buckets)-1].Get(ctx, key, maxSummary)
	if err != nil {
		return nil, err
	}
	s, err := outlier.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", key, err)
	}
	return s, nil
}
