// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// trialStart is when the trial of the tests began: ten minutes before the hour whose labels are mature.
var trialStart = matureHour.From.Add(-10 * time.Minute)

// trial is what the sidecars are told of it.
func trial() *wire.Mirror {
	return &wire.Mirror{
		Namespace: "flights", Monitor: "delays", Rollout: "delays", Primary: "0123456789", Candidate: "abcdef0123",
		Attempt: strconv.FormatInt(trialStart.Unix(), 10), LabelSegments: []string{"atl", "all"},
	}
}

// pairAt is a pair of the trial whose sides both say "ontime".
func pairAt(id string, minute float64, change func(*record.Pair)) record.Pair {
	nan := math.NaN()
	answer := record.Answer{Status: 200, LatencyMS: 1, Prediction: "ontime", Score: 0.2, Confidence: nan, Entropy: nan}
	t := trial()
	p := record.Pair{
		PairID: id, RequestID: "q-" + id, Time: matureHour.From.Add(time.Duration(minute * float64(time.Minute))),
		Rollout: t.Rollout, PrimaryRevision: t.Primary, CandidateRevision: t.Candidate, Attempt: t.Attempt, Outcome: record.PairCompared,
		Primary: answer, Shadow: answer, Replica: record.Answer{LatencyMS: nan, Score: nan, Confidence: nan, Entropy: nan},
	}
	if change != nil {
		change(&p)
	}
	return p
}

// mirrored stores pairs, of which each hour has a file.
func (b *box) mirrored(t testing.TB, name string, pairs ...record.Pair) {
	t.Helper()
	files := map[time.Time][]record.Pair{}
	for _, p := range pairs {
		files[p.Time.Truncate(time.Hour)] = append(files[p.Time.Truncate(time.Hour)], p)
	}
	for hour, pairs := range files {
		var body bytes.Buffer
		w, err := record.NewPairWriter(&body)
		if err != nil {
			t.Fatal(err)
		}
		for i := range pairs {
			if err := w.Write(&pairs[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		b.write(t, b.layout().Pairs(trial().Rollout, trial().Candidate, hour, name), body.Bytes(), now)
	}
}

func TestWhoWasRightOnLabelledPairs(t *testing.T) {
	late := func(change ...func(*label.Row)) label.Row {
		return truthOf(func(r *label.Row) {
			r.RecordID = "p-1-0"
			for _, c := range change {
				c(r)
			}
		})
	}
	reviewed := func(selection float64) label.Row {
		return late(func(r *label.Row) { r.Source, r.Selection = label.SourceReview, selection })
	}
	outlier := func(r *record.Row) { r.KeepReason = record.KeepOutlier }
	primaryLate := func(p *record.Pair) { p.Primary.Prediction = "late" }
	ended := func(outcome record.PairOutcome) func(*record.Pair) {
		return func(p *record.Pair) {
			primaryLate(p)
			p.Outcome, p.Shadow.Prediction, p.Shadow.Score = outcome, "", math.NaN()
		}
	}
	neither, onlyPrimary, onlyShadow := SegmentPairs{NeitherCorrect: 1}, SegmentPairs{OnlyPrimaryCorrect: 1}, SegmentPairs{OnlyShadowCorrect: 1}
	for name, c := range map[string]struct {
		// labels are of the prediction p-1-0, and one of another by default.
		labels  []label.Row
		pair    func(*record.Pair)
		kept    func(*record.Row)
		minute  float64
		want    SegmentPairs
		segment bool
	}{
		"neither":                               {want: neither},
		"the primary":                           {pair: primaryLate, want: onlyPrimary},
		"the shadow":                            {pair: func(p *record.Pair) { p.Shadow.Prediction = "late" }, want: onlyShadow},
		"both":                                  {pair: func(p *record.Pair) { p.Primary.Prediction, p.Shadow.Prediction = "late", "late" }, want: SegmentPairs{BothCorrect: 1}},
		"in a segment":                          {pair: func(p *record.Pair) { p.Segments = []string{"lax", "atl"} }, want: neither, segment: true},
		"a shadow that fails is not judged":     {pair: ended(record.PairShadowError)},
		"nor is one that takes too long":        {pair: ended(record.PairShadowTimeout)},
		"one that cannot be read was not right": {pair: ended(record.PairIncomparable), want: onlyPrimary},
		"a shadow that was not there says nothing": {pair: ended(record.PairShadowUnreachable)},
		"nor does one that was not asked":          {pair: ended(record.PairDropped)},
		"a primary that failed is not judged":      {pair: func(p *record.Pair) { p.Outcome, p.Primary.Prediction = record.PairPrimaryError, "" }},
		"a primary that cannot be read was not right": {pair: func(p *record.Pair) {
			p.Outcome, p.Primary.Prediction, p.Shadow.Prediction = record.PairIncomparable, "", "late"
		}, want: onlyShadow},
		"without a label":                                      {labels: []label.Row{late(func(r *label.Row) { r.RecordID = "p-9-0" })}},
		"a label that was taken back":                          {labels: []label.Row{late(), late(func(r *label.Row) { r.Class, r.Retracted, r.Received = "", true, now.Add(-time.Minute) })}},
		"a label that was corrected":                           {labels: []label.Row{late(), late(func(r *label.Row) { r.Class, r.Received = "ontime", now.Add(-time.Minute) })}, want: SegmentPairs{BothCorrect: 1}},
		"a label by its key":                                   {labels: []label.Row{late(func(r *label.Row) { r.RecordID, r.LabelKey = "", "k-p-1-0" })}, want: neither},
		"of a trial before":                                    {pair: func(p *record.Pair) { p.Attempt = "1" }},
		"of another release, that did not say":                 {pair: func(p *record.Pair) { p.Attempt = "" }},
		"of the trial's first minute":                          {minute: -9.5, want: neither},
		"whose labels still arrive":                            {minute: 75},
		"what people say of the random slice":                  {labels: []label.Row{reviewed(0.02)}, want: neither},
		"what people say of the random slice that is all":      {labels: []label.Row{reviewed(1)}, want: neither},
		"what people say of outliers is about outliers":        {labels: []label.Row{reviewed(1)}, kept: outlier},
		"what people say, of which nobody knows why":           {labels: []label.Row{reviewed(math.NaN())}},
		"of an outlier, what is known from elsewhere counts":   {labels: []label.Row{reviewed(1), late(func(r *label.Row) { r.Received = now.Add(-time.Minute) })}, kept: outlier, want: neither},
		"a class that the schema does not have is never right": {pair: func(p *record.Pair) { p.Shadow.Prediction = "early"; primaryLate(p) }, want: onlyPrimary},
		"of either side":                                       {pair: func(p *record.Pair) { p.Primary.Prediction, p.Shadow.Prediction = "early", "late" }, want: onlyShadow},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			b.Trial = trial()
			minute := c.minute
			if minute == 0 {
				minute = 10
			}
			b.predict(t, predictionAt("p-1-0", minute, c.kept), predictionAt("p-2-0", 20, nil))
			b.mirrored(t, "pod", pairAt("p-1-0", minute, c.pair))
			if c.labels == nil {
				c.labels = []label.Row{late()}
			}
			b.label(t, c.labels...)
			r, v := b.performance(t)
			want := []SegmentPairs{c.want, {Segment: "atl"}}
			if c.segment {
				want[1] = c.want
				want[1].Segment = "atl"
			}
			if diff := cmp.Diff(want, r.Pairs.Segments); diff != "" {
				t.Error(diff)
			}
			if v.Trial == nil || v.Trial.Attempt != b.Trial.Attempt || len(v.Pairs) != 2 || v.Pairs[0].Segment != "" {
				t.Errorf("the verdict tells of trial %+v, %+v", v.Trial, v.Pairs)
			}
		})
	}
}

// Of two models that are alike, neither is right alone more often, however each of them fails.
func TestModelsThatFailAlikeAreRightAlike(t *testing.T) {
	type end struct {
		prediction string
		failed     bool
	}
	ends := map[string]end{"right": {"late", false}, "wrong": {"ontime", false}, "unreadable": {"", false}, "failed": {"", true}}
	outcome := func(primary, shadow end) record.PairOutcome {
		switch {
		case primary.failed && shadow.failed:
			return record.PairBothError
		case primary.failed:
			return record.PairPrimaryError
		case shadow.failed:
			return record.PairShadowError
		case primary.prediction == "" || shadow.prediction == "":
			return record.PairIncomparable
		}
		return record.PairCompared
	}
	b := newBox(t)
	b.Trial = trial()
	var rows []record.Row
	var pairs []record.Pair
	var labels []label.Row
	for name, primary := range ends {
		for other, shadow := range ends {
			id := name + "-" + other + "-0"
			rows = append(rows, predictionAt(id, 10, func(r *record.Row) {
				r.Prediction = primary.prediction
				switch {
				case primary.failed:
					r.Outcome = record.OutcomeError
				case primary.prediction == "":
					r.Outcome = record.OutcomeUndecodable
				}
			}))
			pairs = append(pairs, pairAt(id, 10, func(p *record.Pair) {
				p.Outcome, p.Primary.Prediction, p.Shadow.Prediction = outcome(primary, shadow), primary.prediction, shadow.prediction
			}))
			labels = append(labels, truthOf(func(r *label.Row) { r.RecordID = id }))
		}
	}
	b.predict(t, rows...)
	b.mirrored(t, "pod", pairs...)
	b.label(t, labels...)
	r, _ := b.performance(t)
	want := []SegmentPairs{{BothCorrect: 1, OnlyPrimaryCorrect: 2, OnlyShadowCorrect: 2, NeitherCorrect: 4}, {Segment: "atl"}}
	if diff := cmp.Diff(want, r.Pairs.Segments); diff != "" {
		t.Error(diff)
	}
}

// Instances of a request are no independent evidence, and a file that replaces others holds what they hold.
func TestOfARequestOneLabelledPairCountsOnce(t *testing.T) {
	b := newBox(t)
	b.Trial = trial()
	var rows []record.Row
	var pairs []record.Pair
	var labels []label.Row
	for request := range 50 {
		for instance := range 4 {
			id := fmt.Sprintf("p-%d-%d", request, instance)
			rows = append(rows, predictionAt(id, float64(request), func(r *record.Row) { r.RequestID = fmt.Sprint("q-", request) }))
			pairs = append(pairs, pairAt(id, float64(request), func(p *record.Pair) {
				if instance == 3 {
					p.Segments = []string{"atl"}
				}
			}))
			if request != 7 || instance == 3 {
				labels = append(labels, truthOf(func(r *label.Row) { r.RecordID = id }))
			}
		}
	}
	b.predict(t, rows...)
	b.mirrored(t, "pod", pairs...)
	b.mirrored(t, "compacted-0", pairs...)
	b.label(t, labels...)
	r, _ := b.performance(t)
	if diff := cmp.Diff([]SegmentPairs{{NeitherCorrect: 50}, {Segment: "atl", NeitherCorrect: 50}}, r.Pairs.Segments); diff != "" {
		t.Error(diff)
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "ONLY PRIMARY") {
		t.Errorf("report: %v\n%s", err, text.String())
	}
}

// A trial that is longer than memory is counted part by part.
func TestPartsOfATrialAddUp(t *testing.T) {
	b := newBox(t)
	b.Trial = trial()
	rng := rand.New(rand.NewPCG(3, 4))
	var rows []record.Row
	var pairs []record.Pair
	var labels []label.Row
	want := SegmentPairs{}
	class := func(late bool) string { return map[bool]string{true: "late", false: "ontime"}[late] }
	for i := range 400 {
		id, minute := fmt.Sprintf("p-%d-0", i), float64(i)*60/400
		truth, primary, shadow := rng.IntN(2) == 0, rng.IntN(2) == 0, rng.IntN(2) == 0
		rows = append(rows, predictionAt(id, minute, nil))
		pairs = append(pairs, pairAt(id, minute, func(p *record.Pair) { p.Primary.Prediction, p.Shadow.Prediction = class(primary), class(shadow) }))
		labels = append(labels, truthOf(func(r *label.Row) { r.LabelKey, r.Class = "k-"+id, class(truth) }))
		*want.of(primary == truth, shadow == truth)++
	}
	b.predict(t, rows...)
	b.mirrored(t, "pod", pairs...)
	b.label(t, labels...)
	whole, _ := b.performance(t)
	if diff := cmp.Diff(want, whole.Pairs.Segments[0]); diff != "" {
		t.Error(diff)
	}
	c, j := newPairCounter(b.Trial), &joiner{e: b.Env, names: newClassNames(b.Config.Schema.Prediction), asOf: now}
	for i := range 7 {
		from := trialStart.Add(time.Duration(i) * 10 * time.Minute)
		if _, err := c.part(t.Context(), b.Env, j, Window{From: from, To: from.Add(10 * time.Minute)}, i == 0); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(whole.Pairs.Segments, c.results()); diff != "" {
		t.Error(diff)
	}
}

func TestNobodyCountsPairsThatNobodyAsksFor(t *testing.T) {
	for name, change := range map[string]func(*Env){
		"no trial goes on":                 func(e *Env) { e.Trial = nil },
		"no criterion is about labels":     func(e *Env) { e.Trial.LabelSegments = nil },
		"a regression is not right or not": func(e *Env) { e.Config.Schema.Prediction.Kind = wire.Regression },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			b.Trial = trial()
			change(b.Env)
			if r, v := b.performance(t); r.Pairs != nil || v.Trial != nil || v.Pairs != nil {
				t.Errorf("pairs %+v, verdict %+v", r.Pairs, v)
			}
		})
	}
	// A trial that has only begun has no labels yet, and the verdict says so.
	b := newBox(t)
	b.Trial = trial()
	b.Trial.Attempt = strconv.FormatInt(now.Unix(), 10)
	if _, v := b.performance(t); v.Trial == nil || len(v.Pairs) != 2 || v.Pairs[0].Counts != [4]int64{} {
		t.Errorf("verdict %+v", v)
	}
	// That pairs cannot be counted says nothing about the monitor's own figures.
	b.Trial.Attempt, b.Run = "soon", "run-2"
	if r, v := b.performance(t); r.Pairs != nil || v.Trial != nil || v.Outcome == wire.OutcomeFailed {
		t.Errorf("an attempt that is no time: pairs %+v, verdict %+v", r.Pairs, v)
	}
}
