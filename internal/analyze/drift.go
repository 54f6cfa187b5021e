// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vedette-dev/vedette/internal/wire"
)

// Drift compares the traffic of a window with the baseline, writes the report to the store, and returns it with the
// verdict. The window is read from profiles, so it covers all traffic that was profiled, whatever share of rows is kept.
func Drift(ctx context.Context, e *Env, w Window) (*DriftReport, wire.Verdict, error) {
	l, err := limitsOf(e.Config.Drift)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	if w.Empty() {
		return nil, wire.Verdict{}, InvalidConfig(errors.New("the window is empty: set drift.windowSeconds, or --window, to at least a minute"))
	}
	summary, err := loadSummary(ctx, e)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	fits := identityOf(e.Config.Schema, summary)
	ref, base, err := reference(ctx, e, w, fits)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	if summary != nil {
		base.Digest = summary.Digest
	}
	cur, err := readProfiles(ctx, e, w, 1, fits)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	r := &DriftReport{
		Version: reportVersion, Kind: KindDrift, Run: e.Run, Config: e.Config.Revision,
		Cluster: e.Config.Cluster, Namespace: e.Config.Namespace, Monitor: e.Config.Monitor,
		Created: e.Now.UTC(), From: w.From, To: w.To,
		Baseline: base, Coverage: cur.coverage(), Rules: e.Config.Drift,
		Results: comparisons(ref, cur),
	}
	l.covered = r.Coverage.Instances > 0 && r.Coverage.Share >= l.coverage
	judge(r.Results, l)
	thresholds := evaluate(e.Config, r.Results, l)
	r.Thresholds = reportThresholds(thresholds)
	r.conclude()
	r.trim()
	key, err := r.store(ctx, e)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	return r, r.verdict(e, key, thresholds), nil
}

// trim drops the cells of what is stable in a segment: with many segments they would be most of the report, and nobody
// looks at them.
func (r *DriftReport) trim() {
	for i := range r.Results {
		if s := &r.Results[i]; s.Segment != "" && s.Outcome != wire.OutcomeDrift {
			s.Edges, s.Names, s.CountsReference, s.Counts = nil, nil, nil, nil
		}
	}
}

// reference is what the window is compared with: the stored baseline, or the traffic before the window.
func reference(ctx context.Context, e *Env, w Window, fits identity) (*tally, BaselineInfo, error) {
	b := e.Config.Baseline
	if b.TrailingSeconds > 0 {
		past := Window{From: w.From.Add(-wire.Seconds(b.TrailingSeconds)).Truncate(time.Minute), To: w.From}
		t, err := readProfiles(ctx, e, past, blocksOf(past, referenceBlocks), fits)
		return t, BaselineInfo{Name: b.Name, From: past.From, To: past.To}, err
	}
	if b.Name == "" {
		return newTally(1), BaselineInfo{}, nil
	}
	return loadBaseline(ctx, e, fits)
}

// conclude is the outcome of the whole: drift if anything drifted; else stable, if all traffic could be judged in every
// feature that the baseline has; else insufficient.
func (r *DriftReport) conclude() {
	drifted, judged, referenced := 0, 0, 0
	var worst, short *Result
	for i := range r.Results {
		s := &r.Results[i]
		if s.RowsReference > 0 {
			referenced++
		}
		switch s.Outcome {
		case wire.OutcomeDrift:
			drifted++
			if worst == nil || s.PSI > worst.PSI {
				worst = s
			}
			judged++
		case wire.OutcomeStable:
			judged++
		default:
			if s.Segment == "" && s.RowsReference > 0 && short == nil {
				short = s
			}
		}
	}
	switch {
	case drifted > 0:
		r.Outcome = wire.OutcomeDrift
		r.Message = fmt.Sprintf("%d of %d judged series drifted; first %s", drifted, judged, worst.describe())
	case referenced == 0:
		r.Outcome, r.Reason = wire.OutcomeInsufficient, ReasonBaselineMissing
		r.Message = r.Baseline.missing()
	case short != nil:
		r.Outcome, r.Reason = wire.OutcomeInsufficient, short.Reason
		r.Message = r.lack(short)
	default:
		r.Outcome = wire.OutcomeStable
	}
}

func (s *Result) describe() string {
	in := "all traffic"
	if s.Segment != "" {
		in = "segment " + s.Segment
	}
	return fmt.Sprintf("%s in %s (%s), PSI %.3g", s.Feature, in, s.Causes[0], float64(s.PSI))
}

// lack says what a result would have needed.
func (r *DriftReport) lack(s *Result) string {
	switch s.Reason {
	case ReasonTooFewRows:
		return fmt.Sprintf("%s has %d rows in the window and %d in the baseline; a verdict needs %d: wait, or make the window longer",
			s.Feature, s.Rows, s.RowsReference, r.Rules.MinRows)
	case ReasonCoverageTooLow:
		return fmt.Sprintf("the profiles cover %.1f %% of the traffic; a verdict needs %.1f %%: see the reasons in vedette_profile_skipped_total",
			100*r.Coverage.Share, 100*r.Rules.MinCoverage)
	}
	return s.Feature + " could not be compared"
}

func (b BaselineInfo) missing() string {
	switch {
	case b.Name == "" && b.From.IsZero():
		return "the monitor declares no baseline, so there is nothing to compare with"
	case b.From.IsZero():
		return fmt.Sprintf("the baseline %.60q is not in the store, or holds no feature of the schema: run \"analyze baseline\"", b.Name)
	}
	return fmt.Sprintf("no traffic was profiled from %s to %s, which is the baseline", b.From.Format(time.RFC3339), b.To.Format(time.RFC3339))
}

func (r *DriftReport) verdict(e *Env, key string, thresholds []wire.ThresholdVerdict) wire.Verdict {
	v := wire.Verdict{VerdictHeader: e.header(KindDrift), Thresholds: thresholds, Findings: findings(r.Results)}
	v.Outcome, v.Reason, v.Message = r.Outcome, r.Reason, r.Message
	v.From, v.To, v.Rows, v.Coverage, v.Report = r.From, r.To, r.Coverage.Profiled, r.Coverage.Share, key
	return v
}
