// SPDX-License-Identifier: Apache-2.0

package dataset_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gocloud.dev/blob/memblob"

	"github.com/vedette-dev/vedette/internal/dataset"
	"github.com/vedette-dev/vedette/internal/feature"
	"github.com/vedette-dev/vedette/internal/store"
)

var (
	layout   = store.Layout{Cluster: "eu", Namespace: "payments", Monitor: "fraud"}
	features = []dataset.Feature{{Name: "age", Type: "Numeric"}, {Name: "country", Type: "Categorical"}, {Name: "vip", Type: "Boolean"}}
	day      = time.Date(2001, 6, 1, 0, 0, 0, 0, time.UTC)
)

func row(n int, class string) dataset.Row {
	return dataset.Row{
		RecordID: fmt.Sprintf("r%04d", n), LabelID: fmt.Sprintf("l%04d", n), Time: day.Add(time.Duration(n) * time.Minute), Version: "v1",
		Segments: []string{"atl"}, Prediction: "late", Score: 0.5, Class: class, Value: math.NaN(), Source: "review",
		KeepProbability: 0.5, Weight: 2, KeepReason: "sampled",
		Features: []feature.Value{{Kind: feature.Number, Num: float64(n)}, {Kind: feature.String, Str: "DE"}, {}},
	}
}

func rows(n int, relabelled ...int) []dataset.Row {
	var all []dataset.Row
	for i := range n {
		class := "late"
		if i%3 == 0 || slices.Contains(relabelled, i) {
			class = "ontime"
		}
		all = append(all, row(i, class))
	}
	return all
}

// seal makes the manifest of rows.
func seal(t *testing.T, all []dataset.Row, p dataset.Provenance) dataset.Manifest {
	t.Helper()
	c := dataset.Content{Features: features, Rows: int64(len(all)), Labels: dataset.LabelSet(all), Classes: map[string]int64{}}
	for i := range all {
		c.Classes[all[i].Label()]++
	}
	if err := dataset.EncodeParts(features, all, func(e dataset.Encoded) error {
		c.Parts = append(c.Parts, e.Part)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	m, err := dataset.Seal(c, p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTheSameContentIsTheSameVersion(t *testing.T) {
	a := seal(t, rows(100), dataset.Provenance{Created: day, AskedBy: "ada"})
	b := seal(t, rows(100), dataset.Provenance{Created: day.Add(time.Hour), AskedBy: "bo", Run: "r2"})
	c := seal(t, rows(100, 4), dataset.Provenance{})
	if a.Digest != b.Digest || len(a.Digest) != 64 {
		t.Errorf("who asked, and when, changed the digest: %s, %s", a.Digest, b.Digest)
	}
	if a.Digest == c.Digest {
		t.Error("another label left the digest as it was")
	}
}

func TestVersionsReadBackAsStored(t *testing.T) {
	b := store.Wrap(memblob.OpenBucket(nil))
	want := rows(250)
	m := seal(t, want, dataset.Provenance{Created: day, AskedBy: "ada"})
	for i, wantCreated := range []bool{true, false} {
		if created, err := dataset.Store(t.Context(), b, layout, m, want); err != nil || created != wantCreated {
			t.Fatalf("Store %d: created %v, %v", i, created, err)
		}
	}
	loaded, err := dataset.Load(t.Context(), b, layout, m.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, loaded); diff != "" {
		t.Errorf("the manifest (-want +got):\n%s", diff)
	}
	var got []dataset.Row
	err = dataset.EachRow(t.Context(), b, layout, loaded, func(r *dataset.Row) error {
		c := *r
		c.Segments, c.Features = slices.Clone(r.Segments), slices.Clone(r.Features)
		got = append(got, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("the rows (-want +got):\n%s", diff)
	}
}

func TestWhatIsDamagedIsNotRead(t *testing.T) {
	all := rows(50)
	m := seal(t, all, dataset.Provenance{})
	part := layout.DatasetFile(m.Digest, m.Content.Parts[0].Name)
	manifest := layout.DatasetFile(m.Digest, dataset.ManifestFile)
	for name, damage := range map[string]func(t *testing.T, b *store.Bucket){
		"a part that was changed": func(t *testing.T, b *store.Bucket) {
			data, err := b.Get(t.Context(), part, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			data[len(data)/2] ^= 1
			if err := b.Put(t.Context(), part, data); err != nil {
				t.Fatal(err)
			}
		},
		"a part that grew": func(t *testing.T, b *store.Bucket) {
			if err := b.Put(t.Context(), part, bytes.Repeat([]byte("x"), 1<<20)); err != nil {
				t.Fatal(err)
			}
		},
		"a manifest that counts otherwise": func(t *testing.T, b *store.Bucket) {
			data, err := b.Get(t.Context(), manifest, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Put(t.Context(), manifest, bytes.Replace(data, []byte(`"rows": 50`), []byte(`"rows": 51`), 1)); err != nil {
				t.Fatal(err)
			}
		},
		"the manifest of another version": func(t *testing.T, b *store.Bucket) {
			other, err := seal(t, rows(10), dataset.Provenance{}).Encode()
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Put(t.Context(), manifest, other); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := store.Wrap(memblob.OpenBucket(nil))
			if _, err := dataset.Store(t.Context(), b, layout, m, all); err != nil {
				t.Fatal(err)
			}
			damage(t, b)
			loaded, err := dataset.Load(t.Context(), b, layout, m.Digest)
			if err == nil {
				err = dataset.EachRow(t.Context(), b, layout, loaded, func(*dataset.Row) error { return nil })
			}
			if !errors.Is(err, dataset.ErrDamaged) {
				t.Errorf("it is read: %v", err)
			}
		})
	}
	b := store.Wrap(memblob.OpenBucket(nil))
	if _, err := dataset.Load(t.Context(), b, layout, "../../x"); err == nil || !strings.Contains(err.Error(), "64 hex digits") {
		t.Errorf("a digest that climbs: %v", err)
	}
}

func TestDiff(t *testing.T) {
	b := store.Wrap(memblob.OpenBucket(nil))
	before, after := rows(100), rows(120, 4, 5)[10:]
	var versions []dataset.Manifest
	for _, all := range [][]dataset.Row{before, after} {
		m := seal(t, all, dataset.Provenance{})
		if _, err := dataset.Store(t.Context(), b, layout, m, all); err != nil {
			t.Fatal(err)
		}
		versions = append(versions, m)
	}
	after[1].Class = "ontime" // r0011 was late
	relabelled := seal(t, after, dataset.Provenance{})
	if _, err := dataset.Store(t.Context(), b, layout, relabelled, after); err != nil {
		t.Fatal(err)
	}
	d, err := dataset.Diff(t.Context(), b, layout, versions[0], relabelled)
	if err != nil {
		t.Fatal(err)
	}
	if d.Added != 20 || d.Removed != 10 || d.Relabelled != 1 || d.Same != 89 || d.RemovedIDs[0] != "r0000" || len(d.AddedIDs) != 20 {
		t.Errorf("difference %+v", d)
	}
	if diff := cmp.Diff([]dataset.Relabelled{{RecordID: "r0011", From: "late", To: "ontime"}}, d.RelabelledIDs); diff != "" {
		t.Errorf("relabelled (-want +got):\n%s", diff)
	}
	if c := d.Classes["late"]; c[0] != 66 || c[1] != versions[1].Content.Classes["late"]-1 {
		t.Errorf("classes %v", d.Classes)
	}
	same, err := dataset.Diff(t.Context(), b, layout, versions[0], versions[0])
	if err != nil || same.Added+same.Removed+same.Relabelled != 0 || same.Same != 100 {
		t.Errorf("a version and itself: %+v, %v", same, err)
	}
}

func FuzzDecode(f *testing.F) {
	m, err := dataset.Seal(dataset.Content{Rows: 1, Classes: map[string]int64{"a": 1}}, dataset.Provenance{Created: day})
	if err != nil {
		f.Fatal(err)
	}
	data, err := m.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"content":{"format":1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := dataset.Decode(data)
		if err != nil {
			return
		}
		if _, err := m.Encode(); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := dataset.Write(&b, features, rows(2)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, err := range dataset.Read(bytes.NewReader(data), int64(len(data)), features) {
			if err != nil {
				return
			}
		}
	})
}
