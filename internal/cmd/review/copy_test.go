// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/wire"
)

// contents makes a database of a queue, or opens it, and says what it holds.
func contents(t *testing.T, url string, configure bool) []db.Content {
	t.Helper()
	d, err := db.Open(t.Context(), url, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if configure {
		if err := d.Configure(t.Context(), wire.Review{Cluster: "c", Namespace: "ns", Queue: "desk"}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := d.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	url := "sqlite:" + filepath.Join(dir, "queue.db")
	want := contents(t, url, true)
	var stdout, stderr bytes.Buffer
	if err := backup(t.Context(), []string{"--database", url}, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	streamed := filepath.Join(dir, "streamed.db")
	if err := os.WriteFile(streamed, stdout.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file.db")
	if err := backup(t.Context(), []string{"--database", url, "--to", file}, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{streamed, file} {
		if diff := cmp.Diff(want, contents(t, "sqlite:"+path, false)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", filepath.Base(path), diff)
		}
	}
	if err := backup(t.Context(), []string{"--database", url, "--to", file}, &stdout, &stderr); err == nil {
		t.Error("a backup was overwritten")
	}
}

func TestMigrate(t *testing.T) {
	dir := t.TempDir()
	from, to := "sqlite:"+filepath.Join(dir, "from.db"), "sqlite:"+filepath.Join(dir, "to.db")
	want := contents(t, from, true)
	address := filepath.Join(dir, "url")
	if err := os.WriteFile(address, []byte(to+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	if err := migrate(t.Context(), []string{"--from", from, "--to", "@" + address}, &stderr); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, contents(t, to, false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := migrate(t.Context(), []string{"--from", from, "--to", to}, &stderr); err == nil {
		t.Error("a database that holds something was copied into")
	}
}
