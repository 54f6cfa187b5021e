// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MaxVerdictBytes is the most that a verdict may take in a termination message. The kubelet divides 12 KiB by all
// containers of a pod and cuts the tail, so a verdict is small and says how long it should be.
const MaxVerdictBytes = 2048

// Outcome is the result of a run or of one check.
type Outcome string

// The outcomes of a run. For a threshold: Pass, Fail, Inconclusive.
const (
	OutcomeStable       Outcome = "Stable"
	OutcomeDrift        Outcome = "Drift"
	OutcomeViolated     Outcome = "Violated"
	OutcomeInsufficient Outcome = "Insufficient"
	OutcomeSucceeded    Outcome = "Succeeded"
	OutcomeFailed       Outcome = "Failed"

	OutcomePass         Outcome = "Pass"
	OutcomeFail         Outcome = "Fail"
	OutcomeInconclusive Outcome = "Inconclusive"
)

// Verdict is what a run of analyze reports back in its container's termination message.
type Verdict struct {
	VerdictHeader
	// Thresholds are first every violated (threshold, segment), then, behind Pairs, the others as far as they fit.
	Thresholds []ThresholdVerdict
	// Pairs are who was right on the labelled pairs of Trial, all traffic first: that comes before all else, the others behind what is violated.
	Pairs []LabelledPairs
	// Findings are the worst offenders, worst first.
	Findings []Finding
	// Metrics are how good answers were, what matters most first.
	Metrics []SegmentMetrics
}

// VerdictHeader is the first line of a verdict.
type VerdictHeader struct {
	// Kind is the analysis: drift, baseline, outliers, check.
	Kind string `json:"kind"`
	// Run identifies the run; it is part of its report's path.
	Run     string  `json:"run"`
	Outcome Outcome `json:"outcome"`
	// Reason is a CamelCase word for anything but success, such as CredentialsRefused, Unreachable, BaselineMissing.
	Reason string `json:"reason,omitempty"`
	// Message says what was wrong and what to do; at most 400 bytes.
	Message string `json:"message,omitempty"`
	// From and To bound the window.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Rows is the number of rows that the run looked at; Coverage the share of instances that they cover.
	Rows     int64   `json:"rows,omitempty"`
	Coverage float64 `json:"coverage,omitempty"`
	// Outliers is the number of outliers in the window.
	Outliers int64 `json:"outliers,omitempty"`
	// Labels is the number of labels that hold and were received after LabelsSince, for runs that read them.
	Labels      int64     `json:"labels,omitempty"`
	LabelsSince time.Time `json:"labelsSince,omitzero"`
	// Dataset is the digest of the dataset that a run built, DatasetURI the folder where it is, and BaseVersion the version of
	// the model that served the last of its predictions.
	Dataset     string `json:"dataset,omitempty"`
	DatasetURI  string `json:"datasetURI,omitempty"`
	BaseVersion string `json:"baseVersion,omitempty"`
	// Restated are the first datasets that a run made anew without the rows of a subject; the report names all.
	Restated []Restatement `json:"restated,omitempty"`
	// Trial is the one that Pairs are of; nil where no pairs are counted.
	Trial *Trial `json:"trial,omitempty"`
	// Config is the revision of the configuration that the run used.
	Config string `json:"config,omitempty"`
	// Report is the path of the full report below the monitor's prefix.
	Report string `json:"report,omitempty"`

	// Estimates is the number of estimates in Metrics before any were cut.
	Estimates int `json:"estimates,omitempty"`
	// Total is the number of lines before any were cut; Digest the first 16 hex digits of the SHA-256 of the lines kept.
	Total  int    `json:"total"`
	Digest string `json:"digest"`
}

// MaxRestated is how many restatements a verdict has room for.
const MaxRestated = 4

// Restatement names a dataset and the one that took its place, by their digests.
type Restatement struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// ThresholdVerdict is the verdict on one threshold in one segment ("" is all traffic).
type ThresholdVerdict struct {
	Threshold string  `json:"t"`
	Segment   string  `json:"s,omitempty"`
	Outcome   Outcome `json:"o"`
	// Feature is the worst feature, for thresholds over features.
	Feature string  `json:"f,omitempty"`
	Value   float64 `json:"v"`
}

// Trial is a trial of a candidate, as the mirror document names it.
type Trial struct {
	Rollout   string `json:"r"`
	Candidate string `json:"c"`
	Attempt   string `json:"a"`
}

// LabelledPairs says how often a primary and its shadow were right, on the same labelled requests of a segment; "" is all traffic.
type LabelledPairs struct {
	Segment string `json:"s,omitempty"`
	// Counts are by who was right: both, the primary alone, the shadow alone, and neither.
	Counts [4]int64 `json:"n"`
}

// Finding is one (feature, segment) that stands out. Feature "" is the prediction.
type Finding struct {
	Feature string `json:"f,omitempty"`
	Segment string `json:"s,omitempty"`
	// Statistic names Effect: psi, missing, newCategories, outlierScore.
	Statistic string  `json:"k"`
	Effect    float64 `json:"v"`
	P         float64 `json:"p"`
	Drifted   bool    `json:"d,omitempty"`
}

// SegmentMetrics are the metrics of one segment and version; "" is all of them.
type SegmentMetrics struct {
	Segment string `json:"s,omitempty"`
	Version string `json:"v,omitempty"`
	// Samples is the number of labelled predictions.
	Samples int64 `json:"n"`
	// Metrics are, by name, the value and the bounds of its 95 % confidence interval.
	Metrics map[Signal][3]float64 `json:"m"`
}

const verdictPrefix = "vedette/1 "

// ErrNoVerdict means that a text is no verdict: the run died before it wrote one, or something else wrote the text.
var ErrNoVerdict = errors.New("no verdict")

// EncodeVerdict renders v in at most MaxVerdictBytes, cutting whole lines from the end.
func EncodeVerdict(v Verdict) ([]byte, error) {
	v.Message = truncate(v.Message, 400)
	lines, err := v.lines()
	if err != nil {
		return nil, fmt.Errorf("encoding a verdict: %w", err)
	}
	v.Estimates = 0
	for _, m := range v.Metrics {
		v.Estimates += len(m.Metrics)
	}
	v.Total = len(lines)
	for kept := len(lines); ; kept-- {
		body := bytes.Join(lines[:kept], []byte("\n"))
		v.Digest = digest(body)
		head, err := json.Marshal(v.VerdictHeader)
		if err != nil {
			return nil, fmt.Errorf("encoding a verdict: %w", err)
		}
		out := append([]byte(verdictPrefix), head...)
		out = append(out, '\n')
		if kept > 0 {
			out = append(append(out, body...), '\n')
		}
		if len(out) <= MaxVerdictBytes {
			return out, nil
		}
		if kept == 0 {
			return nil, fmt.Errorf("encoding a verdict: its header takes %d bytes, more than %d", len(out), MaxVerdictBytes)
		}
	}
}

// lines are those below the header, what matters most first.
func (v *Verdict) lines() (lines [][]byte, err error) {
	violated := 0
	for violated < len(v.Thresholds) && v.Thresholds[violated].Outcome == OutcomeFail {
		violated++
	}
	add := func(kind string, record any) {
		b, failed := json.Marshal(record)
		err = errors.Join(err, failed)
		lines = append(lines, append([]byte(kind+" "), b...))
	}
	segments := v.Pairs
	if len(segments) > 0 && segments[0].Segment == "" { // without it the trial has no verdict, however much is violated
		add("p", segments[0])
		segments = segments[1:]
	}
	for _, t := range v.Thresholds[:violated] {
		add("t", t)
	}
	for _, p := range segments {
		add("p", p)
	}
	for _, t := range v.Thresholds[violated:] {
		add("t", t)
	}
	for _, f := range v.Findings {
		add("f", f)
	}
	for _, m := range v.Metrics {
		add("m", m)
	}
	return lines, err
}

// DecodeVerdict reads a verdict and checks that it arrived whole.
func DecodeVerdict(text string) (Verdict, error) {
	head, body, _ := strings.Cut(text, "\n")
	raw, ok := strings.CutPrefix(head, verdictPrefix)
	if !ok {
		return Verdict{}, ErrNoVerdict
	}
	var v Verdict
	if err := json.Unmarshal([]byte(raw), &v.VerdictHeader); err != nil {
		return Verdict{}, fmt.Errorf("%w: its header: %w", ErrNoVerdict, err)
	}
	body = strings.TrimSuffix(body, "\n")
	if digest([]byte(body)) != v.Digest {
		return Verdict{}, fmt.Errorf("%w: it was cut or changed on its way", ErrNoVerdict)
	}
	for line := range strings.Lines(body) {
		if err := v.add(strings.TrimSuffix(line, "\n")); err != nil {
			return Verdict{}, err
		}
	}
	return v, nil
}

func (v *Verdict) add(line string) error {
	kind, raw, _ := strings.Cut(line, " ")
	switch kind {
	case "t":
		var t ThresholdVerdict
		if err := json.Unmarshal([]byte(raw), &t); err != nil {
			return fmt.Errorf("%w: a threshold: %w", ErrNoVerdict, err)
		}
		v.Thresholds = append(v.Thresholds, t)
	case "p":
		var p LabelledPairs
		if err := json.Unmarshal([]byte(raw), &p); err != nil {
			return fmt.Errorf("%w: labelled pairs: %w", ErrNoVerdict, err)
		}
		v.Pairs = append(v.Pairs, p)
	case "f":
		var f Finding
		if err := json.Unmarshal([]byte(raw), &f); err != nil {
			return fmt.Errorf("%w: a finding: %w", ErrNoVerdict, err)
		}
		v.Findings = append(v.Findings, f)
	case "m":
		var m SegmentMetrics
		if err := json.Unmarshal([]byte(raw), &m); err != nil {
			return fmt.Errorf("%w: metrics: %w", ErrNoVerdict, err)
		}
		v.Metrics = append(v.Metrics, m)
	}
	return nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])[:16]
}

// truncate cuts s to at most n bytes without splitting a rune.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
