// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// KindWhy shows the predictions behind something. It only reads.
const KindWhy = "why"

// Ranking says which predictions tell most about what is asked.
type Ranking string

// The rankings.
const (
	// RankRisk takes those with the highest outlier score.
	RankRisk Ranking = "risk"
	// RankLatency takes the slowest, RankErrors those that failed, RankConfidence the least sure.
	RankLatency    Ranking = "latency"
	RankErrors     Ranking = "errors"
	RankConfidence Ranking = "confidence"
	// RankWrong takes those that were wrong, as far as labels tell.
	RankWrong Ranking = "wrong"
)

// Rankings are all of them.
var Rankings = []Ranking{RankRisk, RankLatency, RankErrors, RankConfidence, RankWrong}

// WhyQuestion asks which predictions are behind something.
type WhyQuestion struct {
	Window Window
	// Segment is the segment that is meant; all traffic when empty.
	Segment string
	Rank    Ranking
	// Top is how many records are shown.
	Top int
	// Dataset, where it is set, is the digest of the dataset whose records are shown, whatever the window.
	Dataset string
	// Trained are digests of datasets, to say which of the records are in them.
	Trained []string
}

var whyColumns = []string{
	"request_id", "trace_id", "span_id", "label_key", "latency_ms", "status", "outcome", "model_version", "prediction", "score",
	"confidence", "segments", "outlier_score", "outlier_reasons",
}

// Why finds the predictions that tell most, with what is known of them: traces, features beside what is usual, labels, and
// the datasets that they are in. It only reads.
func Why(ctx context.Context, e *Env, q WhyQuestion) (*WhyReport, wire.Verdict, error) {
	if q.Dataset == "" && q.Window.Empty() {
		return nil, wire.Verdict{}, InvalidConfig(errors.New("the window is empty: set --window to at least a minute"))
	}
	summary, err := loadSummary(ctx, e)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	r := &WhyReport{
		Version: reportVersion, Kind: KindWhy, Run: e.Run, Config: e.Config.Revision,
		Cluster: e.Config.Cluster, Namespace: e.Config.Namespace, Monitor: e.Config.Monitor,
		Created: e.Now.UTC(), Segment: q.Segment, Rank: q.Rank,
	}
	r.From, r.To = q.Window.From, q.Window.To
	var only map[string]bool
	if q.Dataset != "" {
		if only, q.Window, err = r.recordsOf(ctx, e, q); err != nil {
			return nil, wire.Verdict{}, err
		}
	}
	parts, err := slicesOf(ctx, e, q.Window)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	for _, part := range parts {
		if err := r.search(ctx, e, q, part, only); err != nil {
			return nil, wire.Verdict{}, err
		}
	}
	if err := r.describe(ctx, e, newUsual(summary)); err != nil {
		return nil, wire.Verdict{}, err
	}
	if err := r.trained(ctx, e, q.Trained); err != nil {
		return nil, wire.Verdict{}, err
	}
	return r, r.verdict(e, q), nil
}

// search looks through a part of the window. Only, where it is not nil, are the records that are meant: they are counted already.
func (r *WhyReport) search(ctx context.Context, e *Env, q WhyQuestion, w Window, only map[string]bool) error {
	x, err := newIndex(ctx, e, w, wire.Seconds(e.Config.Labels.KeyToleranceSeconds))
	if err != nil {
		return err
	}
	known, err := r.labels(ctx, e, x)
	if err != nil {
		return err
	}
	read, err := eachRow(ctx, e, store.Predictions, w, whyColumns, func(row *record.Row) error {
		if only != nil && !only[row.RecordID] || q.Segment != "" && !slices.Contains(row.Segments, q.Segment) {
			return nil
		}
		var labels []label.Row
		if found := entriesOf(x.records, xxhash.Sum64String(row.RecordID)); row.RecordID != "" && len(found) > 0 {
			labels = known[found[0].row].rows()
		}
		wrong, labelled := mistake(row, labels)
		if only == nil {
			r.tally(labelled, wrong > 0)
		}
		if weight, ok := q.weight(row, wrong); ok || only != nil {
			r.consider(row, labels, weight, q.Top)
		}
		return nil
	})
	r.Damaged = append(r.Damaged, read.damaged...)
	return err
}

// tally counts a prediction.
func (r *WhyReport) tally(labelled, wrong bool) {
	r.Rows++
	if labelled {
		r.Labelled++
	}
	if wrong {
		r.Wrong++
	}
}

// mistake is how wrong a prediction was, 0 when it was right, and whether that is known: by the label received last.
func mistake(row *record.Row, labels []label.Row) (wrong float64, known bool) {
	var last *label.Row
	for i := range labels {
		if l := &labels[i]; l.Kind == label.Truth && (last == nil || l.Received.After(last.Received)) {
			last = l
		}
	}
	switch {
	case last == nil:
		return 0, false
	case last.Class == "":
		wrong = math.Abs(last.Value - row.Score)
		return wrong, !math.IsNaN(wrong)
	case last.Class != row.Prediction:
		return 1, true
	}
	return 0, true
}

// weight is how much a prediction tells; false when it is not what is asked for.
func (q WhyQuestion) weight(row *record.Row, wrong float64) (float64, bool) {
	switch q.Rank {
	case RankLatency:
		return row.LatencyMS, !math.IsNaN(row.LatencyMS)
	case RankErrors:
		return 1, row.Outcome != "" && row.Outcome != record.OutcomeOK
	case RankConfidence:
		return -row.Confidence, !math.IsNaN(row.Confidence)
	case RankWrong:
		return wrong, wrong > 0
	}
	return row.OutlierScore, !math.IsNaN(row.OutlierScore)
}

// consider keeps a prediction if it is among those that tell most.
func (r *WhyReport) consider(row *record.Row, labels []label.Row, weight float64, top int) {
	c := WhyRecord{RecordID: row.RecordID, Time: row.Time, OutlierScore: Float(row.OutlierScore), weight: weight}
	i, _ := slices.BinarySearchFunc(r.Records, c, WhyRecord.compare)
	if i == top {
		return
	}
	c.RequestID, c.TraceID, c.SpanID, c.LabelKey, c.ModelVersion = row.RequestID, row.TraceID, row.SpanID, row.LabelKey, row.ModelVersion
	c.LatencyMS, c.Status, c.Outcome = Float(row.LatencyMS), row.Status, string(row.Outcome)
	c.Prediction, c.Score, c.Confidence = row.Prediction, Float(row.Score), Float(row.Confidence)
	c.Segments, c.Reasons = slices.Clone(row.Segments), slices.Clone(row.OutlierReasons)
	for _, l := range labels {
		c.Labels = append(c.Labels, whyLabel(l))
	}
	r.Records = slices.Insert(r.Records, i, c)
	r.Records = r.Records[:min(len(r.Records), top)]
}

// compare puts what tells more first; of equals the riskier, then the earlier.
func (a WhyRecord) compare(b WhyRecord) int {
	known := func(v float64) float64 {
		if math.IsNaN(v) {
			return math.Inf(-1)
		}
		return v
	}
	return cmp.Or(
		cmp.Compare(known(b.weight), known(a.weight)), cmp.Compare(known(float64(b.OutlierScore)), known(float64(a.OutlierScore))),
		a.Time.Compare(b.Time), cmp.Compare(a.RecordID, b.RecordID))
}

func (r *WhyReport) verdict(e *Env, q WhyQuestion) wire.Verdict {
	v := wire.Verdict{VerdictHeader: e.header(KindWhy)}
	v.Outcome, v.From, v.To, v.Rows = wire.OutcomeSucceeded, r.From, r.To, r.Rows
	switch {
	case r.Rows == 0:
		v.Message = "no prediction of the window is in the store" + inSegment(r.Segment)
	case q.Dataset != "" && len(r.Records) == 0:
		v.Message = "none of the predictions of the dataset that tell most are in the store any more" + inSegment(r.Segment)
	default:
		return v
	}
	v.Outcome, v.Reason = wire.OutcomeInsufficient, ReasonTooFewRows
	return v
}

func inSegment(s string) string {
	if s == "" {
		return ""
	}
	return " in segment " + s
}
