// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Bounds of a drift verdict that the API does not expose.
const (
	minRows            = 300
	falseDiscoveryRate = 0.05
	minCoverage        = 0.9
)

// Config renders the configuration document of a monitor, without its revision.
func Config(m *v1alpha1.ModelMonitor, e Effective) wire.Config {
	sidecar := m.Spec.Source.Sidecar
	c := wire.Config{
		Cluster:   cmp.Or(string(e.Class.Spec.ClusterName), "default"),
		Namespace: m.Namespace,
		Monitor:   m.Name,
		Mode:      wire.Mode(e.Mode),
		Store:     wire.Store{URL: e.Class.Spec.Store.URL},
		Capture: wire.Capture{
			Protocol: cmp.Or(wire.Protocol(sidecar.Protocol), wire.ProtocolAuto),
			JSON: wire.JSONPaths{
				Path:        sidecar.JSON.Path,
				Instances:   string(sidecar.JSON.Instances),
				Predictions: string(sidecar.JSON.Predictions),
			},
			Keep:           wire.Keep{Predictions: share(e.Keep.Predictions), Features: share(e.Keep.Features), Bodies: share(e.Keep.Bodies)},
			BodyLimitBytes: cmp.Or(sidecar.BodyLimitBytes, 262144),
			FlushSeconds:   durationOr(e.Class.Spec.Flush, "5m").Seconds(),
			LatencyBuckets: LatencyBuckets(e.Thresholds),
		},
		Versions: wire.Versions{
			Model:    ModelVersion(m),
			Code:     version(m.Spec.Versions.Code),
			Features: version(m.Spec.Versions.Features),
			Dataset:  version(m.Spec.Versions.Dataset),
		},
		Schema:     Schema(m.Spec.Schema),
		Segments:   segments(e.Segments),
		Drift:      drift(m, e),
		Outliers:   outliers(m, e),
		Dataset:    dataset(m.Spec.Retraining.Dataset),
		Labels:     labelsOf(m, e),
		Thresholds: analysedThresholds(e.Thresholds),
		Retention:  RetentionOf(e.Class),
	}
	c.Baseline = baseline(m.Spec.Baseline, c)
	return c
}

// PassThrough renders the document under which nothing is captured. It takes nothing of the monitor but its name, so that
// it can always be had.
func PassThrough(m *v1alpha1.ModelMonitor) wire.Config {
	bare := &v1alpha1.ModelMonitor{}
	bare.Namespace, bare.Name = m.Namespace, m.Name
	return Config(bare, Effective{Class: &v1alpha1.MonitorClass{}, Mode: v1alpha1.ModePassThrough})
}

// ModelVersion says where the version of the model comes from.
func ModelVersion(m *v1alpha1.ModelMonitor) wire.VersionSource {
	s := version(m.Spec.Versions.Model)
	if s == (wire.VersionSource{}) {
		s.PodLabel = "app.kubernetes.io/version"
	}
	return s
}

func version(s v1alpha1.VersionSource) wire.VersionSource {
	return wire.VersionSource{PodLabel: s.PodLabel, PodAnnotation: s.PodAnnotation, Value: s.Value, ImageOf: s.ImageOf}
}

// Schema converts a schema.
func Schema(s v1alpha1.Schema) wire.Schema {
	w := wire.Schema{
		LabelKey: wire.LabelKey{Path: string(s.LabelKey.Path), Store: string(s.LabelKey.Store)},
		Prediction: wire.Prediction{
			Kind:    wire.PredictionKind(s.Prediction.Kind),
			Score:   string(s.Prediction.Score),
			Label:   string(s.Prediction.Label),
			Scores:  string(s.Prediction.Scores),
			Classes: s.Prediction.Classes,
		},
	}
	for _, f := range s.Features {
		w.Features = append(w.Features, wire.Feature{
			Name:     string(f.Name),
			Type:     wire.FeatureType(f.Type),
			Path:     string(f.Path),
			Required: f.Presence == v1alpha1.PresenceRequired,
			Min:      optionalNumber(f.Range.Min),
			Max:      optionalNumber(f.Range.Max),
			Values:   f.Values,
			Origin:   number(f.Origin),
		})
	}
	return w
}

func segments(all []v1alpha1.Segment) []wire.Segment {
	var w []wire.Segment
	for _, s := range all {
		w = append(w, wire.Segment{Name: string(s.Name), When: string(s.When)})
	}
	return w
}

func drift(m *v1alpha1.ModelMonitor, e Effective) wire.Drift {
	return wire.Drift{
		WindowSeconds:      window(e, v1alpha1.AnalysisDrift).Seconds(),
		MinRows:            minRows,
		MinEffectPSI:       number(cmp.Or(m.Spec.Drift.MinEffect.PSI, "0.1")),
		FalseDiscoveryRate: falseDiscoveryRate,
		MinCoverage:        minCoverage,
	}
}

func outliers(m *v1alpha1.ModelMonitor, e Effective) wire.Outliers {
	w := wire.Outliers{
		Rate:          share(cmp.Or(m.Spec.Outliers.RatePercent, "0.1")),
		WindowSeconds: window(e, v1alpha1.AnalysisOutliers).Seconds(),
	}
	for _, expression := range m.Spec.Outliers.Always {
		w.Always = append(w.Always, string(expression))
	}
	return w
}

// RetentionOf is how long each tier is kept.
func RetentionOf(class *v1alpha1.MonitorClass) wire.Retention {
	r := class.Spec.Retention
	seconds := func(age, fallback v1alpha1.Age) float64 {
		return Duration(v1alpha1.Duration(cmp.Or(age, fallback))).Seconds()
	}
	w := wire.Retention{
		PredictionsSeconds: seconds(r.Predictions, "400d"),
		FeaturesSeconds:    seconds(r.Features, "90d"),
		ProfilesSeconds:    seconds(r.Profiles, "400d"),
		LabelsSeconds:      seconds(r.Labels, "400d"),
	}
	w.BodiesSeconds = min(seconds(r.Bodies, "7d"), w.FeaturesSeconds)
	return w
}

func window(e Effective, kind v1alpha1.AnalysisKind) time.Duration {
	for _, a := range e.Analyses {
		if a.Kind == kind {
			return Duration(a.Window)
		}
	}
	return Duration(defaultsOf(kind).Window)
}

// baseline names a dataset's baseline by everything that it is computed from, so that a change gives a new one and never
// a mixture.
func baseline(b v1alpha1.Baseline, c wire.Config) wire.Baseline {
	switch {
	case b.Dataset.URL != "":
		from, err := json.Marshal(struct {
			URL      string
			Schema   wire.Schema
			Segments []wire.Segment
		}{b.Dataset.URL, c.Schema, c.Segments})
		if err != nil {
			panic(fmt.Sprintf("encoding what a baseline is made from: %v", err)) // our own types: always encodable
		}
		sum := sha256.Sum256(from)
		return wire.Baseline{Name: hex.EncodeToString(sum[:])[:10], DatasetURL: b.Dataset.URL}
	case b.Trailing.Window != "":
		return wire.Baseline{Name: wire.BaselineTrailing, TrailingSeconds: Duration(b.Trailing.Window).Seconds()}
	}
	return wire.Baseline{}
}

func labelsOf(m *v1alpha1.ModelMonitor, e Effective) wire.Labels {
	if m.Spec.Schema.Prediction.Kind == "" {
		return wire.Labels{}
	}
	l := m.Spec.Labels
	mature := MatureAfter(m)
	w := wire.Labels{
		WindowSeconds:       window(e, v1alpha1.AnalysisPerformance).Seconds(),
		MatureSeconds:       Duration(mature).Seconds(),
		KeyToleranceSeconds: durationOr(l.KeyTolerance, mature).Seconds(),
		PositiveClass:       l.PositiveClass,
	}
	for _, c := range l.Costs {
		w.Costs = append(w.Costs, wire.Cost{Actual: c.Actual, Predicted: c.Predicted, Cost: number(c.Cost)})
	}
	return w
}

// MatureAfter is how long after a prediction its labels have arrived, as far as they ever do.
func MatureAfter(m *v1alpha1.ModelMonitor) v1alpha1.Duration {
	return cmp.Or(m.Spec.Labels.MatureAfter, "24h")
}

// AnalysisOf is the analysis that evaluates thresholds on a signal; "" for those that Prometheus rules evaluate.
func AnalysisOf(s v1alpha1.Signal) v1alpha1.AnalysisKind {
	switch s {
	case v1alpha1.SignalFeatureDrift, v1alpha1.SignalPredictionDrift, v1alpha1.SignalMissingRatio:
		return v1alpha1.AnalysisDrift
	case v1alpha1.SignalAccuracy, v1alpha1.SignalPrecision, v1alpha1.SignalRecall, v1alpha1.SignalF1, v1alpha1.SignalAUC,
		v1alpha1.SignalLogLoss, v1alpha1.SignalBrier, v1alpha1.SignalMAE, v1alpha1.SignalRMSE, v1alpha1.SignalEscalationRatio,
		v1alpha1.SignalCriticalErrorRatio, v1alpha1.SignalCostPerDay, v1alpha1.SignalLabelCoverage:
		return v1alpha1.AnalysisPerformance
	}
	return ""
}

func analysedThresholds(all []v1alpha1.Threshold) []wire.Threshold {
	var w []wire.Threshold
	for _, t := range all {
		if AnalysisOf(t.Signal) == "" {
			continue
		}
		x := wire.Threshold{
			Name:       string(t.Name),
			Signal:     wire.Signal(t.Signal),
			Min:        optionalNumber(t.Min),
			Max:        optionalNumber(t.Max),
			MinSamples: int64(cmp.Or(t.MinSamples, 100)),
		}
		for _, f := range t.Features {
			x.Features = append(x.Features, string(f))
		}
		for _, s := range t.Segments {
			x.Segments = append(x.Segments, string(s))
		}
		w = append(w, x)
	}
	return w
}

// Latency buckets: as many as the budget of series allows, and the most that bounds may make of them.
var defaultBuckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1}

const maxBuckets = 16

// LatencyBuckets are the finite upper bounds of the latency histogram: the defaults, the nearest of which give way to the
// bounds of the thresholds, so that a quantile is compared with its bound exactly. One edge lies above the greatest bound:
// a quantile in the last, infinite bucket reads as the greatest edge. Without latency thresholds, nil: the sidecar's own.
func LatencyBuckets(thresholds []v1alpha1.Threshold) []float64 {
	var wanted []float64
	for _, t := range thresholds {
		if t.Signal != v1alpha1.SignalLatencySeconds {
			continue
		}
		for _, b := range []*float64{optionalNumber(t.Min), optionalNumber(t.Max)} {
			if b != nil && *b > 0 {
				wanted = append(wanted, *b)
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	wanted = wanted[:min(len(wanted), maxBuckets-1)]
	if top := wanted[len(wanted)-1]; top >= defaultBuckets[len(defaultBuckets)-1] {
		wanted = append(wanted, 4*top)
	}
	spare := slices.DeleteFunc(slices.Clone(defaultBuckets), func(d float64) bool { return slices.Contains(wanted, d) })
	for len(spare) > 0 && len(spare)+len(wanted) > len(defaultBuckets) {
		// The default that is nearest to any bound tells the least beside it.
		nearest := slices.MinFunc(spare, func(a, b float64) int { return cmp.Compare(distance(a, wanted), distance(b, wanted)) })
		spare = slices.DeleteFunc(spare, func(d float64) bool { return d == nearest })
	}
	edges := append(spare, wanted...)
	slices.Sort(edges)
	return edges
}

// distance is how far x is from the nearest of others, as the logarithm of their ratio.
func distance(x float64, others []float64) float64 {
	least := math.Inf(1)
	for _, o := range others {
		least = min(least, math.Abs(math.Log(x/o)))
	}
	return least
}
