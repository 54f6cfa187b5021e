// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/testing/golden"
)

var digest = strings.Repeat("3f9a2c", 10) + "0123"

// retrained is a monitor whose recall was too low, which called for a run that made a version.
func retrained() *v1alpha1.ModelMonitor {
	m := flights()
	m.Spec.Thresholds = append(m.Spec.Thresholds, v1alpha1.Threshold{Name: "recall", Signal: v1alpha1.SignalRecall, Min: "0.8", Severity: v1alpha1.SeverityCritical})
	m.Status.Violations = append(m.Status.Violations, v1alpha1.Violation{ThresholdName: "recall", Segment: "atl", StartTime: ago(2 * time.Hour)})
	m.Status.Analyses = append(m.Status.Analyses, v1alpha1.AnalysisStatus{
		Kind: v1alpha1.AnalysisRunPerformance, JobName: "flights-performance-16537600", Outcome: v1alpha1.AnalysisOutcomeViolated, ConclusiveOutcome: v1alpha1.AnalysisOutcomeViolated,
		FinishTime: ago(2 * time.Hour), LastSuccessTime: ago(2 * time.Hour), From: ago(194 * time.Hour), To: ago(26 * time.Hour), Rows: new(int64(96000)),
		JudgedBy:   v1alpha1.JudgingRun{JobName: "flights-performance-16537600", From: ago(194 * time.Hour), To: ago(26 * time.Hour), Report: "reports/performance/w/r/report.json"},
		Thresholds: []v1alpha1.ThresholdVerdict{{Name: "recall", Segment: "atl", Outcome: v1alpha1.ThresholdFail, Value: "0.62"}, {Name: "recall", Segment: "all", Outcome: v1alpha1.ThresholdPass, Value: "0.84"}},
		Performance: []v1alpha1.PerformanceMetric{
			{Segment: "all", Metric: v1alpha1.SignalRecall, Value: "0.84", Low: "0.81", High: "0.87", Samples: new(int64(2310))},
			{Segment: "atl", Metric: v1alpha1.SignalRecall, Value: "0.62", Low: "0.55", High: "0.7", Samples: new(int64(312))},
			{Segment: "atl", Version: "v1", Metric: v1alpha1.SignalAccuracy, Value: "0.71", Low: "0.66", High: "0.76", Samples: new(int64(312))},
		},
		Estimates: new(int64(37)),
	})
	m.Status.Retraining = v1alpha1.RetrainingStatus{StartedRuns: 2, Runs: []v1alpha1.RetrainingRun{
		{Name: "flights-retrain-1a2b3c4d5e", Trigger: v1alpha1.RetrainingTriggerSchedule, Reason: "it is time: 2001-06-29T00:00:00Z", State: v1alpha1.RetrainingFailed,
			Message: "the dataset could not be built: NoLabelledRows", RequestTime: ago(36 * time.Hour)},
		{Name: "flights-retrain-6f7a8b9c0d", Trigger: v1alpha1.RetrainingTriggerThreshold, Threshold: "recall", Segment: "atl",
			Reason: "threshold recall is violated in segment atl", State: v1alpha1.RetrainingSucceeded,
			RequestTime: ago(110 * time.Minute), StartTime: ago(108 * time.Minute), FinishTime: ago(90 * time.Minute), Version: "v2", URI: "s3://models/flights/v2",
			Dataset: v1alpha1.DatasetStatus{Digest: digest, URI: "s3://store/c/flights/flights/datasets/" + digest, BaseVersion: "v1"}},
	}}
	return m
}

func evidence() *analyze.WhyReport {
	nan := analyze.Float(math.NaN())
	r := &analyze.WhyReport{
		Version: 1, Kind: analyze.KindWhy, Namespace: "flights", Monitor: "flights", From: now.Add(-194 * time.Hour), To: now.Add(-26 * time.Hour),
		Segment: "atl", Rank: analyze.RankWrong, Rows: 8123, Labelled: 312, Wrong: 91,
		Datasets: []analyze.WhyDataset{{Digest: digest, Rows: 2100, Records: 10, Created: now.Add(-109 * time.Minute), For: "flights-retrain-6f7a8b9c0d", BaseVersion: "v1"}},
	}
	for i := range 10 {
		c := analyze.WhyRecord{
			RecordID: fmt.Sprintf("r-%d-0", i), TraceID: fmt.Sprintf("%032x", 0xabc0+i), Time: now.Add(-time.Duration(30+i) * time.Hour), ModelVersion: "v1", Segments: []string{"atl"},
			LatencyMS: 12.5, Prediction: "ontime", Score: 0.31, Confidence: 0.69, OutlierScore: analyze.Float(5.5 - float64(i)/4), Reasons: []string{"z:delay", "rare:origin"},
			Labels:   []analyze.WhyLabel{{ID: "l", Kind: "truth", Class: "late", Value: nan, Amount: nan, Source: "review", Queue: "desk", Annotators: []string{"ada", "bo"}, Agreement: 1, Received: now}},
			Datasets: []string{digest},
		}
		if i < 2 {
			c.Features = []analyze.FeatureValue{{Name: "delay", Value: "67", Usual: "0 ± 4.53"}, {Name: "origin", Value: "ATL", Usual: "4.2 % of the baseline"}}
		}
		if i == 9 {
			c.Labels[0].Source, c.Labels[0].Queue, c.Labels[0].Annotators = "file", "", nil
			c.Labels = append(c.Labels, analyze.WhyLabel{Kind: "event", Event: "escalation", Value: nan, Amount: nan, Source: "api"})
		}
		r.Records = append(r.Records, c)
	}
	return r
}

// asking is a fixture whose Jobs answer with the evidence.
func asking(t *testing.T, m *v1alpha1.ModelMonitor, r *analyze.WhyReport) *fixture {
	t.Helper()
	f := newFixture(t, m, cronOf(m, "outliers"))
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	f.printed = b.String()
	return f
}

// asked are the arguments of the one Job that was made, behind those of its template.
func asked(f *fixture, args ...string) (stdout string, told []string) {
	f.t.Helper()
	made := f.finishing(succeeded(analyze.KindWhy))
	stdout = f.must(args...)
	all := (<-made).Spec.Template.Spec.Containers[0].Args
	return stdout, append(all[:1:1], all[slices.Index(all, "-o")+2:]...)
}

func TestWhyOnOneScreen(t *testing.T) {
	stdout, told := asked(asking(t, retrained(), evidence()), "why", "flights")
	golden.File(t, "why.txt", []byte(stdout))
	want := []string{"why", "--top", "10", "--rank", "wrong", "--segment", "atl", "--trained", digest, "--window", "168h0m0s", "--to", "2001-06-29T10:10:00Z"}
	if d := cmp.Diff(want, told); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
	if lines := strings.Count(stdout, "\n"); lines > 40 {
		t.Errorf("%d lines are more than a screen", lines)
	}
	json, _ := asked(asking(t, retrained(), evidence()), "why", "flights", "-o", "json")
	golden.File(t, "why as JSON.txt", []byte(json))
}

func TestWhyBackFromADatasetAndFromARun(t *testing.T) {
	for name, args := range map[string][]string{
		"from a dataset": {"--dataset", digest[:6]},
		"from a run":     {"--run", "flights-retrain-6f7a8b9c0d"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, told := asked(asking(t, retrained(), evidence()), append([]string{"why", "flights"}, args...)...)
			golden.File(t, "why "+name+".txt", []byte(stdout))
			if i := slices.Index(told, "--dataset"); i < 0 || told[i+1] != digest {
				t.Errorf("asked %v", told)
			}
		})
	}
}

func TestNothingButWhatCalledForARunIsItsAlert(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*v1alpha1.RetrainingRun)
		says   string
	}{
		"a schedule": {func(r *v1alpha1.RetrainingRun) {
			r.Trigger, r.Threshold, r.Segment, r.Reason = v1alpha1.RetrainingTriggerSchedule, "", "", "it is time: 2001-06-29T00:00:00Z"
		}, "ALERT    no threshold: it is time: 2001-06-29T00:00:00Z\nSEGMENT  all traffic\n"},
		"words that only sound like a threshold": {func(r *v1alpha1.RetrainingRun) {
			r.Trigger, r.Threshold, r.Segment = v1alpha1.RetrainingTriggerNewLabels, "", ""
		}, "ALERT    no threshold: threshold recall is violated in segment atl\n"},
		"a threshold that holds in its segment": {func(r *v1alpha1.RetrainingRun) { r.Segment = "all" }, "ALERT     recall: Recall, healthy is ≥ 0.8, was 0.84; Pass (Critical)\n"},
		"a threshold that is declared no more":  {func(r *v1alpha1.RetrainingRun) { r.Threshold = "gone" }, "ALERT    gone; not violated now\n"},
	} {
		t.Run(name, func(t *testing.T) {
			m := retrained()
			c.change(&m.Status.Retraining.Runs[1])
			stdout, told := asked(asking(t, m, evidence()), "why", "flights", "--run", "flights-retrain-6f7a8b9c0d")
			if !strings.Contains(stdout, c.says) || !slices.Contains(told, digest) {
				t.Errorf("%s\nwant %q; asked %v", stdout, c.says, told)
			}
		})
	}
}

func TestTheManifestOfADatasetThatStatusKnowsNoMoreSaysWhatItWasFor(t *testing.T) {
	unknown := strings.Repeat("ab", 32)
	for reason, says := range map[string]string{
		"100 labels are new": "ALERT    no threshold: 100 labels are new\n",
		"":                   "ALERT    no threshold: nothing tells what called for it\n",
	} {
		r := evidence()
		r.Datasets[0].Reason = reason
		stdout, told := asked(asking(t, retrained(), r), "why", "flights", "--dataset", unknown)
		if !strings.Contains(stdout, says) || !slices.Contains(told, unknown) {
			t.Errorf("%s\nwant %q; asked %v", stdout, says, told)
		}
	}
}

func TestADatasetThatWasRestatedSaysWhatItIsNow(t *testing.T) {
	r := evidence()
	r.Datasets[0].RestatedAs, r.Datasets[0].Erased, r.Records = strings.Repeat("ab", 32), 1, nil
	stdout, _ := asked(asking(t, retrained(), r), "why", "flights", "--run", "flights-retrain-6f7a8b9c0d")
	for _, want := range []string{"3f9a2c3f9a2c3f9a… was restated by an erasure, without 1 of its rows: it is now", strings.Repeat("ab", 32), "of these wrong; none of them are in the"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%s\nwant %q", stdout, want)
		}
	}
}

func TestRecordsShowWhatTheyWereChosenBy(t *testing.T) {
	for rank, want := range map[analyze.Ranking]string{
		analyze.RankLatency: "MS", analyze.RankErrors: "STATUS", analyze.RankConfidence: "SURE", analyze.RankRisk: "RISK", analyze.RankWrong: "RISK",
	} {
		r := evidence()
		r.Rank = rank
		if stdout, _ := asked(asking(t, retrained(), r), "why", "flights"); !strings.Contains(stdout, " "+want+" ") || !strings.Contains(stdout, told[rank]) {
			t.Errorf("%s:\n%s\nwant a column %s", rank, stdout, want)
		}
	}
}

func TestWhatIsAskedAbout(t *testing.T) {
	for name, c := range map[string]struct {
		monitor *v1alpha1.ModelMonitor
		args    []string
		says    string
		told    []string
	}{
		"the oldest of what is gravest":         {retrained(), nil, "recall: Recall, healthy is ≥ 0.8, was 0.62; violated for 120m (Critical)", []string{"--rank", "wrong"}},
		"a threshold by its name":               {retrained(), []string{"--threshold", "score-drift"}, "score-drift: PredictionDrift", []string{"--segment", "atl", "--rank", "risk"}},
		"a threshold that holds in a segment":   {retrained(), []string{"--threshold", "score-drift", "--segment", "all"}, "was 0.06313; Pass", []string{"--rank", "risk"}},
		"a threshold that Prometheus judges":    {flights(), []string{"--threshold", "p99"}, "p99: LatencySeconds, healthy is ≤ 0.25; not violated now", []string{"--rank", "latency"}},
		"drift, where no threshold is violated": {onlyDrifted(), nil, "drift of delay: psi 0.4228", []string{"--segment", "atl"}},
		"nothing, where nothing is wrong":       {healthy(), nil, "none: no threshold is violated", []string{"--rank", "risk"}},
		"a segment":                             {healthy(), []string{"--segment", "lax"}, "lax: f.origin == 'LAX'", []string{"--segment", "lax"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := evidence()
			r.Records = nil
			stdout, told := asked(asking(t, c.monitor, r), append([]string{"why", "flights"}, c.args...)...)
			if !strings.Contains(stdout, c.says) {
				t.Errorf("%s\nwant %q", stdout, c.says)
			}
			for i := 0; i < len(c.told); i += 2 {
				if j := slices.Index(told, c.told[i]); j < 0 || told[j+1] != c.told[i+1] {
					t.Errorf("asked %v, want %s %s", told, c.told[i], c.told[i+1])
				}
			}
		})
	}
}

// onlyDrifted has drift and no threshold on it.
func onlyDrifted() *v1alpha1.ModelMonitor {
	m := flights()
	m.Spec.Thresholds, m.Status.Violations, m.Status.Analyses[0].Thresholds = nil, nil, nil
	return m
}

func healthy() *v1alpha1.ModelMonitor {
	m := flights()
	m.Status.Violations, m.Status.Analyses = nil, nil
	return m
}

func TestWhyOfWhatIsNotThere(t *testing.T) {
	f := newFixture(t, retrained(), cronOf(retrained(), "outliers"))
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a threshold":                   {[]string{"--threshold", "gone"}, exitUsage, `no threshold "gone": it has score-drift, p99, recall`},
		"a segment":                     {[]string{"--segment", "gone"}, exitUsage, `no segment "gone": it has atl, lax`},
		"a run":                         {[]string{"--run", "gone"}, exitUsage, `no retraining run "gone": it knows flights-retrain-1a2b3c4d5e, flights-retrain-6f7a8b9c0d`},
		"a dataset":                     {[]string{"--dataset", "ffff"}, exitUsage, "name all 64 digits"},
		"a run without a dataset":       {[]string{"--run", "flights-retrain-1a2b3c4d5e"}, exitFailed, "the dataset could not be built"},
		"a run and a dataset":           {[]string{"--run", "a", "--dataset", "b"}, exitFailed, "none of the others can be"},
		"more records than can be told": {[]string{"--top", "100000"}, exitUsage, "want 1 to 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := f.run(append([]string{"why", "flights"}, c.args...)...)
			if code != c.code || !strings.Contains(stderr, c.says) {
				t.Errorf("exit code %d, %q; want %d, %q", code, stderr, c.code, c.says)
			}
		})
	}
}

func TestNamesOfAMonitorAreCompleted(t *testing.T) {
	f := newFixture(t, retrained())
	for flag, want := range map[string]string{
		"--threshold": "score-drift\np99\nrecall\n:4\n", "--segment": "atl\nlax\n:4\n", "--dataset": digest + "\n:4\n",
		"--run": "flights-retrain-1a2b3c4d5e\nflights-retrain-6f7a8b9c0d\n:4\n",
	} {
		if got := f.must("__complete", "why", "flights", flag, ""); got != want {
			t.Errorf("%s is completed by %q, want %q", flag, got, want)
		}
	}
}

func TestStatusTellsOfPerformanceRetrainingAndQueues(t *testing.T) {
	q := &v1alpha1.AnnotationQueue{}
	q.Namespace, q.Name = "flights", "desk"
	q.Spec.Monitors = []v1alpha1.QueueMonitor{{Name: "flights"}}
	q.Status.Address = "https://desk.example.com"
	other := q.DeepCopy()
	other.Name, other.Spec.Monitors = "other", []v1alpha1.QueueMonitor{{Name: "fraud"}}
	f := newFixture(t, retrained(), q, other)
	golden.File(t, "status of one with all.txt", []byte(f.must("status", "flights")))
	if document := f.must("status", "flights", "-o", "json"); !strings.Contains(document, `"estimates": 37`) {
		t.Errorf("programs are not told that there are more figures:\n%s", document)
	}
}

func TestVerdictsAreOfTheRunThatReachedThem(t *testing.T) {
	m := retrained() // and then a run of which nothing could be told
	last := &m.Status.Analyses[2]
	last.JobName, last.Outcome, last.Reason, last.Rows = "flights-performance-16537700", v1alpha1.AnalysisOutcomeInsufficient, "TooFewRows", nil
	last.From, last.To, last.FinishTime, last.Message = ago(4*time.Minute), ago(2*time.Minute), ago(time.Minute), "no prediction of the window is in the store"
	stdout, told := asked(asking(t, m, evidence()), "why", "flights", "--threshold", "recall")
	if !strings.Contains(stdout, "Performance run flights-performance-16537600 over 2001-06-22 10:10 to 2001-06-29 10:10Z") || !slices.Contains(told, "2001-06-29T10:10:00Z") {
		t.Errorf("asked %v, and told:\n%s", told, stdout)
	}
	golden.File(t, "status after a run that could not tell.txt", []byte(newFixture(t, m).must("status", "flights")))
}
