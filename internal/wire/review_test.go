// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/wire"
)

func TestDocumentsOfQueuesReadBackAsWritten(t *testing.T) {
	r := wire.Review{
		Cluster: "c", Namespace: "ns", Queue: "desk",
		Monitors: []wire.ReviewMonitor{{Name: "fraud", Weight: 1, Segments: []string{"new-card"}}},
		Access:   wire.ReviewAccess{Local: true},
	}
	b, err := wire.EncodeReview(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := wire.EncodeReview(r)
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("equal documents gave different bytes (%v)", err)
	}
	got, unknown, err := wire.DecodeReview(b)
	if err != nil || unknown {
		t.Fatalf("DecodeReview: unknown keys %v, %v", unknown, err)
	}
	if len(got.Revision) != 10 {
		t.Errorf("revision %q, want ten digits", got.Revision)
	}
	got.Version, got.Revision = 0, ""
	if d := cmp.Diff(r, got); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
}

func TestDocumentsOfQueuesOfAnotherReleaseAreReadAsFarAsTheyCanBe(t *testing.T) {
	if _, unknown, err := wire.DecodeReview([]byte(`{"version":1,"later":true}`)); err != nil || !unknown {
		t.Errorf("a later key: unknown %v, %v", unknown, err)
	}
	if _, _, err := wire.DecodeReview([]byte(`{"version":2}`)); !errors.Is(err, wire.ErrVersion) {
		t.Errorf("a later version: %v, want ErrVersion", err)
	}
}

func FuzzDecodeReview(f *testing.F) {
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, _, err := wire.DecodeReview(data)
		if err != nil {
			return
		}
		if _, err := wire.EncodeReview(r); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}
