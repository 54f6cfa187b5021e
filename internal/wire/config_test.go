// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func example() Config {
	return Config{
		Cluster: "prod", Namespace: "payments", Monitor: "fraud", Mode: ModeEnforce,
		Store:    Store{URL: "s3://bucket?region=eu-west-1"},
		Capture:  Capture{Protocol: ProtocolAuto, Keep: Keep{Predictions: 1, Features: 0.1}, BodyLimitBytes: 262144, FlushSeconds: 300},
		Versions: Versions{Model: VersionSource{PodLabel: "app.kubernetes.io/version"}},
		Schema:   Schema{Features: []Feature{{Name: "age", Type: Numeric, Max: new(120.0)}}},
		Segments: []Segment{{Name: "young", When: "f.age < 30.0"}},
		Drift:    Drift{WindowSeconds: 86400, MinRows: 300, MinEffectPSI: 0.1, FalseDiscoveryRate: 0.05, MinCoverage: 0.9},
	}
}

func TestConfigRoundTrip(t *testing.T) {
	b, err := Encode(example())
	if err != nil {
		t.Fatal(err)
	}
	got, unknown, err := Decode(b)
	if err != nil || unknown {
		t.Fatalf("unknown keys %v, error %v", unknown, err)
	}
	want := example()
	want.Version, want.Revision = Version, got.Revision
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if again, _ := Encode(got); !bytes.Equal(b, again) {
		t.Error("encoding what was decoded gives other bytes")
	}
}

func TestRevisionFollowsContent(t *testing.T) {
	a, _ := Encode(example())
	other := example()
	other.Segments[0].When = "f.age < 31.0"
	b, _ := Encode(other)
	ca, _, _ := Decode(a)
	cb, _, _ := Decode(b)
	if ca.Revision == "" || ca.Revision == cb.Revision {
		t.Errorf("revisions %q and %q of different configurations", ca.Revision, cb.Revision)
	}
}

func TestDecode(t *testing.T) {
	for name, tt := range map[string]struct {
		text        string
		wantUnknown bool
		wantErr     string
	}{
		"a key of a later release is ignored, and told":      {text: `{"version":1,"monitor":"m","later":{}}`, wantUnknown: true},
		"a later version is refused":                         {text: `{"version":2}`, wantErr: "got 2, want 1"},
		"something else is refused":                          {text: `[]`, wantErr: "reading the configuration"},
		"half a document is refused":                         {text: `{"version":1`, wantErr: "unexpected end"},
		"a document that no ConfigMap could hold is refused": {text: strings.Repeat(" ", MaxConfigBytes+1), wantErr: "are more than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, unknown, err := Decode([]byte(tt.text))
			if tt.wantErr == "" && err != nil || tt.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tt.wantErr)) {
				t.Fatalf("error %v, want %q", err, tt.wantErr)
			}
			if unknown != tt.wantUnknown {
				t.Errorf("unknown keys: %v, want %v", unknown, tt.wantUnknown)
			}
		})
	}
	if _, _, err := Decode([]byte(`{"version":7}`)); !errors.Is(err, ErrVersion) {
		t.Errorf("error %v, want ErrVersion", err)
	}
}

func TestDecodeHead(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want Config
		ok   bool
	}{
		"a later version":                {`{"version":2,"namespace":"n","monitor":"m","mode":"PassThrough","schema":7}`, Config{Namespace: "n", Monitor: "m", Mode: ModePassThrough}, true},
		"no more than the mode":          {`{"mode":"PassThrough"}`, Config{Mode: ModePassThrough}, true},
		"names of another type":          {`{"namespace":1,"monitor":{},"mode":"Observe"}`, Config{Mode: ModeObserve}, true},
		"no mode":                        {`{"version":1}`, Config{}, false},
		"a mode of another type":         {`{"mode":{"name":"PassThrough"}}`, Config{}, false},
		"half a document":                {`{"mode":"PassThrough"`, Config{}, false},
		"more than a ConfigMap can hold": {`{"mode":"PassThrough"}` + strings.Repeat(" ", MaxConfigBytes), Config{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := DecodeHead([]byte(tt.text))
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
				t.Errorf("ok %v, want %v; (-want +got):\n%s", ok, tt.ok, diff)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	b, _ := Encode(example())
	f.Add(b)
	f.Add([]byte(`{"version":1,"schema":{"features":[{"min":1e400}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, _, err := Decode(b)
		if err != nil {
			return
		}
		if _, err := Encode(c); err != nil {
			t.Errorf("what was decoded cannot be encoded: %v", err)
		}
	})
}
