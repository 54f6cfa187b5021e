// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestPairsComeBackAsTheyWere(t *testing.T) {
	nan := math.NaN()
	none := Answer{LatencyMS: nan, Score: nan, Confidence: nan, Entropy: nan}
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	want := []Pair{
		{
			PairID: "a-1-0", RequestID: "r", Time: at, Rollout: "fraud", PrimaryRevision: "p", CandidateRevision: "c", PrimaryVersion: "1", Attempt: "1764230400",
			ShadowVersion: "unknown", Segments: []string{"web", "large"}, Outcome: PairCompared, ReplicaProbability: 0.25,
			Primary: Answer{Status: 200, LatencyMS: 1.5, Prediction: "ok", Score: 0.25, Confidence: 0.75, Entropy: 0.8},
			Shadow:  Answer{Status: 200, LatencyMS: 2, Prediction: "fraud", Score: 0.75, Confidence: 0.75, Entropy: 0.8},
			Replica: Answer{Status: 503, LatencyMS: 1, Score: nan, Confidence: nan, Entropy: nan},
			Same:    new(false), ReplicaSame: new(true),
		},
		{PairID: "a-2-1", RequestID: "s", Time: at, Instance: 1, Outcome: PairDropped, Primary: none, Shadow: none, Replica: none},
	}
	var file bytes.Buffer
	w, err := NewPairWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if err := w.Write(&want[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var got []Pair
	for p, err := range ReadPairs(bytes.NewReader(file.Bytes()), int64(file.Len())) {
		if err != nil {
			t.Fatal(err)
		}
		kept := *p
		kept.Segments = slices.Clone(p.Segments)
		got = append(got, kept)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, err := range ReadPairs(bytes.NewReader(file.Bytes()), int64(file.Len())-9) {
		if err == nil {
			t.Error("a file that was cut is read")
		}
	}
}
