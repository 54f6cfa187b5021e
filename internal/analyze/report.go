// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vedette-dev/vedette/internal/wire"
)

// reportVersion is that of the form of reports; fields are only added.
const reportVersion = 1

// Files of a report.
const (
	reportFile  = "report.json"
	resultsFile = "results.parquet"
)

// DriftReport is all that a drift run found.
type DriftReport struct {
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

	Outcome wire.Outcome `json:"outcome"`
	Reason  string       `json:"reason,omitempty"`
	Message string       `json:"message,omitempty"`

	Baseline   BaselineInfo        `json:"baseline"`
	Coverage   Coverage            `json:"coverage"`
	Rules      wire.Drift          `json:"rules"`
	Thresholds []ReportedThreshold `json:"thresholds,omitempty"`
	Results    []Result            `json:"results"`
}

// BaselineInfo says what a window was compared with.
type BaselineInfo struct {
	Name   string `json:"name,omitempty"`
	Digest string `json:"digest,omitempty"`
	// From and To bound a trailing baseline.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

// ReportedThreshold is a wire.ThresholdVerdict under names for people.
type ReportedThreshold struct {
	Threshold string       `json:"threshold"`
	Segment   string       `json:"segment"`
	Outcome   wire.Outcome `json:"outcome"`
	Feature   string       `json:"feature,omitempty"`
	Value     float64      `json:"value"`
}

func reportThresholds(verdicts []wire.ThresholdVerdict) []ReportedThreshold {
	out := make([]ReportedThreshold, len(verdicts))
	for i, v := range verdicts {
		out[i] = ReportedThreshold{v.Threshold, v.Segment, v.Outcome, v.Feature, v.Value}
	}
	return out
}

// store writes the report and returns its path below the monitor's prefix.
func (r *DriftReport) store(ctx context.Context, e *Env) (string, error) {
	var table, document bytes.Buffer
	if err := r.writeParquet(&table); err != nil {
		return "", err
	}
	if err := r.WriteJSON(&document); err != nil {
		return "", err
	}
	key := e.layout().Report(KindDrift, r.From, r.To, r.Run, reportFile)
	// The document comes last: where it is, the report is whole.
	if err := e.Bucket.Create(ctx, e.layout().Report(KindDrift, r.From, r.To, r.Run, resultsFile), &table); err != nil {
		return "", fmt.Errorf("storing the report: %w", err)
	}
	if err := e.Bucket.Create(ctx, key, &document); err != nil {
		return "", fmt.Errorf("storing the report: %w", err)
	}
	return strings.TrimPrefix(key, e.layout().Prefix()), nil
}

// WriteJSON writes the whole report.
func (r *DriftReport) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

func writeJSON(w io.Writer, report any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	if err := enc.Encode(report); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// WriteText writes the report for people: the outcome, the thresholds, and one line a series, worst first.
func (r *DriftReport) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) } // The writer's error comes with Flush.
	line("%s/%s  %s to %s  %s", r.Namespace, r.Monitor, r.From.Format(time.RFC3339), r.To.Format(time.RFC3339), r.Outcome)
	if r.Message != "" {
		line("%s", r.Message)
	}
	line("%d instances, %.2f %% of them profiled, from %d files (%d damaged)", r.Coverage.Instances, 100*r.Coverage.Share, r.Coverage.Files, r.Coverage.Damaged)
	if r.Coverage.Foreign > 0 {
		line("%d series were left out: they were counted under another schema, or with another origin", r.Coverage.Foreign)
	}
	if len(r.Thresholds) > 0 {
		line("\nTHRESHOLD\tSEGMENT\tOUTCOME\tVALUE\tFEATURE")
		for _, v := range r.Thresholds {
			line("%s\t%s\t%s\t%.4g\t%s", v.Threshold, segmentName(v.Segment), v.Outcome, v.Value, v.Feature)
		}
	}
	line("\nSEGMENT\tFEATURE\tOUTCOME\tROWS\tPSI\tP\tKS\tJS\tMISSING\tNEW\tMEAN\tWAS")
	for i := range r.Results {
		s := &r.Results[i]
		line("%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", segmentName(s.Segment), s.Feature, s.Outcome, s.Rows,
			s.PSI, s.PAdjusted, s.KS, s.JS, s.Missing.Current, s.NewCategories.Current, s.Mean, s.MeanReference)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func segmentName(s string) string {
	if s == "" {
		return "(all)"
	}
	return s
}

// resultRow is a Result as a row, for those who compare runs.
type resultRow struct {
	Monitor       string    `parquet:"monitor,dict"`
	Run           string    `parquet:"run,dict"`
	From          time.Time `parquet:"from,timestamp(microsecond)"`
	To            time.Time `parquet:"to,timestamp(microsecond)"`
	Segment       string    `parquet:"segment,dict"`
	Feature       string    `parquet:"feature,dict"`
	Type          string    `parquet:"type,dict"`
	Outcome       string    `parquet:"outcome,dict"`
	Reason        string    `parquet:"reason,dict"`
	Causes        string    `parquet:"causes,dict"`
	RowsReference int64     `parquet:"rows_reference"`
	Rows          int64     `parquet:"rows"`
	PSI           *float64  `parquet:"psi,optional"`
	PSIRaw        *float64  `parquet:"psi_raw,optional"`
	Phi           *float64  `parquet:"phi,optional"`
	P             *float64  `parquet:"p,optional"`
	PAdjusted     *float64  `parquet:"p_adjusted,optional"`
	KS            *float64  `parquet:"ks,optional"`
	KSP           *float64  `parquet:"ks_p,optional"`
	JS            *float64  `parquet:"js,optional"`
	Missing       *float64  `parquet:"missing,optional"`
	MissingWas    *float64  `parquet:"missing_reference,optional"`
	NewCategories *float64  `parquet:"new_categories,optional"`
	Mean          *float64  `parquet:"mean,optional"`
	MeanReference *float64  `parquet:"mean_reference,optional"`
}

func (r *DriftReport) writeParquet(w io.Writer) error {
	rows := make([]resultRow, len(r.Results))
	for i := range r.Results {
		s := &r.Results[i]
		rows[i] = resultRow{
			Monitor: r.Monitor, Run: r.Run, From: r.From, To: r.To,
			Segment: s.Segment, Feature: s.Feature, Type: string(s.Type),
			Outcome: string(s.Outcome), Reason: s.Reason, Causes: strings.Join(s.Causes, ","),
			RowsReference: s.RowsReference, Rows: s.Rows,
			PSI: s.PSI.known(), PSIRaw: s.PSIRaw.known(), Phi: s.Phi.known(), P: s.P.known(), PAdjusted: s.PAdjusted.known(),
			KS: s.KS.known(), KSP: s.KSP.known(), JS: s.JS.known(),
			Missing: s.Missing.Current.known(), MissingWas: s.Missing.Reference.known(), NewCategories: s.NewCategories.Current.known(),
			Mean: s.Mean.known(), MeanReference: s.MeanReference.known(),
		}
	}
	return writeTable(w, rows)
}
