// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vedette-dev/vedette/internal/capture/decode"
	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestParseDownward(t *testing.T) {
	got := ParseDownward([]byte("app.kubernetes.io/version=\"1.2\"\nempty=\"\"\nno equals sign\nbad=\"\\x\"\nnote=\"a \\\"b\\\"\\nc=d\""))
	want := map[string]string{"app.kubernetes.io/version": "1.2", "empty": "", "note": "a \"b\"\nc=d"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func config() wire.Config {
	return wire.Config{
		Monitor: "m", Mode: wire.ModeEnforce,
		Schema: wire.Schema{
			Features: []wire.Feature{
				{Name: "distance", Type: wire.Numeric, Required: true},
				{Name: "origin", Type: wire.Categorical, Values: []string{"ATL", "LAX"}},
			},
			Prediction: wire.Prediction{Kind: wire.BinaryClassification},
		},
		Segments: []wire.Segment{{Name: "ATL", When: "f.origin == 'ATL'"}, {Name: "first", When: "request.instances[0].distance == 1"}},
		Outliers: wire.Outliers{Always: []string{"p.score > 0.4 && p.score < 0.6"}},
	}
}

// BenchmarkJudge is all that is decided of an instance: its certainty, two segments, its outlier score and a rule.
func BenchmarkJudge(b *testing.B) {
	c := config()
	c.Segments[1].When = "f.distance > 500.0"
	p, err := Compile(Source{Config: c})
	if err != nil {
		b.Fatal(err)
	}
	call, err := p.Decoder.Decode("/v1/models/m:predict", decode.Payload{Bytes: []byte(`{"instances":[{"distance":1000,"origin":"ATL"}]}`)},
		decode.Payload{Bytes: []byte(`{"predictions":[0.9]}`)})
	if err != nil {
		b.Fatal(err)
	}
	in, bodies := &call.Instances[0], NewBodies(&call)
	b.ReportAllocs()
	for b.Loop() {
		p.Judge(&record.Row{RecordID: "0123456789abcdef-1-0", Features: in.Features, Score: in.Score}, in, bodies, true)
	}
}

func TestJudge(t *testing.T) {
	p, err := Compile(Source{Config: config()})
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		Segments, Violations, Reasons []string
		Outlier                       bool
		Faults                        int
		Confidence, Margin, Score     float64
	}
	tests := map[string]struct {
		instance string
		score    string
		want     result
	}{
		"a certain prediction": {
			`{"distance":1,"origin":"ATL"}`, "0.9",
			result{Segments: []string{"ATL", "first"}, Confidence: 0.9, Margin: 0.8},
		},
		"an uncertain one is always an outlier": {
			`{"distance":2,"origin":"LAX"}`, "0.5",
			result{Reasons: []string{"entropy", "rule:p.score > 0.4 && p.score < 0.6"}, Outlier: true, Confidence: 0.5, Margin: 0},
		},
		"a breach of the schema": {
			`{"origin":"JFK"}`, "1",
			result{Violations: []string{"distance:missing", "origin:values"}, Reasons: []string{"schema:distance:missing", "schema:origin:values"}, Confidence: 1, Margin: 1, Faults: 1},
		},
		"no answer": {
			`{"origin":"JFK"}`, "",
			result{Violations: []string{"distance:missing", "origin:values"}, Confidence: math.NaN(), Margin: math.NaN(), Faults: 1},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			request := decode.Payload{Bytes: []byte(`{"instances":[` + tt.instance + `]}`)}
			path := "/v1/models/m:predict"
			call, err := p.Decoder.Request(path, request)
			if tt.score != "" {
				call, err = p.Decoder.Decode(path, request, decode.Payload{Bytes: []byte(`{"predictions":[` + tt.score + `]}`)})
			}
			if err != nil {
				t.Fatal(err)
			}
			in := &call.Instances[0]
			row := record.Row{Features: in.Features, Score: in.Score}
			j := p.Judge(&row, in, NewBodies(&call), tt.score != "")
			tt.want.Score = in.Score
			got := result{row.Segments, row.Violations, row.OutlierReasons, j.Outlier, j.Faults, row.Confidence, row.Margin, row.Score}
			if d := cmp.Diff(tt.want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmpopts.EquateApprox(0, 1e-9)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if len(j.Segments) != len(row.Segments) {
				t.Errorf("segments %v and %v", j.Segments, row.Segments)
			}
		})
	}
}

func TestABaselineGivesOriginsAndDigest(t *testing.T) {
	c := config()
	bare, err := Compile(Source{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	sum := &outlier.Summary{Digest: "d", Features: []outlier.FeatureSummary{{Name: "distance", Type: wire.Numeric, Origin: 700}}}
	p, err := Compile(Source{Config: c, Summary: sum})
	if err != nil {
		t.Fatal(err)
	}
	if p.BaselineDigest != "d" || p.Features[0].Origin != 700 || p.Shape == bare.Shape {
		t.Errorf("digest %q, features %+v, the same shape: %v", p.BaselineDigest, p.Features, p.Shape == bare.Shape)
	}
}

func TestABrokenDocumentIsRefused(t *testing.T) {
	tests := map[string]struct {
		change func(*wire.Config)
		want   string
	}{
		"an unknown name in a segment":  {func(c *wire.Config) { c.Segments[0].When = "f.nope == 1.0" }, `segment "ATL"`},
		"a rule that is no bool":        {func(c *wire.Config) { c.Outliers.Always[0] = "1" }, "outliers.always[0]"},
		"a path without its first word": {func(c *wire.Config) { c.Schema.Features[0].Path = "distance" }, "paths of the schema"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := config()
			tt.change(&c)
			if _, err := Compile(Source{Config: c}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestLabelKey(t *testing.T) {
	for name, tt := range map[string]struct {
		store string
		key   []byte
		want  string
		ok    bool
	}{
		"plain":                     {wire.LabelKeyPlain, nil, "a", true},
		"hashed":                    {wire.LabelKeyKeyedHash, []byte("secret"), "4048c44911916043ff626895ff78c5262764685b6cb9a03ce07886a9effb924c", true},
		"hashed, without a key":     {wire.LabelKeyKeyedHash, nil, "", false},
		"hashed, with an empty key": {wire.LabelKeyKeyedHash, []byte{}, "", false},
		"unless plain, hashed":      {"", nil, "", false},
	} {
		c := config()
		c.Schema.LabelKey.Store = tt.store
		p, err := Compile(Source{Config: c, HashKey: tt.key})
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := p.LabelKey("a"); got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %q, %v", name, got, ok)
		}
		if got, ok := p.LabelKey(strings.Repeat("a", label.MaxKey+1)); got != "" || ok {
			t.Errorf("%s: a key that is too long gives %q, %v", name, got, ok)
		}
	}
}

func FuzzParseDownward(f *testing.F) {
	f.Add([]byte("a=\"b\"\nc=\"\\u00e9\\n\""))
	f.Fuzz(func(_ *testing.T, b []byte) {
		wire.Pod{Labels: ParseDownward(b)}.Version(wire.VersionSource{PodLabel: "a"})
	})
}
