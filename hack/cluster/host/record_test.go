// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestRestoreRemovesOnlyWhatWasAbsent(t *testing.T) {
	dir := t.TempDir()
	there, made := filepath.Join(dir, "there"), filepath.Join(dir, "made")
	restoreForeign := foreign
	foreign = []string{there, made}
	t.Cleanup(func() { foreign = restoreForeign })
	if err := os.Mkdir(there, 0o755); err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(dir, "record.json")
	if err := Observe(record); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(made, "below"), 0o755); err != nil {
		t.Fatal(err)
	}

	if err := Restore(record); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(made); !os.IsNotExist(err) {
		t.Errorf("what the cluster made is left: %v", err)
	}
	if _, err := os.Stat(there); err != nil {
		t.Errorf("what was there before is gone: %v", err)
	}
	if err := Restore(filepath.Join(dir, "none")); err != nil {
		t.Errorf("without a record: %v", err)
	}
}

func TestRemoveTracesRemovesOnlyOurs(t *testing.T) {
	results, links := t.TempDir(), t.TempDir()
	for _, name := range []string{"ours-1-eth0", "ours-2-eth0", "theirs-1-eth0", "oursnot"} {
		if err := os.WriteFile(filepath.Join(results, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"a.log": "/state/pod-logs/a/0.log", "b.log": "/state-of-others/b/0.log", "c.log": "/var/log/pods/c/0.log",
	} {
		if err := os.Symlink(target, filepath.Join(links, link)); err != nil {
			t.Fatal(err)
		}
	}

	if err := removeTraces(results, "ours", links, "/state"); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, dir := range []string{results, links} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			left = append(left, entry.Name())
		}
	}
	if want := []string{"oursnot", "theirs-1-eth0", "b.log", "c.log"}; !slices.Equal(left, want) {
		t.Errorf("left: %v, want %v", left, want)
	}
	if err := removeTraces(filepath.Join(results, "none"), "ours", filepath.Join(links, "none"), "/state"); err != nil {
		t.Errorf("without the folders: %v", err)
	}
}
