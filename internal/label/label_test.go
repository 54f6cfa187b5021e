// SPDX-License-Identifier: Apache-2.0

package label_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vedette-dev/vedette/internal/label"
)

var (
	nan = math.NaN()
	day = time.Date(2001, 6, 1, 0, 0, 0, 0, time.UTC)
)

func truth(record, class string, received time.Time) label.Row {
	r := label.Row{
		RecordID: record, Instance: -1, Kind: label.Truth, Class: class, Value: nan, Amount: nan, Agreement: nan, Selection: nan,
		Received: received, Source: label.SourceFile,
	}
	r.Identify(record + class + received.String())
	return r
}

func TestValidate(t *testing.T) {
	change := func(f func(*label.Row)) label.Row {
		r := truth("a", "late", day)
		f(&r)
		return r
	}
	event := func(r *label.Row) { r.Kind, r.Class, r.Event = label.Event, "", label.EventEscalation }
	for name, c := range map[string]struct {
		row  label.Row
		want string
	}{
		"a class":                      {truth("a", "late", day), ""},
		"a number":                     {change(func(r *label.Row) { r.Class, r.Value = "", 3 }), ""},
		"an event":                     {change(event), ""},
		"a retraction needs no class":  {change(func(r *label.Row) { r.Class, r.Retracted = "", true }), ""},
		"no key":                       {change(func(r *label.Row) { r.RecordID = "" }), "exactly one of record_id"},
		"two keys":                     {change(func(r *label.Row) { r.LabelKey = "k" }), "exactly one of record_id"},
		"a key that is too long":       {change(func(r *label.Row) { r.RecordID = strings.Repeat("x", 513) }), "at most 512"},
		"an instance without request":  {change(func(r *label.Row) { r.Instance = 0 }), "beside request_id only"},
		"neither class nor value":      {change(func(r *label.Row) { r.Class = "" }), "exactly one of class and value"},
		"class and value":              {change(func(r *label.Row) { r.Value = 1 }), "exactly one of class and value"},
		"an infinite value":            {change(func(r *label.Row) { r.Class, r.Value = "", math.Inf(1) }), "finite"},
		"a choice by chance":           {change(func(r *label.Row) { r.Selection = 0.01 }), ""},
		"a choice that cannot be":      {change(func(r *label.Row) { r.Selection = 1.5 }), "from 0 to 1"},
		"an event without a name":      {change(func(r *label.Row) { event(r); r.Event = "" }), "event must be a name"},
		"an event with a class":        {change(func(r *label.Row) { event(r); r.Class = "late" }), "neither class nor value"},
		"a truth with an amount":       {change(func(r *label.Row) { r.Amount = 1 }), "rows of kind event"},
		"an unknown kind":              {change(func(r *label.Row) { r.Kind = "guess" }), `want "truth" or "event"`},
		"a comment that is a novel":    {change(func(r *label.Row) { r.Comment = strings.Repeat("x", 5000) }), "at most 4096"},
		"nobody knows when it arrived": {change(func(r *label.Row) { r.Received = time.Time{} }), "received must be set"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.row.Validate()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Validate() = %v, want %q", err, c.want)
			}
		})
	}
}

func TestFilesReadBackAsWrittenAndEqualRowsGiveEqualBytes(t *testing.T) {
	rows := []label.Row{truth("a", "late", day), truth("b", "ontime", day.Add(time.Hour))}
	rows[1].Annotators, rows[1].Agreement, rows[1].Queue, rows[1].Comment = []string{"ada", "bo"}, 0.5, "desk", "fog"
	rows[1].PredictionTime, rows[1].Observed = day.Add(-time.Hour), day.Add(time.Minute)
	var first, second bytes.Buffer
	for _, b := range []*bytes.Buffer{&first, &second} {
		if err := label.Write(b, rows); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("equal rows gave different bytes")
	}
	var got []label.Row
	for r, err := range label.Read(bytes.NewReader(first.Bytes()), int64(first.Len())) {
		if err != nil {
			t.Fatal(err)
		}
		row := *r
		row.Annotators = slices.Clone(r.Annotators)
		got = append(got, row)
	}
	if d := cmp.Diff(rows, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("read back (-want +got):\n%s", d)
	}
}

func TestTheLabelReceivedLastHoldsWhateverTheOrderOfFiles(t *testing.T) {
	retraction := truth("c", "late", day.Add(2*time.Hour))
	retraction.Class, retraction.Retracted = "", true
	retraction.Identify("retraction of c")
	rows := []label.Row{
		truth("a", "late", day), truth("a", "ontime", day.Add(time.Hour)), truth("a", "late", day), // corrected, and one file twice
		truth("b", "late", day),
		truth("c", "late", day), retraction,
	}
	for range 50 {
		rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		c := label.NewCurrent()
		for _, r := range rows {
			c.Add(r)
		}
		got := map[string]string{}
		for _, r := range c.Rows() {
			got[r.RecordID] = r.Class
		}
		if d := cmp.Diff(map[string]string{"a": "ontime", "b": "late"}, got); d != "" {
			t.Fatalf("current labels (-want +got):\n%s", d)
		}
		if c.Repeated != 1 || c.Superseded != 2 {
			t.Fatalf("repeated %d, superseded %d, want 1 and 2", c.Repeated, c.Superseded)
		}
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := label.Write(&b, []label.Row{truth("a", "late", day)}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, err := range label.Read(bytes.NewReader(data), int64(len(data))) {
			if err != nil {
				return
			}
		}
	})
}
