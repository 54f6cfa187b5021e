// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"encoding/json"
	"fmt"

	"github.com/vedette-dev/vedette/internal/capture/decode"
	"github.com/vedette-dev/vedette/internal/capture/telemetry"
	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Source is what a plan is made of.
type Source struct {
	Config wire.Config
	Pod    wire.Pod
	// HashKey is the key of keyed hashes; nil while there is none.
	HashKey []byte
	// Summary is that of the baseline; nil while there is none.
	Summary *outlier.Summary
}

// Versions are what served a request.
type Versions struct{ Model, Code, Features, Dataset string }

// Plan is a compiled configuration. It is safe for concurrent use.
type Plan struct {
	Config   wire.Config
	Versions Versions
	Decoder  *decode.Decoder
	// BaselineDigest is that of the summary that outliers are scored against; empty without one.
	BaselineDigest string
	// Features are those of the schema, with the origins that the baseline knows.
	Features []wire.Feature
	// Shape is the same for plans whose rows may be in one file, and whose profiles may be in one set.
	Shape string
	// Metrics are the series of the plan's version and segments.
	Metrics *telemetry.Bound

	segments []*expr.Program
	always   []rule
	scorer   *outlier.Scorer
	hashKey  []byte
}

// rule makes an outlier of a prediction for which it holds.
type rule struct {
	*expr.Program
	reason string
}

// Compile makes a plan, but for its metrics. A document of mode PassThrough needs none; a suspended monitor is one that
// the manager has stopped to reconcile: its sidecars go on. An error says what in the document cannot be used.
func Compile(s Source) (*Plan, error) {
	c := s.Config
	if c.Capture.BodyLimitBytes <= 0 {
		c.Capture.BodyLimitBytes = defaultBodyLimit
	}
	if c.Capture.FlushSeconds <= 0 {
		c.Capture.FlushSeconds = defaultFlushSeconds
	}
	p := &Plan{
		Config:  c,
		hashKey: s.HashKey,
		Versions: Versions{
			Model:    s.Pod.Version(c.Versions.Model),
			Code:     s.Pod.Version(c.Versions.Code),
			Features: s.Pod.Version(c.Versions.Features),
			Dataset:  s.Pod.Version(c.Versions.Dataset),
		},
	}
	var err error
	if p.Decoder, err = decode.New(c.Capture, c.Schema); err != nil {
		return nil, err
	}
	if err := p.compile(); err != nil {
		return nil, err
	}
	p.scorer = outlier.NewScorer(c.Schema, s.Summary, c.Outliers.Rate)
	if s.Summary != nil {
		p.BaselineDigest = s.Summary.Digest
	}
	p.Features = s.Summary.Origins(c.Schema.Features)
	shape, err := json.Marshal([]any{c.Cluster, c.Namespace, c.Monitor, p.Features})
	if err != nil {
		return nil, fmt.Errorf("encoding the schema: %w", err)
	}
	p.Shape = string(shape)
	return p, nil
}

// What holds when a document does not say.
const (
	defaultBodyLimit    = 256 << 10
	defaultFlushSeconds = 300
)

func (p *Plan) compile() error {
	env, err := expr.NewEnv(p.Config.Schema)
	if err != nil {
		return fmt.Errorf("preparing expressions: %w", err)
	}
	for _, s := range p.Config.Segments {
		program, err := env.Compile(s.When)
		if err != nil {
			return fmt.Errorf("segment %q: %w", s.Name, err)
		}
		p.segments = append(p.segments, program)
	}
	for i, when := range p.Config.Outliers.Always {
		program, err := env.Compile(when)
		if err != nil {
			return fmt.Errorf("outliers.always[%d]: %w", i, err)
		}
		p.always = append(p.always, rule{program, outlier.RuleReason(when)})
	}
	return nil
}

// Layout is where in the store the plan's files are.
func (p *Plan) Layout() store.Layout {
	return store.Layout{Cluster: p.Config.Cluster, Namespace: p.Config.Namespace, Monitor: p.Config.Monitor}
}

// Binding is what the plan's metrics depend on.
func (p *Plan) Binding() telemetry.Binding {
	b := bindingOf(&p.Config, p.Versions.Model)
	b.Baseline = p.BaselineDigest
	return b
}

// Binding is what the metrics of a plan of s would depend on. Nothing is compiled.
func (s Source) Binding() telemetry.Binding {
	return bindingOf(&s.Config, s.Pod.Version(s.Config.Versions.Model))
}

func bindingOf(c *wire.Config, version string) telemetry.Binding {
	b := telemetry.Binding{Version: version, Buckets: c.Capture.LatencyBuckets, Revision: c.Revision}
	for _, s := range c.Segments {
		b.Segments = append(b.Segments, s.Name)
	}
	return b
}

// LabelKey is the form in which a business key is stored. It reports false, and nothing is to be stored, while the key
// that it must be hashed with is missing.
func (p *Plan) LabelKey(key string) (string, bool) {
	if len(key) > label.MaxKey {
		return "", false // No label can name it.
	}
	return label.Key(p.Config.Schema.LabelKey, p.hashKey, key)
}
