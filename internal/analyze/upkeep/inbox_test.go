// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// inboxScene is a store on a real S3 server where there is one, and its folder.
func inboxScene(t *testing.T) (f *fixture, folder string) {
	dir := t.TempDir()
	folder = filepath.Join(dir, "vedette")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	url, credentials := "file://"+folder, ""
	if program := os.Getenv("VEDETTE_VERSITYGW"); program != "" {
		url, credentials = serveS3(t, program, dir)
	}
	bucket, err := store.Open(t.Context(), url, credentials)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bucket.Close() })
	return &fixture{t: t, bucket: bucket, now: now}, folder
}

// take leaves files in the inbox, and lets a run take them as far as it can.
func (f *fixture) take(e *Env, files map[string]string) {
	f.t.Helper()
	for name, body := range files {
		f.put(layout.Inbox("labels")+name, []byte(body))
	}
	if _, _, err := analyze.Labels(f.t.Context(), e.Env); err != nil {
		f.t.Fatal(err)
	}
}

// rejectedFiles are what is left of rejected files by the names under which they were left.
func (f *fixture) rejectedFiles() map[string]string {
	f.t.Helper()
	files := map[string]string{}
	for _, key := range f.keys("inbox/rejected/") {
		body, err := f.bucket.Get(f.t.Context(), layout.Prefix()+key, 1<<20)
		if err != nil {
			f.t.Fatal(err)
		}
		parts := strings.Split(key, "-")
		if name := parts[len(parts)-1]; !strings.HasSuffix(name, problems) {
			files[name] = string(body)
		}
	}
	return files
}

// table is a file of Parquet with a column of label keys and one that makes every row be refused.
func table(t *testing.T, keys ...string) string {
	type row struct {
		LabelKey string `parquet:"label_key"`
		Kind     string `parquet:"kind"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[row](&b)
	for _, key := range keys {
		if _, err := w.Write([]row{{key, "event"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestErasureReachesFilesThatCouldNotBeTaken(t *testing.T) {
	t.Parallel()
	for name, labelKey := range map[string]wire.LabelKey{"plain keys": {Path: "id", Store: wire.LabelKeyPlain}, "hashed keys": {Path: "id"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := inboxScene(t)
			env := func() *Env {
				e := f.env()
				e.Config.Schema.LabelKey, e.HashKey, e.Plain = labelKey, []byte("secret"), "key-1"
				return e
			}
			stored, _ := label.Key(labelKey, []byte("secret"), "key-1")
			rows := rowsAt(ago(3), "d3", 3)
			rows[1].LabelKey = stored
			f.rows(store.Predictions, "v1", ago(3), "d3", rows...)
			files := map[string]string{
				"a.jsonl": `{"label_key":"key-1","label":"fraud"}
{"label_key":"key-1","kind":"event"}
{"label_key":"key-2","kind":"event"}
{"label_key":"key-1", broken
{"label_key":"key-2", broken
{"record_id":"d3-1-0","kind":"event"}
`,
				"b.csv":          "label_key,label\nkey-1,fraud\nkey-1,fraud,more\nkey-2,fraud,more\n",
				"c.parquet":      table(t, "key-1", "key-2"),
				"d.parquet":      table(t, "key-2", "key-3"),
				"headless.csv":   "customer,what\nkey-1,fraud\n",
				"headless-2.csv": "customer,what\nkey-2,fraud\n",
			}
			f.take(env(), files)
			if got := f.rejectedFiles(); len(got) != 6 {
				t.Fatalf("rejected: %v", got)
			}
			report := f.must(Erase(t.Context(), env(), erasure.LabelKey, stored))
			if got := report.Folders[inbox]; got == nil || got.RowsErased != 4+2+1+1 || got.FilesDeleted != 4 {
				t.Errorf("the inbox: %+v", got)
			}
			want := map[string]string{
				"a.jsonl": "\n\n{\"label_key\":\"key-2\",\"kind\":\"event\"}\n\n{\"label_key\":\"key-2\", broken\n\n",
				"b.csv":   "label_key,label\n\n\nkey-2,fraud,more\n", "d.parquet": files["d.parquet"], "2.csv": files["headless-2.csv"],
			}
			if diff := cmp.Diff(want, f.rejectedFiles()); diff != "" {
				t.Errorf("what is left (-want +got):\n%s", diff)
			}
			noTrace(t, f, "key-1")
			// A file that comes later is rejected again, and the next compaction erases from it what can be read.
			f.take(env(), map[string]string{"late.jsonl": files["a.jsonl"]})
			compaction := env()
			compaction.Plain = ""
			f.must(Compact(t.Context(), compaction))
			if got := f.rejectedFiles()["late.jsonl"]; strings.Count(got, "key-1") != 1 || !strings.Contains(got, "key-1\", broken") {
				t.Errorf("a late file is %q, want only what cannot be read", got)
			}
			f.must(Erase(t.Context(), env(), erasure.LabelKey, stored))
			noTrace(t, f, "key-1")
		})
	}
}

func TestErasureOfRejectedFilesIsContinuedWhereverItIsKilled(t *testing.T) {
	t.Parallel()
	f := cutShort(t, func() *fixture {
		f := newFixture(t)
		f.put(layout.InboxResult(rejected, "t1", "a.jsonl"), []byte(`{"label_key":"key-1"}`+"\n"+`{"label_key":"key-2"}`))
		f.put(layout.InboxResult(rejected, "t2", "b.csv"), []byte("customer\nkey-1"))
		f.put(layout.InboxResult(rejected, "t2", "b.csv"+problems), []byte("{}"))
		return f
	}, func(f *fixture) error {
		e := f.env()
		e.Config.Schema.LabelKey = wire.LabelKey{Path: "id", Store: wire.LabelKeyPlain}
		_, _, err := Erase(t.Context(), e, erasure.LabelKey, "key-1")
		return err
	}, nil)
	noTrace(t, f, "key-1")
	if got := f.rejectedFiles(); len(got) != 1 {
		t.Errorf("left: %v", got)
	}
}

func TestTheInboxIsKeptAsLongAsLabels(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		hold string
		want int
	}{"no hold": {"", 3}, "a hold that names somebody": {`{"labelKeys":["key-1"]}`, 6}, "a hold of a time": {`{"from":"2026-01-01T00:00:00Z"}`, 6}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, folder := inboxScene(t)
			for _, key := range []string{layout.InboxResult("done", "t", "a.jsonl.receipt"), layout.InboxResult(rejected, "t", "a.jsonl"), layout.Inbox("labels") + "never taken.txt"} {
				for _, age := range []time.Duration{39 * day, 41 * day} {
					key := key + "." + age.String()
					f.put(key, []byte("{}"))
					if err := os.Chtimes(filepath.Join(folder, key), now, now.Add(-age)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if tc.hold != "" {
				f.put(layout.Prefix()+"holds/h.json", []byte(tc.hold))
			}
			f.must(Retention(t.Context(), f.env()))
			if keys := f.keys("inbox/"); len(keys) != tc.want {
				t.Errorf("left: %v, want %d", keys, tc.want)
			}
		})
	}
}
