// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// captured are flights as rows, the number in stranger with a delay and an origin that no baseline has.
func captured(n int, strange ...int) []record.Row {
	rows := flightsOf(n, 9)
	for i := range rows {
		r := &rows[i]
		r.RecordID, r.RequestID = fmt.Sprintf("record-%05d", i), fmt.Sprintf("request-%d", i)
		r.Time = lastHour.From.Add(time.Duration(i) * time.Second / 4)
		r.KeepProbability, r.KeepReason, r.OutlierScore = 1, record.KeepSampled, 1
		r.Confidence, r.Entropy, r.Margin = 0.9, 0.1, 0.8
	}
	for rank, i := range strange {
		r := &rows[i]
		r.Features[0].Str, r.Features[1].Num = "SEA", 900
		r.KeepReason, r.OutlierScore = record.KeepOutlier, 9-float64(rank)
		r.OutlierReasons = []string{"unseen:origin", "z:delay"}
		r.LabelKey = "SEA-JFK\x1b[31m"
		r.Segments = []string{"atl"}
	}
	return rows
}

func TestOutliersNamesTheRiskiestAndWhy(t *testing.T) {
	e := testEnv(t)
	put(t, e, e.layout().Prefix()+"datasets/may.csv", csvOf(flightsOf(5_000, 1)))
	if _, err := Baseline(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	rows := captured(3_000, 700, 1_500, 42)
	writeRows(t, e, record.Predictions, "pod-1", rows)
	writeRows(t, e, record.Predictions, "pod-2", rows[600:800]) // uploaded twice, under two names
	writeRows(t, e, record.Records, "pod-1", rows[:1_600])
	bad := e.layout().Rows(store.Predictions, "v1", lastHour.From, "pod-3")
	put(t, e, bad, []byte("PAR1 no more"))

	report, verdict, err := Outliers(t.Context(), e, e.Window(time.Hour, time.Time{}), 5)
	if err != nil {
		t.Fatal(err)
	}
	if report.Rows != 3_000 || report.Outliers != 3 || len(report.Top) != 5 || len(report.Damaged) != 1 || report.Damaged[0] != bad {
		t.Errorf("%d rows, %d outliers, %d shown, damaged %v; want 3000, 3, 5 and one", report.Rows, report.Outliers, len(report.Top), report.Damaged)
	}
	for i, want := range []string{"record-00700", "record-01500", "record-00042", "record-00000", "record-00001"} {
		if got := report.Top[i].RecordID; got != want {
			t.Errorf("number %d is %s, want %s", i+1, got, want)
		}
	}
	first := report.Top[0]
	if len(first.Features) != 4 || first.Features[0].Usual != "never in the baseline" || float64(first.Features[1].Z) < 50 {
		t.Errorf("the features of the riskiest are %+v", first.Features)
	}
	if verdict.Outcome != wire.OutcomeSucceeded || verdict.Outliers != 3 || verdict.Findings[0].Feature != "origin" || verdict.Findings[0].Segment != "atl" || verdict.Findings[0].Effect != 9 {
		t.Errorf("verdict %+v, first finding %+v", verdict.VerdictHeader, verdict.Findings[0])
	}

	var table bytes.Buffer
	if err := report.WriteText(&table); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"3000 predictions, 3 outliers", "origin=SEA (never in the baseline)", "delay=900 (", "SEA-JFK?[31m"} {
		if !strings.Contains(table.String(), says) {
			t.Errorf("the table does not say %q:\n%s", says, table.String())
		}
	}
	raw, err := e.Bucket.Get(t.Context(), e.layout().Prefix()+verdict.Report, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var stored OutliersReport
	if err := json.Unmarshal(raw, &stored); err != nil || len(stored.Top) != 5 {
		t.Errorf("the stored report has %d predictions (%v)", len(stored.Top), err)
	}
}

func TestOutliersWithoutRowsOrScores(t *testing.T) {
	t.Run("no rows", func(t *testing.T) {
		e := testEnv(t)
		_, v, err := Outliers(t.Context(), e, lastHour, 10)
		if err != nil || v.Outcome != wire.OutcomeInsufficient || v.Reason != ReasonTooFewRows {
			t.Errorf("verdict %+v (%v), want Insufficient TooFewRows", v.VerdictHeader, err)
		}
	})
	t.Run("an outlier by rule has no score, and comes after those that have one", func(t *testing.T) {
		e := testEnv(t)
		rows := captured(10)
		for i := range rows {
			rows[i].OutlierScore = math.NaN()
		}
		rows[3].KeepReason, rows[3].OutlierReasons = record.KeepOutlier, []string{"always[0]"}
		rows[7].OutlierScore = 0.5
		writeRows(t, e, record.Predictions, "pod-1", rows)
		report, v, err := Outliers(t.Context(), e, lastHour, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Top) != 2 || report.Top[0].RecordID != "record-00007" || report.Top[1].RecordID != "record-00003" {
			t.Errorf("the top is %+v", report.Top)
		}
		if _, err := wire.EncodeVerdict(v); err != nil {
			t.Errorf("the verdict cannot be written: %v", err)
		}
	})
	t.Run("an empty window", func(t *testing.T) {
		e := testEnv(t)
		_, _, err := Outliers(t.Context(), e, e.Window(0, time.Time{}), 10)
		if got := e.Failed(KindOutliers, err).Reason; got != ReasonConfigInvalid {
			t.Errorf("reason %s, want ConfigInvalid", got)
		}
	})
}
