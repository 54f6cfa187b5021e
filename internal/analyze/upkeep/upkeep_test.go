// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/store"
)

func TestLegalHolds(t *testing.T) {
	t.Parallel()
	hold := func(h Hold) []byte {
		b, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, tc := range map[string]struct {
		hold []byte
		// old are the predictions of 41 days ago that stay, records those of 21 days ago, bodies those of 8 days ago.
		old, records, bodies int
		err                  string
	}{
		"none":             {nil, 0, 0, 0, ""},
		"everything":       {hold(Hold{All: true}), 6, 6, 6, ""},
		"a time":           {hold(Hold{From: ago(22), To: ago(20)}), 0, 6, 0, ""},
		"a time on":        {hold(Hold{From: ago(22)}), 0, 6, 6, ""},
		"a label key":      {hold(Hold{LabelKeys: []string{"key-1"}}), 2, 2, 2, ""},
		"a record":         {hold(Hold{RecordIDs: []string{"d41-4-0", "d8-1-0"}}), 1, 0, 1, ""},
		"one that is over": {hold(Hold{All: true, Until: now.Add(-time.Hour)}), 0, 0, 0, ""},
		"a mistyped one":   {[]byte(`{"labelKey":["key-1"]}`), 6, 6, 6, "correct or remove it"},
		"an empty one":     {[]byte(`{"reason":"case 7"}`), 6, 6, 6, "covers nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := aged(t)
			if tc.hold != nil {
				f.put(layout.Prefix()+"holds/case-7.json", tc.hold)
			}
			for range 2 { // The second run must find the same.
				_, _, err := Retention(t.Context(), f.env())
				if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
					t.Fatalf("error %v, want %q", err, tc.err)
				}
			}
			count := func(folder store.Folder, days int, which func(body bool) bool) (n int) {
				for _, key := range f.keys(string(folder) + "/version=v1/dt=" + ago(days).Format("2006-01-02")) {
					for row := range rowsOf(t, f, key) {
						if which(row.Request != nil) {
							n++
						}
					}
				}
				return n
			}
			any, with := func(bool) bool { return true }, func(body bool) bool { return body }
			if got := [3]int{count(store.Predictions, 41, any), count(store.Records, 21, any), count(store.Records, 8, with)}; got != [3]int{tc.old, tc.records, tc.bodies} {
				t.Errorf("%v rows stay, want %v", got, [3]int{tc.old, tc.records, tc.bodies})
			}
		})
	}
}

func TestALegalHoldRefusesAnErasure(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]Hold{"of everything": {All: true}, "of the subject": {LabelKeys: []string{"key-1"}}} {
		f := subject(t)
		document, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		f.put(layout.Prefix()+"holds/case-7.json", document)
		before := f.snapshot()
		_, _, err = Erase(t.Context(), f.env(), erasure.LabelKey, "key-1")
		if err == nil || !strings.Contains(err.Error(), "case-7") || strings.Contains(err.Error(), "key-1") {
			t.Errorf("a hold %s: %v, want a refusal that names the hold and not the subject", name, err)
		}
		if v := f.env().Failed(KindErase, err); v.Reason != ReasonHeld {
			t.Errorf("reason %s", v.Reason)
		}
		if diff := cmp.Diff(before, f.snapshot()); diff != "" || len(f.keys("erasures/")) != 0 {
			t.Errorf("a hold %s (-was +is):\n%s", name, diff)
		}
	}
	f := subject(t)
	f.put(layout.Prefix()+"holds/case-8.json", []byte(`{"from":"`+ago(9).Format(time.RFC3339)+`","to":"`+ago(7).Format(time.RFC3339)+`"}`))
	report := f.must(Erase(t.Context(), f.env(), erasure.LabelKey, "key-1"))
	if got := report.Folders[store.Predictions]; got.RowsErased != 8 || got.RowsHeld != 2 {
		t.Errorf("with a hold of a time: %+v, want 8 rows erased and 2 kept", got)
	}
	// Once the hold is lifted, asking again erases the rest.
	if err := f.bucket.Delete(t.Context(), layout.Prefix()+"holds/case-8.json"); err != nil {
		t.Fatal(err)
	}
	f.must(Erase(t.Context(), f.env(), erasure.LabelKey, "key-1"))
	noTrace(t, f, "key-1")
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	f := settled(t)
	e := f.env()
	other, err := takeLease(t.Context(), e, layout, KindRetention)
	if err != nil {
		t.Fatal(err)
	}
	began := f.now
	f.must(Compact(t.Context(), f.env())) // It waits until the other's lease has expired.
	if waited := f.now.Sub(began); waited < leaseLength || waited > leaseLength+time.Minute {
		t.Errorf("it waited %s", waited)
	}
	if other, err = takeLease(t.Context(), e, layout, KindRetention); err != nil {
		t.Fatal(err)
	}
	stuck := f.env()
	stuck.Wait = func(ctx context.Context, d time.Duration) error {
		f.now = f.now.Add(d)
		return other.keep(ctx)
	}
	if _, _, err := Compact(t.Context(), stuck); f.env().Failed(KindCompact, err).Reason != ReasonBusy {
		t.Errorf("while the other goes on: %v, want Busy", err)
	}
	if err := other.release(t.Context()); err != nil {
		t.Fatal(err)
	}
	mine, err := takeLease(t.Context(), f.env(), layout, KindCompact)
	if err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(leaseLength) // It did not get on, and another took over.
	if _, err := takeLease(t.Context(), f.env(), layout, KindErase); err != nil {
		t.Fatal(err)
	}
	if err := mine.keep(t.Context()); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("keeping a lease that is another's: %v", err)
	}
}
