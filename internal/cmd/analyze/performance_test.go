// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vedette-dev/vedette/internal/wire"
)

func TestPerformanceJudgesTheTrialThatSidecarsAreToldOf(t *testing.T) {
	trial := func(monitor string) string {
		document, err := wire.EncodeMirror(wire.Mirror{
			Namespace: "ns", Monitor: monitor, Rollout: "r", Primary: "0123456789", Candidate: "abcdef0123", Attempt: "993898800",
			Address: "10.0.0.7:8080", TimeoutSeconds: 1, LabelSegments: []string{"all"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(document)
	}
	for name, c := range map[string]struct {
		document string
		want     bool
	}{
		"no trial goes on":         {"", false},
		"one does":                 {trial("m"), true},
		"one of another monitor's": {trial("other"), false},
		"one of a later release":   {`{"version": 9}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.config.Schema.Prediction = wire.Prediction{Kind: wire.BinaryClassification}
			s.config.Labels = wire.Labels{WindowSeconds: 3600, MatureSeconds: 60}
			s.write()
			mirror, verdict := filepath.Join(t.TempDir(), "mirror.v1.json"), filepath.Join(t.TempDir(), "verdict")
			if c.document != "" {
				if err := os.WriteFile(mirror, []byte(c.document), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if code, _, stderr := s.run("performance", "--mirror", mirror, "--verdict-file", verdict); code != exitStable {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			text, err := os.ReadFile(verdict)
			if err != nil {
				t.Fatal(err)
			}
			v, err := wire.DecodeVerdict(string(text))
			if err != nil || (v.Trial != nil) != c.want || len(v.Pairs) > 0 != c.want {
				t.Errorf("trial %+v, pairs %+v, error %v", v.Trial, v.Pairs, err)
			}
		})
	}
}
