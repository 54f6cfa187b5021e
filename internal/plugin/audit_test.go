// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// auditLog writes a log of so many entries into a folder, and returns the files of the entries and the head.
func auditLog(t *testing.T, root string, entries int) (files []string, head string) {
	t.Helper()
	b, err := store.Open(t.Context(), "file://"+root, "")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	log := audit.NewLog(b, "test", store.Lock{})
	for i := range entries {
		_, err := log.Append(t.Context(), audit.Draft{
			ID: string(rune('a' + i)), Time: now.Add(time.Duration(i) * time.Minute), Actor: "vedette-manager",
			Kind: audit.KindDriftFound, Subject: "ModelMonitor/flights/flights", Grounds: []byte(`{"job":"flights-drift"}`),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".json") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) != entries {
		t.Fatalf("%d files (%v), want %d", len(files), err, entries)
	}
	slices.Sort(files)
	return files, log.Head().String()
}

func TestTheAuditLogIsVerified(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, files []string)
		head   bool
		intact bool
	}{
		"whole":                    {change: func(*testing.T, []string) {}, intact: true},
		"whole, with a known head": {change: func(*testing.T, []string) {}, head: true, intact: true},
		"changed in the middle": {change: func(t *testing.T, files []string) {
			b, err := os.ReadFile(files[2])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(files[2], bytes.Replace(b, []byte("drift"), []byte("draft"), 1), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		"one removed": {change: func(t *testing.T, files []string) {
			if err := os.Remove(files[1]); err != nil {
				t.Fatal(err)
			}
		}},
		"cut off, and nobody knows":       {change: cutOff, intact: true},
		"cut off, and the head was known": {change: cutOff, head: true},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			files, head := auditLog(t, root, 5)
			c.change(t, files)
			args := []string{"audit", "verify", "--url", "file://" + root, "--cluster-name", "test"}
			if c.head {
				args = append(args, "--head", head)
			}
			code, stdout, stderr := newFixture(t).run(args...)
			if (code == exitDone) != c.intact {
				t.Errorf("exit code %d: %s", code, stderr)
			}
			golden.File(t, "audit verify, "+name+".txt", []byte(strings.ReplaceAll(stdout, root, "/audit")))
		})
	}
}

func cutOff(t *testing.T, files []string) {
	if err := os.Remove(files[len(files)-1]); err != nil {
		t.Fatal(err)
	}
}

func TestTheClassSaysWhereTheAuditLogIs(t *testing.T) {
	root := t.TempDir()
	auditLog(t, root, 3)
	with, without := wrappers.MakeClass("standard"), wrappers.MakeClass("none")
	with.Spec.Audit.URL = "file://" + root
	f := newFixture(t, with, without)
	if stdout := f.must("audit", "verify"); !strings.Contains(stdout, "3, from number 1") {
		t.Errorf("the only class with a log: %s", stdout)
	}
	if stdout := f.must("audit", "verify", "standard", "-o", "json"); !strings.Contains(stdout, `"intact": true`) || !strings.Contains(stdout, `"entries": 3`) {
		t.Errorf("%s", stdout)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a class without a log":     {[]string{"none"}, exitFailed, "keeps no audit log"},
		"a class that is not there": {[]string{"gone"}, exitFailed, "--url and --cluster-name do without"},
		"a head that is none":       {[]string{"standard", "--head", "12"}, exitUsage, "such as 12:0123456789abcdef"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := f.run(append([]string{"audit", "verify"}, c.args...)...)
			if code != c.code || !strings.Contains(stderr, c.says) {
				t.Errorf("exit code %d, %q; want %d, %q", code, stderr, c.code, c.says)
			}
		})
	}
}

func TestWithoutTheOneAuditLogAClassMustBeNamed(t *testing.T) {
	one, two := wrappers.MakeClass("one"), wrappers.MakeClass("two")
	one.Spec.Audit.URL, two.Spec.Audit.URL = "file:///a", "file:///b"
	for says, f := range map[string]*fixture{"one, two": newFixture(t, one, two), "there is none": newFixture(t)} {
		code, _, stderr := f.run("audit", "verify")
		if code != exitUsage || !strings.Contains(stderr, says) {
			t.Errorf("exit code %d, %q; want %q", code, stderr, says)
		}
	}
}
