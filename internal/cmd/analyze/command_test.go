// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

var now = time.Date(2001, 6, 30, 12, 10, 0, 0, time.UTC)

// scene is a store in a folder, and a configuration for it.
type scene struct {
	t      *testing.T
	config wire.Config
	file   string
	root   string
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, root: t.TempDir(), file: filepath.Join(t.TempDir(), "config.v1.json")}
	s.config = wire.Config{
		Cluster: "c", Namespace: "ns", Monitor: "m", Store: wire.Store{URL: "file://" + s.root},
		Capture:  wire.Capture{FlushSeconds: 300},
		Schema:   wire.Schema{Features: []wire.Feature{{Name: "x", Type: wire.Numeric}}},
		Baseline: wire.Baseline{Name: "base", DatasetURL: "data.csv"},
		Drift:    wire.Drift{WindowSeconds: 3600, MinRows: 100, MinEffectPSI: 0.1, FalseDiscoveryRate: 0.05, MinCoverage: 0.9},
		Outliers: wire.Outliers{Rate: 0.01, WindowSeconds: 3600},
	}
	s.write()
	return s
}

func (s *scene) write() {
	s.t.Helper()
	document, err := wire.Encode(s.config)
	if err == nil {
		err = os.WriteFile(s.file, document, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) put(key string, body []byte) {
	s.t.Helper()
	file := filepath.Join(s.root, filepath.FromSlash(key))
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil {
		err = os.WriteFile(file, body, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) layout() store.Layout {
	return store.Layout{Cluster: "c", Namespace: "ns", Monitor: "m"}
}

// traffic profiles values of x in the hour that drift looks at.
func (s *scene) traffic(values func(i int) float64) {
	s.t.Helper()
	set := profile.NewSet(s.config.Schema.Features, math.MaxInt)
	at := now.Add(-30 * time.Minute)
	for i := range 1_000 {
		set.Observe(&record.Row{Time: at, Score: math.NaN(), Features: []record.Value{{Kind: record.Number, Num: values(i)}}})
	}
	var b bytes.Buffer
	if err := profile.Write(&b, set.Take(now)); err != nil {
		s.t.Fatal(err)
	}
	s.put(s.layout().Rows(store.Profiles, "v1", at, "pod"), b.Bytes())
}

func (s *scene) dataset() {
	var b strings.Builder
	b.WriteString("x\n")
	for i := range 1_000 {
		fmt.Fprintln(&b, i%100)
	}
	s.put(s.layout().Prefix()+"data.csv", []byte(b.String()))
}

func (s *scene) run(args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	var out, errs bytes.Buffer
	c := &command{stdout: &out, stderr: &errs, now: func() time.Time { return now }}
	code = c.run(s.t.Context(), append(args[:1:1], append([]string{"--config", s.file, "--credentials", s.root}, args[1:]...)...))
	return code, out.String(), errs.String()
}

func TestExitCodesTellStableFromDriftFromCouldNotTellFromFailed(t *testing.T) {
	same, other := func(i int) float64 { return float64(i % 100) }, func(i int) float64 { return float64(i%100) + 50 }
	cases := map[string]struct {
		prepare  func(s *scene)
		args     []string
		terminal int
		job      int
		outcome  wire.Outcome
	}{
		"stable":         {func(s *scene) { s.traffic(same) }, []string{"drift"}, exitStable, 0, wire.OutcomeStable},
		"drift":          {func(s *scene) { s.traffic(other) }, []string{"drift"}, exitDrift, 0, wire.OutcomeDrift},
		"could not tell": {func(*scene) {}, []string{"drift"}, exitInsufficient, 0, wire.OutcomeInsufficient},
		"failed": {func(s *scene) { s.put(s.layout().Baseline("base", "profile.parquet"), []byte("x")) },
			[]string{"drift"}, exitFailed, 1, wire.OutcomeFailed},
		"no predictions to be outliers":          {func(*scene) {}, []string{"outliers"}, exitInsufficient, 0, wire.OutcomeInsufficient},
		"no bodies to guess a schema from":       {func(*scene) {}, []string{"schema"}, exitInsufficient, 0, wire.OutcomeInsufficient},
		"a store that works":                     {func(*scene) {}, []string{"check"}, exitStable, 0, wire.OutcomeSucceeded},
		"a store that the sidecars can write to": {func(*scene) {}, []string{"check", "--writer-credentials", "/nonexistent"}, exitStable, 0, wire.OutcomeSucceeded},
		"a check that finds something wrong has reached its verdict": {
			func(s *scene) { s.config.Baseline.DatasetURL, s.config.Baseline.Name = "gone.csv", "other"; s.write() },
			[]string{"check"}, exitFailed, 0, wire.OutcomeFailed},
		"a baseline": {func(*scene) {}, []string{"baseline"}, exitStable, 0, wire.OutcomeSucceeded},
		"a configuration that cannot judge": {func(s *scene) { s.config.Drift.MinRows = 0; s.write() },
			[]string{"drift"}, exitFailed, 1, wire.OutcomeFailed},
		"no configuration": {func(s *scene) { s.file += ".gone" }, []string{"drift"}, exitFailed, 1, wire.OutcomeFailed},
		"a configuration of another version": {func(s *scene) {
			if err := os.WriteFile(s.file, []byte(`{"version":99}`), 0o600); err != nil {
				s.t.Fatal(err)
			}
		}, []string{"drift"}, exitFailed, 1, wire.OutcomeFailed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.dataset()
			if code, _, stderr := s.run("baseline"); code != exitStable {
				t.Fatalf("baseline = %d: %s", code, stderr)
			}
			c.prepare(s)
			if code, _, stderr := s.run(c.args...); code != c.terminal {
				t.Errorf("on a terminal: %d (%s), want %d", code, stderr, c.terminal)
			}
			verdict := filepath.Join(t.TempDir(), "verdict")
			if code, _, stderr := s.run(append(c.args, "--verdict-file", verdict)...); code != c.job {
				t.Errorf("in a Job: %d (%s), want %d", code, stderr, c.job)
			}
			text, err := os.ReadFile(verdict)
			if err != nil {
				t.Fatal(err)
			}
			v, err := wire.DecodeVerdict(string(text))
			if err != nil || v.Outcome != c.outcome || v.Kind != c.args[0] || len(text) > wire.MaxVerdictBytes {
				t.Errorf("verdict %+v (%v), want %s", v.VerdictHeader, err, c.outcome)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	s := newScene(t)
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no kind":           {[]string{""}, exitUsage, "Usage: analyze KIND"},
		"an unknown kind":   {[]string{"quality"}, exitUsage, "Usage: analyze KIND"},
		"an unknown flag":   {[]string{"drift", "--nonsense"}, exitUsage, "nonsense"},
		"help":              {[]string{"--help"}, exitStable, "Exit codes: 0 stable"},
		"help of a kind":    {[]string{"drift", "-h"}, exitStable, "-window"},
		"a stray argument":  {[]string{"drift", "x"}, exitUsage, `unexpected argument "x"`},
		"an unknown format": {[]string{"drift", "-o", "yaml"}, exitUsage, "want text or json"},
		"too many to show":  {[]string{"outliers", "--top", "100000"}, exitUsage, "want 1 to 1000"},
		"too many calls":    {[]string{"schema", "--calls", "100000"}, exitUsage, "want 1 to 10000"},
		"a bad time":        {[]string{"drift", "--to", "yesterday"}, exitUsage, "2001-06-01T00:00:00Z"},
		"nobody to erase":   {[]string{"erase"}, exitUsage, "exactly one of"},
		"two to erase":      {[]string{"erase", "--record-id", "r", "--label-key", "k"}, exitUsage, "exactly one of"},
		"a negative window": {[]string{"drift", "--window", "-1h"}, exitUsage, "positive duration"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := s.run(c.args...)
			if code != c.code || !strings.Contains(stderr, c.says) {
				t.Errorf("%d %q, want %d that says %q", code, stderr, c.code, c.says)
			}
		})
	}
}

func TestOutputAndWindowFlags(t *testing.T) {
	s := newScene(t)
	s.dataset()
	s.traffic(func(i int) float64 { return float64(i % 100) })
	if code, _, stderr := s.run("baseline"); code != exitStable {
		t.Fatalf("baseline = %d: %s", code, stderr)
	}
	code, stdout, _ := s.run("drift")
	if code != exitStable || !strings.Contains(stdout, "1000 instances, 100.00 % of them profiled") {
		t.Errorf("%d %q", code, stdout)
	}
	code, stdout, _ = s.run("drift", "-o", "json", "--to", "2001-06-30T11:59:59Z", "--window", "20m")
	var report analyze.DriftReport
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatal(err)
	}
	if code != exitStable || !report.From.Equal(now.Add(-31*time.Minute)) || !report.To.Equal(now.Add(-11*time.Minute)) {
		t.Errorf("%d, window %s to %s, want the 20 minutes up to the last whole one", code, report.From, report.To)
	}
}

func TestPerformanceTellsViolatedFromCouldNotTell(t *testing.T) {
	s := newScene(t)
	s.config.Schema.LabelKey = wire.LabelKey{Path: "request.id", Store: wire.LabelKeyKeyedHash}
	s.config.Schema.Prediction = wire.Prediction{Kind: wire.BinaryClassification}
	s.config.Labels = wire.Labels{WindowSeconds: 3600, MatureSeconds: 60}
	s.config.Thresholds = []wire.Threshold{{Name: "accuracy", Signal: wire.SignalAccuracy, Min: new(0.9), MinSamples: 10}}
	s.write()
	if code, _, stderr := s.run("performance"); code != exitInsufficient {
		t.Errorf("without predictions: %d (%s), want %d", code, stderr, exitInsufficient)
	}
	var b bytes.Buffer
	w, err := record.NewWriter(&b, record.Predictions, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := now.Add(-time.Hour)
	lines := "label_key,label\n"
	for i := range 50 {
		plain := fmt.Sprint(i)
		hashed, _ := label.Key(s.config.Schema.LabelKey, []byte("secret"), plain)
		row := record.Row{RecordID: fmt.Sprintf("p-%d-0", i), Time: at, LabelKey: hashed, Prediction: "0", Score: 0.1, KeepProbability: 1}
		if err := w.Write(&row); err != nil {
			t.Fatal(err)
		}
		lines += plain + ",1\n"
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s.put(s.layout().Rows(store.Predictions, "v1", at, "pod"), b.Bytes())
	s.put(s.layout().Inbox("labels")+"labels.csv", []byte(lines))
	// The file's time is the real one, which is after the run's.
	if err := os.Chtimes(filepath.Join(s.root, filepath.FromSlash(s.layout().Inbox("labels")+"labels.csv")), now, now); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := s.run("labels"); code != exitFailed || !strings.Contains(stderr, "HashKeyMissing") {
		t.Errorf("without the key of hashes: %d (%s), want %d", code, stderr, exitFailed)
	}
	code, stdout, stderr := s.run("performance", "--hash-key", key)
	if code != exitViolated || !strings.Contains(stdout, "accuracy") {
		t.Errorf("with nothing but wrong answers: %d (%s), want %d\n%s", code, stderr, exitViolated, stdout)
	}
	if code, stdout, _ := s.run("labels", "--hash-key", key); code != exitStable || !strings.Contains(stdout, "0 rows were taken") {
		t.Errorf("an empty inbox: %d\n%s", code, stdout)
	}
}
