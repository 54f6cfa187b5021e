// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// box is a store in a folder, whose files can be given times.
type box struct {
	*Env
	root string
}

func newBox(t testing.TB) *box {
	t.Helper()
	b := &box{Env: testEnv(t), root: t.TempDir()}
	bucket, err := store.Open(t.Context(), "file://"+b.root, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bucket.Close() })
	b.Bucket = bucket
	b.Config.Schema.LabelKey = wire.LabelKey{Path: "request.id", Store: wire.LabelKeyPlain}
	b.Config.Labels = wire.Labels{WindowSeconds: 3600, MatureSeconds: 600, KeyToleranceSeconds: 600}
	b.Log = slog.New(slog.DiscardHandler)
	return b
}

// drop leaves a file in the inbox at a time.
func (b *box) drop(t testing.TB, name string, at time.Time, lines ...string) {
	t.Helper()
	b.write(t, b.layout().Inbox(inboxLabels)+name, []byte(strings.Join(lines, "\n")), at)
}

func (b *box) write(t testing.TB, key string, body []byte, at time.Time) {
	t.Helper()
	file := filepath.Join(b.root, filepath.FromSlash(key))
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil {
		err = os.WriteFile(file, body, 0o600)
	}
	if err == nil {
		err = os.Chtimes(file, at, at)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// objects are all objects below the monitor's folder, by key.
func (b *box) objects(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(b.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		key, _ := filepath.Rel(b.root, path)
		out[filepath.ToSlash(key)] = string(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// labels are the rows of all labels, by ID.
func (b *box) labels(t testing.TB) map[string]label.Row {
	t.Helper()
	rows := map[string]label.Row{}
	for key, body := range b.objects(t) {
		if !strings.HasPrefix(key, b.layout().AllLabels()) {
			continue
		}
		for r, err := range label.Read(strings.NewReader(body), int64(len(body))) {
			if err != nil {
				t.Fatal(err)
			}
			if _, twice := rows[r.ID]; twice {
				t.Errorf("label %s is there twice", r.ID)
			}
			rows[r.ID] = *r
		}
	}
	return rows
}

func TestTheInboxIsTakenOnce(t *testing.T) {
	b := newBox(t)
	b.drop(t, "2001/06/a.jsonl", now.Add(-time.Hour), `{"label_key":"k1","label":"late"}`, `{"label_key":"k2","label":`, `{"record_id":"r","event":"escalation"}`)
	b.drop(t, "b.csv", now.Add(-time.Minute), "request_id,label", "q,ontime", "q2,late", "")
	b.drop(t, "c.parquet", now.Add(-time.Minute), "no Parquet")
	b.drop(t, "d.csv.tmp", now, "half a fi")
	report, verdict, err := Labels(t.Context(), b.Env)
	if err != nil {
		t.Fatal(err)
	}
	if verdict.Outcome != wire.OutcomeSucceeded || verdict.Rows != 4 || !strings.Contains(verdict.Message, "1 lines were refused, and 1 files") {
		t.Errorf("verdict %+v", verdict.VerdictHeader)
	}
	if diff := cmp.Diff([]string{"d.csv.tmp"}, report.Ignored); diff != "" {
		t.Error(diff)
	}
	classes := map[string]string{}
	for _, r := range b.labels(t) {
		classes[r.LabelKey+r.RecordID+r.RequestID] = r.Class + r.Event
	}
	if diff := cmp.Diff(map[string]string{"k1": "late", "r": "escalation", "q": "ontime", "q2": "late"}, classes); diff != "" {
		t.Error(diff)
	}
	var inbox []string
	objects := b.objects(t)
	for key, body := range objects {
		if name, ok := strings.CutPrefix(key, b.layout().Prefix()+"inbox/"); ok {
			// The digests are of no interest here.
			folder, rest, _ := strings.Cut(name, "/")
			if folder != inboxLabels {
				rest = rest[17:]
			}
			inbox = append(inbox, folder+"/"+rest)
			if strings.HasSuffix(name, ".problems") && strings.HasPrefix(body, `{"line"`) && !strings.Contains(body, `{"line":2,"problem":"the line is no JSON object`) {
				t.Errorf("problems: %s", body)
			}
		}
	}
	slices.Sort(inbox)
	if diff := cmp.Diff([]string{
		"done/20010630T111000.000000Z-2001%2F06%2Fa.jsonl.receipt", "done/20010630T120900.000000Z-b.csv.receipt", "done/20010630T120900.000000Z-c.parquet.receipt",
		"labels/d.csv.tmp",
		"rejected/20010630T111000.000000Z-2001%2F06%2Fa.jsonl", "rejected/20010630T111000.000000Z-2001%2F06%2Fa.jsonl.problems",
		"rejected/20010630T120900.000000Z-c.parquet", "rejected/20010630T120900.000000Z-c.parquet.problems",
	}, inbox); diff != "" {
		t.Error(diff)
	}
	if _, verdict, err := Labels(t.Context(), b.Env); err != nil || verdict.Rows != 0 {
		t.Errorf("a second run took %d rows: %v", verdict.Rows, err)
	}
	if diff := cmp.Diff(objects, b.objects(t)); diff != "" {
		t.Errorf("a second run changed the store:\n%s", diff)
	}
}

// A run may end after any of its writes, and the next one completes it: the store is then as if there had been one run.
func TestARunThatEndsAnywhereIsCompleted(t *testing.T) {
	const rows = 3*partRows/2 + 1
	lines := make([]string, rows)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"record_id":"r%d","label":"late"}`, i)
	}
	lines[7] = "no label"
	at := now.Add(-time.Hour)
	start := func() *box {
		b := newBox(t)
		b.drop(t, "a.jsonl", at, lines...)
		return b
	}
	whole := start()
	report, _, err := Labels(t.Context(), whole.Env)
	if err != nil {
		t.Fatal(err)
	}
	want := whole.objects(t)
	if n := len(whole.labels(t)); n != rows-1 {
		t.Fatalf("%d labels, want %d", n, rows-1)
	}
	// In the order in which they are written; the last step is the removal of the file.
	written := slices.Clone(report.Files[0].Files)
	written = append(written, report.Files[0].Rejected, report.Files[0].Rejected+".problems", "inbox/done/"+report.Files[0].Take+"-a.jsonl.receipt")
	for killed := range len(written) + 1 {
		t.Run(fmt.Sprintf("after %d writes", killed), func(t *testing.T) {
			b := start()
			for _, key := range written[:killed] {
				body, ok := want[b.layout().Prefix()+key]
				if !ok {
					t.Fatalf("%s was not written", key)
				}
				b.write(t, b.layout().Prefix()+key, []byte(body), now)
			}
			if _, _, err := Labels(t.Context(), b.Env); err != nil {
				t.Fatal(err)
			}
			if got := b.objects(t); len(got) != len(want) {
				t.Errorf("%d objects, want %d", len(got), len(want))
			} else {
				for key, body := range want {
					if got[key] != body {
						t.Errorf("%s differs", key)
					}
				}
			}
		})
	}
}

func TestKeysAreNeverTakenWithoutTheirHashKey(t *testing.T) {
	b := newBox(t)
	b.Config.Schema.LabelKey.Store = wire.LabelKeyKeyedHash
	b.drop(t, "a.csv", now, "label_key,label", "secret-key,late", "secret-key")
	before := b.objects(t)
	_, _, err := Labels(t.Context(), b.Env)
	if v := b.Failed(KindLabels, err); err == nil || v.Reason != ReasonHashKeyMissing {
		t.Errorf("verdict %+v", v.VerdictHeader)
	}
	if diff := cmp.Diff(before, b.objects(t)); diff != "" {
		t.Error(diff)
	}
	b.HashKey = []byte("key")
	if _, _, err := Labels(t.Context(), b.Env); err != nil {
		t.Fatal(err)
	}
	for key, body := range b.objects(t) {
		if strings.Contains(body, "secret-key") && !strings.Contains(key, inboxRejected) {
			t.Errorf("%s holds the key as it was sent", key)
		}
		var taken Taken
		if strings.HasSuffix(key, ".receipt") {
			if err := json.NewDecoder(bytes.NewReader([]byte(body))).Decode(&taken); err != nil || taken.Labels != 1 || taken.Refused != 1 {
				t.Errorf("receipt %+v: %v", taken, err)
			}
		}
	}
}
