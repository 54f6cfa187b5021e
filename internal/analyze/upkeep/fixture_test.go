// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob/memblob"
	"golang.org/x/sync/errgroup"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

var now = time.Date(2026, 5, 20, 3, 30, 0, 0, time.UTC)

var layout = store.Layout{Cluster: "eu", Namespace: "payments", Monitor: "fraud"}

var features = []wire.Feature{{Name: "amount", Type: wire.Numeric}, {Name: "country", Type: wire.Categorical}}

// fixture is a store and what a run needs.
type fixture struct {
	t      testing.TB
	bucket *store.Bucket
	now    time.Time
	runs   int
}

func newFixture(t testing.TB) *fixture {
	return &fixture{t: t, bucket: store.Wrap(memblob.OpenBucket(nil)), now: now}
}

func (f *fixture) env() *Env {
	f.runs++
	const d = 86_400
	return &Env{
		Env: &analyze.Env{
			Config: wire.Config{
				Cluster: layout.Cluster, Namespace: layout.Namespace, Monitor: layout.Monitor, Schema: wire.Schema{Features: features},
				Retention: wire.Retention{PredictionsSeconds: 40 * d, FeaturesSeconds: 20 * d, BodiesSeconds: 7 * d, ProfilesSeconds: 50 * d, LabelsSeconds: 40 * d},
			},
			Bucket: f.bucket, Now: f.now, Run: fmt.Sprint("run-", f.runs), Log: slog.New(slog.DiscardHandler),
		},
		Dir: f.t.TempDir(),
		// Time stands still but for waiting, which makes an abandoned lease expire.
		Clock: func() time.Time { return f.now },
		Wait: func(ctx context.Context, d time.Duration) error {
			f.now = f.now.Add(d)
			return ctx.Err()
		},
	}
}

func (f *fixture) put(key string, body []byte) {
	f.t.Helper()
	if err := f.bucket.Put(f.t.Context(), key, body); err != nil {
		f.t.Fatal(err)
	}
}

func ago(days int) time.Time { return now.Truncate(time.Hour).Add(-time.Duration(days) * day) }

// rowsAt are rows of one hour, with bodies. Key k is that of every third.
func rowsAt(at time.Time, name string, n int) []record.Row {
	rows := make([]record.Row, n)
	for i := range rows {
		rows[i] = record.Row{
			RecordID: fmt.Sprintf("%s-%d-0", name, i), RequestID: fmt.Sprintf("q-%s-%d", name, i), LabelKey: fmt.Sprintf("key-%d", i%3),
			Time: at.Add(time.Duration((i*37)%60) * time.Minute).UTC(), Status: 200, Outcome: record.OutcomeOK, Monitor: "fraud", ModelVersion: "v1",
			KeepProbability: 1, KeepReason: record.KeepSampled, Score: float64(i) / 100, Prediction: "ok",
			Features: []record.Value{{Kind: record.Number, Num: float64(i)}, {Kind: record.String, Str: "FR"}},
			Request:  fmt.Appendf(nil, "request of %s-%d", name, i), Response: []byte("answer"), RequestSHA256: "abc",
		}
	}
	return rows
}

func (f *fixture) rows(folder store.Folder, version string, at time.Time, name string, rows ...record.Row) string {
	f.t.Helper()
	var b bytes.Buffer
	w, err := record.NewWriter(&b, record.Tier(folder), features, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for i := range rows {
		if err := w.Write(&rows[i]); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.t.Fatal(err)
	}
	key := layout.Rows(folder, version, at, name)
	f.put(key, b.Bytes())
	return key
}

func (f *fixture) profiles(at time.Time, name string, n int) {
	f.t.Helper()
	set := profile.NewSet(features, 1<<30)
	for _, row := range rowsAt(at, name, n) {
		set.Observe(&row)
	}
	var b bytes.Buffer
	if err := profile.Write(&b, set.Take(at.Add(day))); err != nil {
		f.t.Fatal(err)
	}
	f.put(layout.Rows(store.Profiles, "v1", at, name), b.Bytes())
}

func (f *fixture) labels(at time.Time, name string, rows ...label.Row) {
	f.t.Helper()
	for i := range rows {
		rows[i].Instance, rows[i].Kind, rows[i].Class, rows[i].Received = -1, label.Truth, "fraud", at
		rows[i].Identify(fmt.Sprint(name, i))
	}
	var b bytes.Buffer
	if err := label.Write(&b, rows); err != nil {
		f.t.Fatal(err)
	}
	f.put(layout.Labels(at, name), b.Bytes())
}

// keys are the keys of all objects below a folder of the monitor.
func (f *fixture) keys(folder string) []string {
	f.t.Helper()
	var keys []string
	for item, err := range f.bucket.List(f.t.Context(), layout.Prefix()+folder) {
		if err != nil {
			f.t.Fatal(err)
		}
		keys = append(keys, strings.TrimPrefix(item.Key, layout.Prefix()))
	}
	return keys
}

// contents are the rows below a folder, each once, as text, in order: what a reader sees.
func (f *fixture) contents(folder store.Folder, withBodies bool) []string {
	f.t.Helper()
	seen := map[string]bool{}
	var texts []string
	for _, key := range f.keys(string(folder) + "/") {
		for row := range rowsOf(f.t, f, key) {
			if seen[row.RecordID] {
				continue
			}
			seen[row.RecordID] = true
			copied := *row
			if !withBodies {
				copied.Request, copied.Response = nil, nil
			}
			texts = append(texts, fmt.Sprint(copied))
		}
	}
	slices.Sort(texts)
	return texts
}

func rowsOf(t testing.TB, f *fixture, key string) iter.Seq[*record.Row] {
	t.Helper()
	return func(yield func(*record.Row) bool) {
		body, err := f.bucket.Get(t.Context(), layout.Prefix()+key, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		reader, err := record.NewReader(bytes.NewReader(body), int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		for row, err := range reader.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			if !yield(row) {
				return
			}
		}
	}
}

// counts are all profiles of the monitor, merged: what a reader sees that heeds which files are replaced.
func (f *fixture) counts() string {
	f.t.Helper()
	folders := map[string][]store.Item{}
	for item, err := range f.bucket.List(f.t.Context(), layout.Prefix()+"profiles/") {
		if err != nil {
			f.t.Fatal(err)
		}
		folders[path.Dir(item.Key)] = append(folders[path.Dir(item.Key)], item)
	}
	var all []*profile.Series
	var adding sync.Mutex
	inParallel(f.t, slices.Collect(maps.Values(folders)), func(items []store.Item) {
		live, err := analyze.Live(f.t.Context(), f.bucket, items)
		if err != nil {
			f.t.Fatal(err)
		}
		var readers []*profile.Reader
		for _, item := range live {
			object, err := f.bucket.OpenItem(f.t.Context(), item)
			if err != nil {
				f.t.Fatal(err)
			}
			reader, err := profile.NewReader(object, object.Size())
			if err != nil {
				f.t.Fatal(err)
			}
			readers = append(readers, reader)
		}
		var merged []*profile.Series
		for s, err := range profile.Merged(readers...) { // All series of one key are in one folder.
			if err != nil {
				f.t.Fatal(err)
			}
			merged = append(merged, s)
		}
		adding.Lock()
		defer adding.Unlock()
		all = append(all, merged...)
	})
	var b bytes.Buffer
	if err := profile.Write(&b, all); err != nil {
		f.t.Fatal(err)
	}
	return digestOf(b.Bytes())
}

// inParallel does something with each element, with some at a time.
func inParallel[T any](t testing.TB, all []T, do func(T)) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(2 * atOnce)
	for _, one := range all {
		group.Go(func() error {
			do(one)
			return nil
		})
	}
	_ = group.Wait() // Failures are the test's.
	if t.Failed() {
		t.FailNow()
	}
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// snapshot is everything but leases, reports of upkeep, and the documents of erasures.
func (f *fixture) snapshot() map[string]string {
	f.t.Helper()
	all := map[string]string{}
	for _, key := range f.keys("") {
		if strings.HasPrefix(key, "upkeep/") || strings.HasPrefix(key, "erasures/") ||
			strings.HasPrefix(key, "reports/") && !strings.HasPrefix(key, "reports/outliers/") {
			continue
		}
		body, err := f.bucket.Get(f.t.Context(), layout.Prefix()+key, 1<<30)
		if err != nil {
			f.t.Fatal(err)
		}
		if all[key] = digestOf(body); strings.HasSuffix(key, "/manifest.json") {
			all[key] = "" // It says when it was written; its folder's name is the digest of its content.
		}
	}
	return all
}

func (f *fixture) must(report *Report, v wire.Verdict, err error) *Report {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
	if v.Outcome != wire.OutcomeSucceeded {
		f.t.Fatalf("verdict %+v", v)
	}
	return report
}

var errKilled = errors.New("killed")

// cutShort runs something again and again, each time killed at a later operation of the store, until it is not. After each
// kill, look may look at the store.
func cutShort(t *testing.T, prepare func() *fixture, run func(f *fixture) error, look func(f *fixture)) *fixture {
	t.Helper()
	undisturbed := prepare()
	if err := run(undisturbed); err != nil {
		t.Fatal(err)
	}
	want := undisturbed.snapshot()
	for n := 0; ; n++ {
		f := prepare()
		whole, count, killed := f.bucket, 0, false
		f.bucket = store.Intercept(whole, func(string, string) error {
			if count++; count > n {
				killed = true
				return errKilled // What is dead does nothing more: neither later operations nor clearing up.
			}
			return nil
		})
		err := run(f)
		f.bucket = whole
		if !killed {
			if err != nil {
				t.Fatal(err)
			}
			if n < 20 {
				t.Errorf("only %d operations: the scene is too small", n)
			}
			return f
		}
		if err == nil {
			// Only giving the lease back may fail silently.
			continue
		}
		if !errors.Is(err, errKilled) {
			t.Fatalf("killed at operation %d: %v", n, err)
		}
		if look != nil {
			look(f)
		}
		if err := run(f); err != nil {
			t.Fatalf("the run after one that was killed at operation %d: %v", n, err)
		}
		if diff := cmp.Diff(want, f.snapshot()); diff != "" {
			t.Fatalf("killed at operation %d and run again, the store is another than after one run (-want +got):\n%s", n, diff)
		}
	}
}
