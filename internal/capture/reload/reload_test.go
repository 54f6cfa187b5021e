// SPDX-License-Identifier: Apache-2.0

package reload

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/vedette-dev/vedette/internal/wire"
)

// kubelet replaces the content of a mounted volume as the kubelet does: by a symbolic link to another directory.
type kubelet struct {
	t       *testing.T
	dir     string
	version int
}

func (k *kubelet) mount(files map[string]string) {
	k.t.Helper()
	k.version++
	data := filepath.Join(k.dir, "..data"+string(rune('0'+k.version)))
	if err := os.Mkdir(data, 0o700); err != nil {
		k.t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(data, name), []byte(content), 0o600); err != nil {
			k.t.Fatal(err)
		}
	}
	next := filepath.Join(k.dir, "..next")
	if err := os.Symlink(data, next); err != nil {
		k.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(k.dir, "..data")); err != nil {
		k.t.Fatal(err)
	}
}

func TestWatcher(t *testing.T) {
	k := &kubelet{t: t, dir: t.TempDir()}
	data := filepath.Join(k.dir, "..data")
	w := NewWatcher(Files{Config: filepath.Join(data, "config"), Pod: data, HashKey: filepath.Join(data, "key")})
	document, err := wire.Encode(wire.Config{Monitor: "m"})
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		name        string
		files       map[string]string // nil: nothing is touched
		wantChanged bool
		wantErr     bool
		want        func(Snapshot) bool
	}{
		{name: "nothing is mounted", wantChanged: true, want: func(s Snapshot) bool { return s.Config == nil && s.HashKey == nil }},
		{name: "still nothing"},
		{name: "a document", files: map[string]string{"config": string(document)}, wantChanged: true, want: func(s Snapshot) bool { return s.Config.Monitor == "m" && !s.UnknownKeys }},
		{name: "the same again", files: map[string]string{"config": string(document)}},
		{name: "a label", files: map[string]string{"config": string(document), "labels": "a=\"1\""}, wantChanged: true, want: func(s Snapshot) bool { return s.Labels["a"] == "1" && s.Config != nil }},
		{name: "a key", files: map[string]string{"config": string(document), "key": "k"}, wantChanged: true, want: func(s Snapshot) bool { return string(s.HashKey) == "k" && s.Labels["a"] == "" }},
		{name: "a broken document", files: map[string]string{"config": "{"}, wantErr: true},
		{name: "which is reported once"},
		{name: "what cannot be read says PassThrough", files: map[string]string{"config": `{"version":2,"monitor":"m","mode":"PassThrough","capture":[]}`}, wantChanged: true, want: func(s Snapshot) bool {
			return s.Config.Mode == wire.ModePassThrough && s.Config.Monitor == "m" && s.UnknownKeys
		}},
		{name: "what cannot be read says another mode", files: map[string]string{"config": `{"version":2,"monitor":"m","mode":"Observe"}`}, wantErr: true},
		{name: "a document of a later release", files: map[string]string{"config": `{"version":1,"monitor":"m","news":1}`}, wantChanged: true, want: func(s Snapshot) bool { return s.UnknownKeys }},
		{name: "the monitor is deleted", files: map[string]string{"labels": ""}, wantChanged: true, want: func(s Snapshot) bool { return s.Config == nil }},
	}
	for _, step := range steps {
		if step.files != nil {
			k.mount(step.files)
		}
		s, changed, err := w.Read()
		if changed != step.wantChanged || (err != nil) != step.wantErr {
			t.Fatalf("%s: changed %v, %v", step.name, changed, err)
		}
		if step.want != nil && !step.want(s) {
			t.Errorf("%s: got %+v", step.name, s)
		}
	}
}

func TestAVersionThatIsNotKnown(t *testing.T) {
	name := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(name, []byte(`{"version":2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := NewWatcher(Files{Config: name}).Read(); !errors.Is(err, wire.ErrVersion) {
		t.Errorf("got %v", err)
	}
}

func TestPassThroughNeedsNoOtherFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "config")
	if err := os.WriteFile(name, []byte(`{"version":1,"mode":"PassThrough"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, changed, err := NewWatcher(Files{Config: name, HashKey: dir}).Read() // a key that is a directory
	if !changed || err != nil || s.Config == nil || s.Config.Mode != wire.ModePassThrough {
		t.Errorf("got %+v, %v, %v", s, changed, err)
	}
}

func TestAFileThatCannotBeRead(t *testing.T) {
	w := NewWatcher(Files{Config: t.TempDir()}) // a directory
	if _, changed, err := w.Read(); changed || err == nil {
		t.Errorf("changed %v, %v", changed, err)
	}
	if _, changed, err := w.Read(); changed || err != nil {
		t.Errorf("again: changed %v, %v", changed, err)
	}
}

func TestTheMirrorDocument(t *testing.T) {
	k := &kubelet{t: t, dir: t.TempDir()}
	data := filepath.Join(k.dir, "..data")
	w := NewWatcher(Files{Config: filepath.Join(data, "config"), Mirror: filepath.Join(data, "mirror"), Pod: data})
	raw, err := wire.EncodeMirror(wire.Mirror{
		Rollout: "r", Primary: "p", Candidate: "c", Attempt: "1", Address: "a:1", TimeoutSeconds: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	document := string(raw)
	steps := []struct {
		name        string
		files       map[string]string
		wantChanged bool
		wantErr     bool
		want        func(Mirrored) bool
	}{
		{name: "nothing is mounted", wantChanged: true, want: func(m Mirrored) bool { return m.Document == nil && len(m.Labels) == 0 }},
		{name: "still nothing"},
		{name: "a document", files: map[string]string{"mirror": document, "labels": "a=\"1\""}, wantChanged: true, want: func(m Mirrored) bool {
			return m.Document.Rollout == "r" && m.Labels["a"] == "1" && !m.UnknownKeys
		}},
		{name: "the same beside another configuration", files: map[string]string{"mirror": document, "labels": "a=\"1\"", "config": "{"}},
		{name: "a label", files: map[string]string{"mirror": document, "labels": "a=\"2\""}, wantChanged: true, want: func(m Mirrored) bool { return m.Labels["a"] == "2" }},
		{name: "a broken document", files: map[string]string{"mirror": "{", "labels": "a=\"2\""}, wantErr: true},
		{name: "which is reported once"},
		{name: "it vanishes", files: map[string]string{"labels": "a=\"2\""}, wantChanged: true, want: func(m Mirrored) bool { return m.Document == nil }},
	}
	for _, step := range steps {
		if step.files != nil {
			k.mount(step.files)
		}
		m, changed, err := w.ReadMirror()
		if changed != step.wantChanged || (err != nil) != step.wantErr {
			t.Fatalf("%s: changed %v, %v", step.name, changed, err)
		}
		if step.want != nil && !step.want(m) {
			t.Errorf("%s: got %+v", step.name, m)
		}
	}
}
