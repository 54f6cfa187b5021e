// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// MaxTop is the most predictions that an outliers report shows.
const MaxTop = 1000

// riskColumns are what the riskiest predictions are chosen by and shown with.
var riskColumns = []string{
	"request_id", "label_key", "model_version", "keep_reason", "prediction", "score", "segments", "outlier_score", "outlier_reasons",
}

// Outliers finds the riskiest predictions of a window, those with the highest outlier scores, and says why: the reasons
// that the sidecar gave, and each feature beside what is usual in the baseline.
func Outliers(ctx context.Context, e *Env, w Window, top int) (*OutliersReport, wire.Verdict, error) {
	if w.Empty() {
		return nil, wire.Verdict{}, InvalidConfig(errors.New("the window is empty: set outliers.windowSeconds, or --window, to at least a minute"))
	}
	summary, err := loadSummary(ctx, e)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	r := &OutliersReport{
		Version: reportVersion, Kind: KindOutliers, Run: e.Run, Config: e.Config.Revision,
		Cluster: e.Config.Cluster, Namespace: e.Config.Namespace, Monitor: e.Config.Monitor,
		Created: e.Now.UTC(), From: w.From, To: w.To,
	}
	read, err := eachRow(ctx, e, store.Predictions, w, riskColumns, func(row *record.Row) error {
		if row.KeepReason == record.KeepOutlier {
			r.Outliers++
		}
		r.consider(row, top)
		return nil
	})
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	r.Rows, r.Damaged = read.rows, read.damaged
	if err := r.addFeatures(ctx, e, summary); err != nil {
		return nil, wire.Verdict{}, err
	}
	key := e.layout().Report(KindOutliers, w.From, w.To, e.Run, reportFile)
	var document bytes.Buffer
	if err := r.WriteJSON(&document); err != nil {
		return nil, wire.Verdict{}, err
	}
	if err := e.Bucket.Create(ctx, key, &document); err != nil {
		return nil, wire.Verdict{}, fmt.Errorf("storing the report: %w", err)
	}
	return r, r.verdict(e, strings.TrimPrefix(key, e.layout().Prefix())), nil
}

// consider keeps a row if it is among the top. Rows without a score can only be there while there is room.
func (r *OutliersReport) consider(row *record.Row, top int) {
	risk := row.OutlierScore
	if math.IsNaN(risk) && row.KeepReason != record.KeepOutlier {
		return
	}
	p := Prediction{
		RecordID: row.RecordID, Time: row.Time, OutlierScore: Float(risk),
		RequestID: row.RequestID, LabelKey: row.LabelKey, ModelVersion: row.ModelVersion,
		Prediction: row.Prediction, Score: Float(row.Score),
	}
	i, _ := slices.BinarySearchFunc(r.Top, p, Prediction.compare)
	if i == top {
		return
	}
	p.Segments, p.Reasons = slices.Clone(row.Segments), slices.Clone(row.OutlierReasons)
	r.Top = slices.Insert(r.Top, i, p)
	r.Top = r.Top[:min(len(r.Top), top)]
}

// compare puts the riskier first; of equals the earlier.
func (p Prediction) compare(q Prediction) int {
	risk := func(p Prediction) float64 {
		if p.OutlierScore.isNaN() {
			return math.Inf(-1)
		}
		return float64(p.OutlierScore)
	}
	return cmp.Or(cmp.Compare(risk(q), risk(p)), p.Time.Compare(q.Time), cmp.Compare(p.RecordID, q.RecordID))
}

// addFeatures finds the features of the top in the records tier, which keeps every outlier's.
func (r *OutliersReport) addFeatures(ctx context.Context, e *Env, summary *outlier.Summary) error {
	at := map[string]int{}
	var from, to time.Time
	for i, p := range r.Top {
		at[p.RecordID] = i
		if from.IsZero() || p.Time.Before(from) {
			from = p.Time
		}
		if p.Time.After(to) {
			to = p.Time
		}
	}
	if len(at) == 0 {
		return nil
	}
	usual := newUsual(summary)
	read, err := eachRow(ctx, e, store.Records, Window{From: from, To: to.Add(time.Microsecond)}, []string{"f_*"}, func(row *record.Row) error {
		i, ok := at[row.RecordID]
		if !ok {
			return nil
		}
		for j, f := range e.Config.Schema.Features {
			r.Top[i].Features = append(r.Top[i].Features, usual.describe(f, row.Features[j]))
		}
		return nil
	})
	r.Damaged = append(r.Damaged, read.damaged...)
	return err
}

func (r *OutliersReport) verdict(e *Env, key string) wire.Verdict {
	v := wire.Verdict{VerdictHeader: e.header(KindOutliers)}
	v.Outcome, v.From, v.To, v.Rows, v.Outliers, v.Report = wire.OutcomeSucceeded, r.From, r.To, r.Rows, r.Outliers, key
	if r.Rows == 0 {
		v.Outcome, v.Reason, v.Message = wire.OutcomeInsufficient, ReasonTooFewRows, "no prediction of the window is in the store"
	}
	for _, p := range r.Top[:min(len(r.Top), maxFindings)] {
		f := wire.Finding{Statistic: "outlierScore", Effect: short(p.OutlierScore)}
		if len(p.Reasons) > 0 {
			_, f.Feature = outlier.ClassOf(p.Reasons[0])
		}
		if len(p.Segments) > 0 {
			f.Segment = p.Segments[0]
		}
		v.Findings = append(v.Findings, f)
	}
	return v
}
