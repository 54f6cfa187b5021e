// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/store"
)

// TestARecordBecomesAnItemAndItsAnswerALabel goes once around: a file of the store, the queue, a person, the store.
func TestARecordBecomesAnItemAndItsAnswerALabel(t *testing.T) {
	now := time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC)
	b := newBench(t)
	b.options.Clock = func() time.Time { return now }
	d := b.document()
	d.Select.Outliers = true
	b.configure(d)
	layout := store.Layout{Cluster: "eu", Namespace: "payments", Monitor: "fraud"}
	var file bytes.Buffer
	w, err := record.NewWriter(&file, record.Records, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(&record.Row{
		RecordID: "r1", Time: now.Add(-time.Minute), Outcome: record.OutcomeOK, Monitor: "fraud", ModelVersion: "v1", KeepProbability: 1,
		KeepReason: record.KeepOutlier, Prediction: "fraud", Score: 0.6, Confidence: 0.6, Entropy: 0.9, Margin: 0.2, OutlierScore: 4,
		OutlierReasons: []string{"margin"},
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b.write("store/"+layout.Rows(store.Records, "v1", now, "file"), file.String())
	s, err := open(t.Context(), b.options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close() //nolint:errcheck // the test is about something else
	loops := s.loops()
	turn := func() {
		t.Helper()
		for _, l := range loops {
			if err := l.do(t.Context()); err != nil {
				t.Fatalf("%s: %v", l.task, err)
			}
		}
	}
	turn()
	v, err := s.desk.Next(t.Context(), review.Person{Name: "ada", Role: review.Annotator})
	if err != nil || v.ID != "r1" || v.Why[0] != "Two classes are almost equally likely." {
		t.Fatalf("the item is %+v, %v", v, err)
	}
	answer := review.Answer{Key: "k", Item: "r1", Label: review.Label{Class: "genuine", Value: math.NaN(), Critical: true}}
	if _, err := s.desk.Answer(t.Context(), review.Person{Name: "ada", Role: review.Annotator}, answer); err != nil {
		t.Fatal(err)
	}
	labels := func() (rows []label.Row) {
		t.Helper()
		files, err := filepath.Glob(b.path("store/" + layout.Prefix() + "labels/*/*.parquet"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for r, err := range label.Read(bytes.NewReader(content), int64(len(content))) {
				if err != nil {
					t.Fatal(err)
				}
				rows = append(rows, *r)
			}
		}
		return rows
	}
	turn()
	if rows := labels(); len(rows) > 0 {
		t.Fatalf("labels are in the store while they can still be taken back: %+v", rows)
	}
	now = now.Add(publishHold + time.Second)
	turn()
	turn() // does nothing more
	rows := labels()
	truths, events := 0, 0
	for _, r := range rows {
		switch {
		case r.RecordID != "r1" || r.Source != label.SourceReview || r.Queue != "desk":
			t.Errorf("a label of something else: %+v", r)
		case r.Kind == label.Truth && r.Class == "genuine":
			truths++
		case r.Kind == label.Event && r.Event == label.EventCriticalError:
			events++
		}
	}
	if truths != 1 || events != 1 {
		t.Errorf("%d truths and %d events, want one of each: %+v", truths, events, rows)
	}
}
