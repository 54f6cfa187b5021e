// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob/memblob"

	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/store"
)

const cluster = "eu"

var at = time.Date(2026, 11, 26, 12, 0, 0, 123456789, time.UTC)

func draft(n int) audit.Draft {
	return audit.Draft{
		ID: fmt.Sprintf("uid/%d", n), Time: at.Add(time.Duration(n) * time.Minute), Actor: "vedette", Kind: audit.KindDriftFound,
		Subject: "ModelMonitor/payments/fraud", Grounds: json.RawMessage(fmt.Sprintf(`{"report": "r%d", "segments": ["atl"]}`, n)),
	}
}

func memory() *store.Bucket { return store.Wrap(memblob.OpenBucket(nil)) }

// written makes a log of n entries.
func written(t *testing.T, n int) *store.Bucket {
	t.Helper()
	b := memory()
	l := audit.NewLog(b, cluster, store.Lock{})
	for i := 1; i <= n; i++ {
		if got, err := l.Append(t.Context(), draft(i)); err != nil || got != uint64(i) {
			t.Fatalf("entry %d became %d: %v", i, got, err)
		}
	}
	return b
}

func verify(t *testing.T, b *store.Bucket, e audit.Expect) audit.Report {
	t.Helper()
	r, err := audit.Verify(t.Context(), b, cluster, e)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func get(t *testing.T, b *store.Bucket, n uint64) []byte {
	t.Helper()
	data, err := b.Get(t.Context(), store.AuditEntry(cluster, n), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(t *testing.T, b *store.Bucket, n uint64, data []byte) {
	t.Helper()
	if err := b.Put(t.Context(), store.AuditEntry(cluster, n), data); err != nil {
		t.Fatal(err)
	}
}

func TestEntriesComeBackAsTheyWereWritten(t *testing.T) {
	b := written(t, 3)
	e, err := audit.Decode(get(t, b, 2))
	if err != nil {
		t.Fatal(err)
	}
	first, err := audit.Decode(get(t, b, 1))
	if err != nil {
		t.Fatal(err)
	}
	want := audit.Entry{
		Sequence: 2, ID: "uid/2", Time: at.Add(2 * time.Minute).Truncate(time.Microsecond), Actor: "vedette", Kind: audit.KindDriftFound,
		Subject: "ModelMonitor/payments/fraud", Grounds: json.RawMessage(`{"report":"r2","segments":["atl"]}`), Previous: first.Hash, Hash: e.Hash,
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("the entry (-want +got):\n%s", diff)
	}
	r := verify(t, b, audit.Expect{})
	if !r.Intact() || r.Entries != 3 || r.Head.Sequence != 3 {
		t.Errorf("report %+v", r)
	}
	head, err := audit.ParseHead(r.Head.String())
	if err != nil || !strings.HasPrefix(r.Head.Hash, head.Hash) || head.Sequence != 3 {
		t.Errorf("the head %s is read as %+v, %v", r.Head, head, err)
	}
}

// TestEveryChangeOfAByteIsFound goes through every byte of an entry in the middle.
func TestEveryChangeOfAByteIsFound(t *testing.T) {
	b := written(t, 5)
	whole := get(t, b, 3)
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 1
		put(t, b, 3, changed)
		r := verify(t, b, audit.Expect{})
		if r.Intact() || r.Findings[0].Sequence != 3 && r.Findings[0].Sequence != 4 {
			t.Fatalf("byte %d (%q) of %d was changed unnoticed: %+v", i, whole[i], len(whole), r)
		}
	}
	put(t, b, 3, whole)
	if r := verify(t, b, audit.Expect{}); !r.Intact() {
		t.Errorf("after it was put back: %+v", r)
	}
}

func TestWhatIsDoneToTheMiddleIsFound(t *testing.T) {
	rewrite := func(t *testing.T, b *store.Bucket, n uint64, with func(*audit.Entry)) {
		t.Helper()
		e, err := audit.Decode(get(t, b, n))
		if err != nil {
			t.Fatal(err)
		}
		with(&e)
		data, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		put(t, b, n, data)
	}
	for name, tc := range map[string]struct {
		tamper func(t *testing.T, b *store.Bucket)
		want   []audit.Finding
	}{
		"an entry is removed": {
			func(t *testing.T, b *store.Bucket) {
				if err := b.Delete(t.Context(), store.AuditEntry(cluster, 3)); err != nil {
					t.Fatal(err)
				}
			},
			[]audit.Finding{{Sequence: 3, Fault: audit.FaultMissing}},
		},
		"two entries change places": {
			func(t *testing.T, b *store.Bucket) {
				three, four := get(t, b, 3), get(t, b, 4)
				put(t, b, 3, four)
				put(t, b, 4, three)
			},
			[]audit.Finding{{Sequence: 3, Fault: audit.FaultMoved}, {Sequence: 4, Fault: audit.FaultMoved}},
		},
		"a field is changed and the hash is not": {
			func(t *testing.T, b *store.Bucket) {
				rewrite(t, b, 3, func(e *audit.Entry) { e.Actor = "nobody" })
			},
			[]audit.Finding{{Sequence: 3, Fault: audit.FaultChanged}},
		},
		"an entry is forged whole, with a hash that fits it": {
			func(t *testing.T, b *store.Bucket) {
				forged := memory()
				l := audit.NewLog(forged, cluster, store.Lock{})
				for i := range 3 {
					if _, err := l.Append(t.Context(), draft(100+i)); err != nil {
						t.Fatal(err)
					}
				}
				put(t, b, 3, get(t, forged, 3))
			},
			[]audit.Finding{{Sequence: 3, Fault: audit.FaultUnchained}, {Sequence: 4, Fault: audit.FaultUnchained}},
		},
		"an entry is inserted, and the later ones are moved": {
			func(t *testing.T, b *store.Bucket) {
				later := [][]byte{get(t, b, 3), get(t, b, 4), get(t, b, 5)}
				for i, data := range later {
					put(t, b, uint64(4+i), data)
				}
				put(t, b, 3, get(t, b, 2))
			},
			[]audit.Finding{
				{Sequence: 3, Fault: audit.FaultMoved}, {Sequence: 4, Fault: audit.FaultMoved},
				{Sequence: 5, Fault: audit.FaultMoved}, {Sequence: 6, Fault: audit.FaultMoved},
			},
		},
		"something else is put beside the entries": {
			func(t *testing.T, b *store.Bucket) {
				if err := b.Put(t.Context(), store.AuditPrefix(cluster)+"3.json", get(t, b, 3)); err != nil {
					t.Fatal(err)
				}
			},
			[]audit.Finding{{Fault: audit.FaultForeign}},
		},
		"an entry is blown up": {
			func(t *testing.T, b *store.Bucket) { put(t, b, 3, bytes.Repeat([]byte("x"), 1<<20)) },
			[]audit.Finding{{Sequence: 3, Fault: audit.FaultChanged}},
		},
		"the first entry is removed": {
			func(t *testing.T, b *store.Bucket) {
				if err := b.Delete(t.Context(), store.AuditEntry(cluster, 1)); err != nil {
					t.Fatal(err)
				}
			},
			[]audit.Finding{{Sequence: 1, Fault: audit.FaultMissing}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := written(t, 5)
			tc.tamper(t, b)
			got := verify(t, b, audit.Expect{}).Findings
			for i := range got {
				if got[i].Detail == "" {
					t.Errorf("%+v says nothing", got[i])
				}
				got[i].Detail = ""
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAKnownHeadShowsWhatTheChainCannot(t *testing.T) {
	b := written(t, 5)
	head := verify(t, b, audit.Expect{}).Head
	known := audit.Expect{Heads: []audit.Head{{Sequence: 5, Hash: head.Hash[:16]}}}
	if r := verify(t, b, known); !r.Intact() {
		t.Fatalf("the untouched log: %+v", r)
	}
	longer := audit.NewLog(b, cluster, store.Lock{})
	if _, err := longer.Append(t.Context(), draft(6)); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, b, known); !r.Intact() || r.Head.Sequence != 6 {
		t.Errorf("a log that went on: %+v", r)
	}
	for _, n := range []uint64{6, 5} {
		if err := b.Delete(t.Context(), store.AuditEntry(cluster, n)); err != nil {
			t.Fatal(err)
		}
	}
	if r := verify(t, b, audit.Expect{}); !r.Intact() {
		t.Errorf("without a head, a log that was cut at its end looks whole: %+v", r)
	}
	if r := verify(t, b, known); len(r.Findings) != 1 || r.Findings[0].Fault != audit.FaultTruncated {
		t.Errorf("a log that was cut at its end: %+v", r)
	}
	anew := memory()
	l := audit.NewLog(anew, cluster, store.Lock{})
	for i := range 5 {
		if _, err := l.Append(t.Context(), draft(50+i)); err != nil {
			t.Fatal(err)
		}
	}
	if r := verify(t, anew, known); len(r.Findings) != 1 || r.Findings[0].Fault != audit.FaultRewritten {
		t.Errorf("a log that was written anew: %+v", r)
	}
}

func TestALogWhoseBeginningWasLetGo(t *testing.T) {
	b := written(t, 5)
	for n := range uint64(2) {
		if err := b.Delete(t.Context(), store.AuditEntry(cluster, n+1)); err != nil {
			t.Fatal(err)
		}
	}
	if r := verify(t, b, audit.Expect{First: 3}); !r.Intact() || r.Entries != 3 {
		t.Errorf("report %+v", r)
	}
}

func TestARestartGoesOnAndEntersNothingTwice(t *testing.T) {
	b := written(t, 3)
	again := audit.NewLog(b, cluster, store.Lock{})
	if n, err := again.Append(t.Context(), draft(2)); err != nil || n != 2 {
		t.Errorf("what was entered before the restart is entry %d, %v; want 2", n, err)
	}
	if n, err := again.Append(t.Context(), draft(4)); err != nil || n != 4 {
		t.Errorf("the next entry is %d, %v; want 4", n, err)
	}
	if r := verify(t, b, audit.Expect{}); !r.Intact() || r.Entries != 4 || r.Repeated != 0 {
		t.Errorf("report %+v", r)
	}
}

func TestALongLogIsContinued(t *testing.T) {
	b := written(t, 1500)
	l := audit.NewLog(b, cluster, store.Lock{})
	if n, err := l.Append(t.Context(), draft(1499)); err != nil || n != 1499 {
		t.Errorf("a late entry is %d, %v", n, err)
	}
	if n, err := l.Append(t.Context(), draft(1501)); err != nil || n != 1501 {
		t.Errorf("the next entry is %d, %v", n, err)
	}
}

func TestWritersAtTheSameTimeNeverFork(t *testing.T) {
	for name, bucket := range map[string]*store.Bucket{"in memory": memory(), "in a folder": folder(t)} {
		t.Run(name, func(t *testing.T) {
			const writers, each = 4, 25
			var wg sync.WaitGroup
			for w := range writers {
				l := audit.NewLog(bucket, cluster, store.Lock{}) // each as another manager would
				wg.Go(func() {
					for i := range each {
						for {
							_, err := l.Append(t.Context(), draft(w*each+i))
							if err == nil {
								break
							}
							if !errors.Is(err, audit.ErrContended) {
								t.Error(err)
								return
							}
						}
					}
				})
			}
			wg.Wait()
			if r := verify(t, bucket, audit.Expect{}); !r.Intact() || r.Entries != writers*each || r.Repeated != 0 {
				t.Errorf("report %+v", r)
			}
		})
	}
}

func folder(t *testing.T) *store.Bucket {
	t.Helper()
	b, err := store.Open(t.Context(), "file://"+t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestAnEndThatIsDamagedIsNotContinued(t *testing.T) {
	b := written(t, 3)
	put(t, b, 3, []byte("{}"))
	l := audit.NewLog(b, cluster, store.Lock{})
	if _, err := l.Append(t.Context(), draft(4)); !errors.Is(err, audit.ErrDamaged) {
		t.Errorf("Append = %v, want ErrDamaged", err)
	}
	if err := b.Delete(t.Context(), store.AuditEntry(cluster, 3)); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Append(t.Context(), draft(4)); err != nil || n != 3 {
		t.Errorf("after a person removed it: %d, %v", n, err)
	}
}

// TestAnEntryWhoseAnswerWasLostIsFoundAgain: the store takes the entry, and the writer hears of an error.
func TestAnEntryWhoseAnswerWasLostIsFoundAgain(t *testing.T) {
	b := written(t, 1)
	stale := audit.NewLog(b, cluster, store.Lock{})
	if _, err := stale.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := audit.NewLog(b, cluster, store.Lock{})
	if _, err := other.Append(t.Context(), draft(2)); err != nil {
		t.Fatal(err)
	}
	if n, err := stale.Append(t.Context(), draft(2)); err != nil || n != 2 {
		t.Errorf("the entry is %d, %v; want the 2 that it was", n, err)
	}
	if r := verify(t, b, audit.Expect{}); r.Entries != 2 || !r.Intact() {
		t.Errorf("report %+v", r)
	}
}

func TestSinks(t *testing.T) {
	sinks := &audit.Sinks{}
	good := audit.Sink{URL: "file://" + t.TempDir(), Cluster: cluster}
	bad := audit.Sink{URL: "file:///nonexistent/folder", Cluster: cluster}
	if n, err := sinks.Record(t.Context(), bad, []audit.Draft{draft(1)}); err == nil || n != 0 {
		t.Errorf("a sink that is not there takes %d, %v", n, err)
	}
	if n, err := sinks.Record(t.Context(), good, []audit.Draft{draft(1), draft(2)}); err != nil || n != 2 {
		t.Errorf("Record = %d, %v", n, err)
	}
	if err := sinks.Check(t.Context(), good); err != nil {
		t.Errorf("Check: %v", err)
	}
	// What cannot be an entry keeps out itself and what comes after it, and takes nothing along.
	wrong := draft(4)
	wrong.Grounds = json.RawMessage("{")
	if n, err := sinks.Record(t.Context(), good, []audit.Draft{draft(3), wrong, draft(5)}); err == nil || n != 1 {
		t.Errorf("Record = %d, %v; want 1 and an error", n, err)
	}
	states := sinks.States()
	at := slices.IndexFunc(states, func(s audit.State) bool { return s.Sink == good })
	if len(states) != 2 || at < 0 || states[at].Head.Sequence != 3 || states[at].Err == nil || states[1-at].Err == nil {
		t.Errorf("states %+v", states)
	}
}

func TestAStoreThatDoesNotAnswerIsSaid(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := audit.NewLog(memory(), cluster, store.Lock{})
	if _, err := l.Append(ctx, draft(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Append = %v", err)
	}
	b, err := store.Open(t.Context(), "s3://bucket?endpoint=http://127.0.0.1:1", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := audit.Verify(ctx, b, cluster, audit.Expect{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a log that cannot be read verifies: %+v, %v", r, err)
	}
}

func TestParseHeadRefuses(t *testing.T) {
	for _, s := range []string{"", "5", "5:", "5:abc", "x:0123456789abcdef", "5:0123456789abcdeg", "-1:0123456789abcdef", "5:" + strings.Repeat("a", 66)} {
		if h, err := audit.ParseHead(s); err == nil {
			t.Errorf("ParseHead(%q) = %+v", s, h)
		}
	}
}

func FuzzDecode(f *testing.F) {
	b := store.Wrap(memblob.OpenBucket(&memblob.Options{}))
	l := audit.NewLog(b, cluster, store.Lock{})
	for i := range 2 {
		if _, err := l.Append(context.Background(), draft(i)); err != nil {
			f.Fatal(err)
		}
		data, err := b.Get(context.Background(), store.AuditEntry(cluster, uint64(i+1)), 1<<20)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"seq":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := audit.Decode(data)
		if err != nil {
			return
		}
		again, err := e.Encode()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("%q was taken for an entry, which is written as %q (%v)", data, again, err)
		}
	})
}

// FuzzAppend: whatever a draft holds, what is written can be read and verified.
func FuzzAppend(f *testing.F) {
	f.Add("id", "actor", `{"a": 1.50, "b": "\u2028<>"}`)
	f.Add("\xff", strings.Repeat("ä", 2000), "null")
	f.Fuzz(func(t *testing.T, id, actor, grounds string) {
		b := memory()
		l := audit.NewLog(b, cluster, store.Lock{})
		d := audit.Draft{ID: id, Actor: actor, Time: at, Kind: "K", Subject: actor, Grounds: json.RawMessage(grounds)}
		if _, err := l.Append(t.Context(), d); err != nil {
			return
		}
		if r, err := audit.Verify(t.Context(), b, cluster, audit.Expect{}); err != nil || !r.Intact() {
			t.Fatalf("what was written does not verify: %+v, %v", r, err)
		}
	})
}
