// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func exampleMirror() Mirror {
	return Mirror{
		Namespace: "payments", Monitor: "fraud", Rollout: "fraud", Primary: "0123456789", Candidate: "abcdefabcd", ShadowVersion: "7", Attempt: "1760000000",
		Address: "10.0.0.7:8080", Share: 0.5, TimeoutSeconds: 2, MaxInFlight: 64, MaxBytes: 32 << 20, Header: "X-Dry-Run", Model: "fraud-next",
		ReplicaShare: 0.25, Tolerance: Tolerance{Absolute: 1e-6, Relative: 1e-3}, LatencySegments: []string{"web"}, LabelSegments: []string{"all", "web"},
	}
}

func TestMirrorRoundTrip(t *testing.T) {
	b, err := EncodeMirror(exampleMirror())
	if err != nil {
		t.Fatal(err)
	}
	got, unknown, err := DecodeMirror(b)
	if err != nil || unknown {
		t.Fatalf("unknown keys %v, error %v", unknown, err)
	}
	want := exampleMirror()
	want.Version, want.Revision = MirrorVersion, got.Revision
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if again, _ := EncodeMirror(got); !bytes.Equal(b, again) {
		t.Error("encoding what was decoded gives other bytes")
	}
	if bytes.Contains(b, []byte("allPods")) {
		t.Error("what is for pods of a revision has another revision than that of an older release")
	}
	other := exampleMirror()
	other.Share, other.AllPods = 0.6, true
	c, _ := EncodeMirror(other)
	if changed, _, _ := DecodeMirror(c); len(got.Revision) != 10 || changed.Revision == got.Revision || !changed.AllPods {
		t.Errorf("revisions %q and %q of different documents", got.Revision, changed.Revision)
	}
}

func TestMirrorsThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Mirror)
		want   string
	}{
		"no rollout":                    {func(m *Mirror) { m.Rollout = "" }, "rollout"},
		"a candidate with a line break": {func(m *Mirror) { m.Candidate = "a\nb" }, "candidate"},
		"no attempt":                    {func(m *Mirror) { m.Attempt = "" }, "attempt"},
		"a version that is too long":    {func(m *Mirror) { m.ShadowVersion = strings.Repeat("v", maxVersion+1) }, "shadowVersion"},
		"no port":                       {func(m *Mirror) { m.Address = "10.0.0.7" }, "address"},
		"an address with a path":        {func(m *Mirror) { m.Address = "a/b:80" }, "address"},
		"more than all":                 {func(m *Mirror) { m.Share = 1.1 }, "share"},
		"a replica share below 0":       {func(m *Mirror) { m.ReplicaShare = -0.1 }, "replicaShare"},
		"no timeout":                    {func(m *Mirror) { m.TimeoutSeconds = 0 }, "timeoutSeconds"},
		"a negative bound":              {func(m *Mirror) { m.MaxBytes = -1 }, "maxBytes"},
		"a negative tolerance":          {func(m *Mirror) { m.Tolerance.Relative = -1 }, "tolerance"},
		"a header with a space":         {func(m *Mirror) { m.Header = "X Y" }, "header"},
		"a model that is a path":        {func(m *Mirror) { m.Model = "a/b" }, "model"},
		"many segments":                 {func(m *Mirror) { m.LatencySegments = make([]string, 6) }, "latencySegments"},
		"many segments of labels":       {func(m *Mirror) { m.LabelSegments = make([]string, 34) }, "labelSegments"},
	} {
		t.Run(name, func(t *testing.T) {
			m := exampleMirror()
			tt.change(&m)
			b, err := EncodeMirror(m)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := DecodeMirror(b); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, _, err := DecodeMirror([]byte(`{"version":2}`)); !errors.Is(err, ErrVersion) {
		t.Errorf("another version: %v", err)
	}
	if _, _, err := DecodeMirror(make([]byte, MaxMirrorBytes+1)); err == nil {
		t.Error("a document that is too large is accepted")
	}
}

func TestAMirrorOfALaterRelease(t *testing.T) {
	b, err := EncodeMirror(exampleMirror())
	if err != nil {
		t.Fatal(err)
	}
	later := bytes.Replace(b, []byte(`"version": 1,`), []byte(`"version": 1, "news": {"a": 1},`), 1)
	if m, unknown, err := DecodeMirror(later); err != nil || !unknown || m.Rollout != "fraud" {
		t.Errorf("unknown keys %v, %v, %+v", unknown, err, m)
	}
}

func FuzzDecodeMirror(f *testing.F) {
	b, err := EncodeMirror(exampleMirror())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, _, err := DecodeMirror(b)
		if err != nil {
			return
		}
		if m.check() != nil || m.Timeout() < 0 {
			t.Fatalf("accepted: %+v", m)
		}
		again, err := EncodeMirror(m)
		if err != nil {
			t.Fatal(err)
		}
		if back, unknown, err := DecodeMirror(again); err != nil && len(again) <= MaxMirrorBytes || unknown {
			t.Fatalf("%+v: %v", back, err)
		}
	})
}
