// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/wire"
)

// PerformanceReport is all that a performance run found.
type PerformanceReport struct {
	Version   int       `json:"version"`
	Kind      string    `json:"kind"`
	Run       string    `json:"run"`
	Cluster   string    `json:"cluster"`
	Namespace string    `json:"namespace"`
	Monitor   string    `json:"monitor"`
	Config    string    `json:"config"`
	Created   time.Time `json:"created"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	// AsOf is up to when labels were taken into account. Provisional says that more of the window's are expected after it.
	AsOf        time.Time `json:"asOf"`
	Provisional bool      `json:"provisional"`

	Outcome wire.Outcome `json:"outcome"`
	Reason  string       `json:"reason,omitempty"`
	Message string       `json:"message,omitempty"`

	Prediction    wire.PredictionKind `json:"prediction"`
	PositiveClass string              `json:"positiveClass,omitempty"`

	// Inbox is what was taken before, and Join what became of all labels.
	Inbox LabelsReport `json:"inbox"`
	Join  JoinCounts   `json:"join"`
	// Strata say which labels were used, and what they stand for.
	Strata []StratumResult `json:"strata"`
	// MedianDelaySeconds and MostDelaySeconds, within which 95 % came, are from a prediction to the first word on it.
	MedianDelaySeconds Float `json:"medianDelaySeconds"`
	MostDelaySeconds   Float `json:"mostDelaySeconds"`
	// Unanswered calls have no answer to be judged.
	Unanswered int64 `json:"unanswered"`
	// Damaged files of predictions were read up to the damage.
	Damaged []string `json:"damaged,omitempty"`

	Thresholds []ReportedThreshold `json:"thresholds,omitempty"`
	Groups     []GroupResult       `json:"groups"`
	// Pairs are those of the trial that goes on, where a rollout has a criterion on labels.
	Pairs *PairsReport `json:"pairs,omitempty"`
}

// group finds a segment and version; nil when no prediction was in it.
func (r *PerformanceReport) group(segment, version string) *GroupResult {
	for i := range r.Groups {
		if g := &r.Groups[i]; g.Segment == segment && g.Version == version {
			return g
		}
	}
	return nil
}

// store writes the report and returns its path below the monitor's prefix.
func (r *PerformanceReport) store(ctx context.Context, e *Env) (string, error) {
	var table, document bytes.Buffer
	if err := r.writeParquet(&table); err != nil {
		return "", err
	}
	if err := r.WriteJSON(&document); err != nil {
		return "", err
	}
	key := e.layout().Report(KindPerformance, r.From, r.To, r.Run, reportFile)
	// The document comes last: where it is, the report is whole.
	if err := e.Bucket.Create(ctx, e.layout().Report(KindPerformance, r.From, r.To, r.Run, resultsFile), &table); err != nil {
		return "", fmt.Errorf("storing the report: %w", err)
	}
	if err := e.Bucket.Create(ctx, key, &document); err != nil {
		return "", fmt.Errorf("storing the report: %w", err)
	}
	return strings.TrimPrefix(key, e.layout().Prefix()), nil
}

// WriteJSON writes the whole report.
func (r *PerformanceReport) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// WriteText writes the report for people: which labels it rests on, the thresholds, and a line for each metric.
func (r *PerformanceReport) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) } // The writer's error comes with Flush.
	line("%s/%s  %s to %s  %s", r.Namespace, r.Monitor, r.From.Format(time.RFC3339), r.To.Format(time.RFC3339), r.Outcome)
	if r.Message != "" {
		line("%s", r.Message)
	}
	if message := r.Inbox.message(); message != "" {
		line("%s", message)
	}
	c := r.Join
	line("%d labels read: %d matched, %d unknown, %d elsewhere, %d ambiguous, %d unusable; %d repeated, %d duplicated, %d corrected, %d retracted, %d late",
		c.Read, c.Matched, c.Unknown, c.Elsewhere, c.AmbiguousRequest+c.AmbiguousKey+c.AmbiguousTime, c.Unusable,
		c.Repeated, c.Duplicated, c.Corrected, c.Retracted, c.Late)
	for _, s := range r.Strata {
		line("%s: %d labelled rows stand for %.0f predictions", s.Stratum, s.Labelled, float64(s.Predictions))
	}
	if len(r.Thresholds) > 0 {
		line("\nTHRESHOLD\tSEGMENT\tOUTCOME\tVALUE")
		for _, v := range r.Thresholds {
			line("%s\t%s\t%s\t%.4g", v.Threshold, segmentName(v.Segment), v.Outcome, v.Value)
		}
	}
	if p := r.Pairs; p != nil {
		line("\nrevision %s of rollout %s, on labelled requests of %s to %s", p.Candidate, p.Rollout, p.From.Format(time.RFC3339), p.To.Format(time.RFC3339))
		line("SEGMENT\tBOTH CORRECT\tONLY PRIMARY\tONLY SHADOW\tNEITHER")
		for _, s := range p.Segments {
			line("%s\t%d\t%d\t%d\t%d", segmentName(s.Segment), s.BothCorrect, s.OnlyPrimaryCorrect, s.OnlyShadowCorrect, s.NeitherCorrect)
		}
	}
	line("\nSEGMENT\tVERSION\tMETRIC\tVALUE\tLOW\tHIGH\tSAMPLES")
	for i := range r.Groups {
		g := &r.Groups[i]
		for _, m := range g.Metrics {
			line("%s\t%s\t%s\t%s\t%s\t%s\t%d", segmentName(g.Segment), printable(segmentName(g.Version)), m.Name, m.Value, m.Low, m.High, m.Samples)
		}
	}
	if all := r.group("", ""); all != nil && len(all.Confusion) > 0 {
		line("\nACTUAL\tPREDICTED\tROWS\tSHARE")
		for _, x := range all.Confusion {
			line("%s\t%s\t%d\t%s", printable(x.Actual), printable(x.Predicted), x.Rows, x.Share)
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// metricRow is a Metric as a row, for those who compare runs.
type metricRow struct {
	Monitor     string    `parquet:"monitor,dict"`
	Run         string    `parquet:"run,dict"`
	From        time.Time `parquet:"from,timestamp(microsecond)"`
	To          time.Time `parquet:"to,timestamp(microsecond)"`
	AsOf        time.Time `parquet:"as_of,timestamp(microsecond)"`
	Segment     string    `parquet:"segment,dict"`
	Version     string    `parquet:"version,dict"`
	Metric      string    `parquet:"metric,dict"`
	Value       *float64  `parquet:"value,optional"`
	Low         *float64  `parquet:"low,optional"`
	High        *float64  `parquet:"high,optional"`
	Samples     int64     `parquet:"samples"`
	Effective   *float64  `parquet:"effective,optional"`
	Predictions int64     `parquet:"predictions"`
	Labelled    int64     `parquet:"labelled"`
}

func (r *PerformanceReport) writeParquet(w io.Writer) error {
	var rows []metricRow
	for i := range r.Groups {
		g := &r.Groups[i]
		for _, m := range g.Metrics {
			rows = append(rows, metricRow{
				r.Monitor, r.Run, r.From, r.To, r.AsOf, g.Segment, g.Version, string(m.Name),
				m.Value.known(), m.Low.known(), m.High.known(), m.Samples, m.Effective.known(), g.Predictions, g.Labelled,
			})
		}
	}
	return writeTable(w, rows)
}

// writeTable writes rows as Parquet.
func writeTable[R any](w io.Writer, rows []R) error {
	out := parquet.NewGenericWriter[R](w, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("vedette", "", ""))
	if _, err := out.Write(rows); err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	return nil
}
