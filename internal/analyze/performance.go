// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// sliceBytes is about how many bytes of stored predictions are indexed at once; they take about as much in memory. A
// longer window is joined slice by slice.
const sliceBytes = 128 << 20

// performanceColumns are what answers are judged by.
var performanceColumns = []string{"outcome", "model_version", "keep_probability", "keep_reason", "prediction", "score", "segments"}

// Performance takes what is in the inbox, joins all labels that were received by now to the predictions of a window, and
// measures how good the answers were. It writes the report to the store, and returns it with the verdict.
func Performance(ctx context.Context, e *Env, w Window) (*PerformanceReport, wire.Verdict, error) {
	kind := e.Config.Schema.Prediction.Kind
	switch {
	case kind == "":
		return nil, wire.Verdict{}, InvalidConfig(errors.New("schema.prediction is not declared, so no answer is known: declare it"))
	case w.Empty():
		return nil, wire.Verdict{}, InvalidConfig(errors.New("the window is empty: set labels.windowSeconds, or --window, to at least a minute"))
	case len(e.Config.Segments) > maxSegments:
		return nil, wire.Verdict{}, InvalidConfig(fmt.Errorf("there are %d segments, more than %d", len(e.Config.Segments), maxSegments))
	}
	inbox, err := takeLabels(ctx, e)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	names := newClassNames(e.Config.Schema.Prediction)
	j := &joiner{e: e, names: names, asOf: e.Now}
	t := newTallies(e.Config, names)
	parts, err := slicesOf(ctx, e, w)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	var damaged []string
	for i, part := range parts {
		bad, err := joinSlice(ctx, e, j, t, part, i == 0)
		if err != nil {
			return nil, wire.Verdict{}, err
		}
		damaged = append(damaged, bad...)
	}
	r := &PerformanceReport{
		Version: reportVersion, Kind: KindPerformance, Run: e.Run, Config: e.Config.Revision,
		Cluster: e.Config.Cluster, Namespace: e.Config.Namespace, Monitor: e.Config.Monitor,
		Created: e.Now.UTC(), From: w.From, To: w.To, AsOf: j.asOf,
		Provisional: w.To.Add(wire.Seconds(e.Config.Labels.MatureSeconds)).After(j.asOf),
		Prediction:  kind, Inbox: *inbox, Join: j.counts, Damaged: damaged, Unanswered: t.unanswered,
	}
	_, _, r.Strata = t.factors()
	r.Groups = t.results(j.events, j.told(), w.To.Sub(w.From).Hours()/24)
	r.MedianDelaySeconds, r.MostDelaySeconds = quantiles(t.delays)
	if t.positive != noClass {
		r.PositiveClass = names.names[t.positive]
	}
	thresholds := r.evaluate(e.Config)
	r.Thresholds = reportThresholds(thresholds)
	r.conclude(thresholds)
	if r.Pairs, err = labelledPairs(ctx, e); ctx.Err() != nil {
		return nil, wire.Verdict{}, ctx.Err()
	} else if err != nil { // the monitor's own figures are known all the same
		e.Log.Warn("labelled pairs of the trial are not counted", "rollout", e.Trial.Rollout, "error", err)
	}
	key, err := r.store(ctx, e)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	v := r.verdict(e, key, thresholds)
	return r, v, countTruths(ctx, e, &v)
}

// maxSegments is how many segments a set of bits holds.
const maxSegments = 64

// told are the events that anybody ever told of, among the labels that were read.
func (j *joiner) told() map[string]bool {
	told := map[string]bool{}
	for _, name := range j.events {
		told[name] = true
	}
	return told
}

// slicesOf cuts a window into parts of equal length, so that the predictions of each fit into memory.
func slicesOf(ctx context.Context, e *Env, w Window) ([]Window, error) {
	var size int64
	for item, err := range e.Bucket.Between(ctx, e.layout(), store.Predictions, w.From, w.To) {
		if err != nil {
			return nil, err
		}
		size += item.Size
	}
	parts := min(1+size/sliceBytes, max(1, int64(w.To.Sub(w.From)/profile.Window)))
	length := (w.To.Sub(w.From) / time.Duration(parts)).Truncate(profile.Window)
	var out []Window
	for from := w.From; from.Before(w.To); from = from.Add(length) {
		out = append(out, Window{From: from, To: earlier(from.Add(length), w.To)})
	}
	return out, nil
}

// joinSlice joins the labels to the predictions of a part of the window, and adds these up.
func joinSlice(ctx context.Context, e *Env, j *joiner, t *tallies, w Window, first bool) (damaged []string, err error) {
	x, err := newIndex(ctx, e, w, wire.Seconds(e.Config.Labels.KeyToleranceSeconds))
	if err != nil {
		return nil, err
	}
	known, err := j.join(ctx, x, first)
	if err != nil {
		return nil, err
	}
	columns := performanceColumns
	if e.Config.Schema.Prediction.Kind == wire.MulticlassClassification {
		columns = append(slices.Clone(columns), "scores")
	}
	// Files may be compacted meanwhile: rows are found again by their ids, not by their places.
	_, err = eachRow(ctx, e, store.Predictions, w, columns, func(r *record.Row) error {
		if found := entriesOf(x.records, xxhash.Sum64String(r.RecordID)); r.RecordID != "" && len(found) > 0 {
			t.add(r, known.of(found[0].row), known.eventsOf(found[0].row))
		}
		return nil
	})
	return x.damaged, err
}

// performanceThresholds are those that bound metrics of this report.
func performanceThresholds(all []wire.Threshold) []wire.Threshold {
	return slices.DeleteFunc(slices.Clone(all), func(t wire.Threshold) bool { return t.Signal.Drift() })
}

// evaluate gives the verdict on every threshold in each of its segments, the violated ones first.
func (r *PerformanceReport) evaluate(config wire.Config) []wire.ThresholdVerdict {
	all := []string{""}
	for _, s := range config.Segments {
		all = append(all, s.Name)
	}
	var verdicts []wire.ThresholdVerdict
	for _, t := range performanceThresholds(config.Thresholds) {
		segments := t.Segments
		if len(segments) == 0 {
			segments = all
		}
		for _, segment := range segments {
			verdicts = append(verdicts, r.bound(t, segment))
		}
	}
	slices.SortStableFunc(verdicts, func(a, b wire.ThresholdVerdict) int {
		return cmp.Compare(urgency[a.Outcome], urgency[b.Outcome])
	})
	return verdicts
}

// bound judges a metric of a segment. It violates a bound when all of its confidence interval does, and meets the bounds
// when its value does; between the two, and with too few samples, nothing can be told.
func (r *PerformanceReport) bound(t wire.Threshold, segment string) wire.ThresholdVerdict {
	v := wire.ThresholdVerdict{Threshold: t.Name, Segment: segment, Outcome: wire.OutcomeInconclusive}
	g := r.group(segment, "")
	if g == nil {
		return v
	}
	m := g.metric(t.Signal)
	if m == nil {
		return v
	}
	v.Value = short(m.Value)
	value, low, high := float64(m.Value), float64(m.Low), float64(m.High)
	switch {
	case r.Provisional || m.Samples < t.MinSamples:
	case t.Min != nil && high < *t.Min, t.Max != nil && low > *t.Max:
		v.Outcome = wire.OutcomeFail
	case (t.Min == nil || value >= *t.Min) && (t.Max == nil || value <= *t.Max):
		v.Outcome = wire.OutcomePass
	}
	return v
}

// conclude is the outcome of the whole: violated if any threshold is; insufficient where no answer has a label, or labels
// still arrive; else stable.
func (r *PerformanceReport) conclude(thresholds []wire.ThresholdVerdict) {
	all := r.group("", "")
	violated := 0
	for _, v := range thresholds {
		if v.Outcome == wire.OutcomeFail {
			violated++
		}
	}
	switch {
	case all == nil:
		r.Outcome, r.Reason, r.Message = wire.OutcomeInsufficient, ReasonTooFewRows, "no prediction of the window is in the store"
	case violated > 0:
		r.Outcome = wire.OutcomeViolated
		r.Message = fmt.Sprintf("%d of %d thresholds are violated, by segment; first %s in %s: %.4g",
			violated, len(thresholds), thresholds[0].Threshold, segmentName(thresholds[0].Segment), thresholds[0].Value)
	case all.Labelled == 0:
		r.Outcome, r.Reason = wire.OutcomeInsufficient, ReasonNoLabels
		r.Message = fmt.Sprintf("none of the %d predictions of the window has a label; of the %d labels that were read, %d name a time in it: send labels, or make the window longer",
			all.Predictions, r.Join.Read, r.Join.Unknown)
	case r.Provisional:
		r.Outcome, r.Reason = wire.OutcomeInsufficient, ReasonImmature
		r.Message = "labels of the window still arrive (labels.matureAfter); the figures are provisional, and no threshold is judged by them"
	default:
		r.Outcome = wire.OutcomeStable
	}
}

// verdictMetrics are those that status shows, of all traffic first, then of segments, then of versions where there are
// several. Those whose bounds are not known are left out.
func (r *PerformanceReport) verdictMetrics() []wire.SegmentMetrics {
	groups := slices.Clone(r.Groups)
	versions := map[string]bool{}
	for i := range groups {
		versions[groups[i].Version] = true
	}
	if len(versions) <= 2 { // one, beside all of them
		groups = slices.DeleteFunc(groups, func(g GroupResult) bool { return g.Version != "" })
	}
	importance := func(g GroupResult) int {
		switch {
		case g.Segment == "" && g.Version == "":
			return 0
		case g.Version == "":
			return 1
		case g.Segment == "":
			return 2
		}
		return 3
	}
	slices.SortStableFunc(groups, func(a, b GroupResult) int { return cmp.Compare(importance(a), importance(b)) })
	var out []wire.SegmentMetrics
	for i := range groups {
		g := &groups[i]
		m := wire.SegmentMetrics{Segment: g.Segment, Version: g.Version, Samples: g.Labelled, Metrics: map[wire.Signal][3]float64{}}
		for _, x := range g.Metrics {
			if slices.Contains(order, x.Name) && !x.Low.isNaN() && !x.High.isNaN() {
				m.Metrics[x.Name] = [3]float64{short(x.Value), short(x.Low), short(x.High)}
			}
		}
		if len(m.Metrics) > 0 {
			out = append(out, m)
		}
	}
	return out
}

func (r *PerformanceReport) verdict(e *Env, key string, thresholds []wire.ThresholdVerdict) wire.Verdict {
	v := wire.Verdict{VerdictHeader: e.header(KindPerformance), Thresholds: thresholds, Metrics: r.verdictMetrics()}
	v.Outcome, v.Reason, v.Message = r.Outcome, r.Reason, r.Message
	if refused := r.Inbox.message(); refused != "" && v.Message == "" {
		v.Message = refused
	} else if refused != "" {
		v.Message += "; " + refused
	}
	v.From, v.To, v.Report = r.From, r.To, key
	if all := r.group("", ""); all != nil {
		v.Rows = all.Predictions
		if c := all.metric(wire.SignalLabelCoverage); c != nil {
			v.Coverage = float64(c.Value)
		}
	}
	r.Pairs.report(&v)
	return v
}

// PerformanceWindow is the window of the given length whose labels have arrived by now, as far as they ever do; one that
// ends at to, when that is not zero.
func (e *Env) PerformanceWindow(length time.Duration, to time.Time) Window {
	if to.IsZero() {
		to = e.Now.Add(-2 * e.Config.Capture.Flush()).Add(-wire.Seconds(e.Config.Labels.MatureSeconds))
	}
	return e.Window(length, to)
}
