// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/wire"
)

// TestAnErasureTakesTheKeyFromAFile: the key is hashed as the monitor stores it, and nothing that is said names it.
func TestAnErasureTakesTheKeyFromAFile(t *testing.T) {
	s := newScene(t)
	s.config.Schema.LabelKey = wire.LabelKey{Path: "id"}
	s.write()
	hashKey, subject := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "subject")
	for name, body := range map[string]string{hashKey: "secret", subject: "customer-4711\n"} {
		if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stored, _ := label.Key(s.config.Schema.LabelKey, []byte("secret"), "customer-4711")
	var file bytes.Buffer
	rows := []label.Row{{LabelKey: stored, Instance: -1, Kind: label.Truth, Class: "a", Received: now}, {LabelKey: "other", Instance: -1, Kind: label.Truth, Class: "a", Received: now}}
	for i := range rows {
		rows[i].Identify(rows[i].LabelKey)
	}
	if err := label.Write(&file, rows); err != nil {
		t.Fatal(err)
	}
	s.put(s.layout().Labels(now, "f"), file.Bytes())
	rejected := s.layout().InboxResult("rejected", "t", "f.jsonl")
	s.put(rejected, []byte("{\"label_key\":\"customer-4711\"}\n{\"label_key\":\"customer-12\"}\n"))

	code, stdout, stderr := s.run("erase", "--label-key-file", subject, "--hash-key", hashKey)
	if code != exitStable || strings.Contains(stdout+stderr, "4711") {
		t.Errorf("%d %s%s", code, stdout, stderr)
	}
	for _, want := range []string{"labels", "inbox"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the report says nothing of %s:\n%s", want, stdout)
		}
	}
	left, err := os.ReadFile(filepath.Join(s.root, rejected))
	if err != nil || string(left) != "\n{\"label_key\":\"customer-12\"}\n" {
		t.Errorf("the rejected file is %q, %v", left, err)
	}
	for name, c := range map[string]struct{ args []string }{
		"without the key to hash with": {[]string{"erase", "--label-key-file", subject, "--hash-key", filepath.Join(s.root, "none")}},
		"an empty file":                {[]string{"erase", "--label-key-file", os.DevNull}},
		"no file":                      {[]string{"erase", "--label-key-file", filepath.Join(s.root, "none")}},
	} {
		if code, _, stderr := s.run(c.args...); code != exitFailed || !strings.Contains(stderr, "key") {
			t.Errorf("%s: %d %q", name, code, stderr)
		}
	}
}
