// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestPathFindsWhatIsCached plants a result in the cache: building it would take minutes, and fail, for there is no such
// module here.
func TestPathFindsWhatIsCached(t *testing.T) {
	var log bytes.Buffer
	b := &Builder{Modules: t.TempDir(), Cache: t.TempDir(), GoVersion: "go1.26.0", Log: &log, Now: time.Now}
	if err := os.MkdirAll(filepath.Join(b.Modules, "kubernetes"), 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := b.dir("kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kubernetes", "etcd"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}

	for range 2 {
		got, err := b.Paths(t.Context(), "kube-apiserver", "etcd", "kubectl")
		if err != nil || got != dir {
			t.Fatalf("Paths = %q, %v, want %q", got, err, dir)
		}
	}
	if content, err := os.ReadFile(filepath.Join(dir, "kubectl")); err != nil || string(content) != "kubernetes" {
		t.Errorf("kubectl is %q, %v, want a link to kubernetes", content, err)
	}
	if log.Len() > 0 {
		t.Errorf("a cached program is reported: %q", log.String())
	}

	if _, err := b.Path(t.Context(), "coredns"); err == nil {
		t.Error("a program that cannot be built gives no error")
	}
	if _, err := os.Stat(filepath.Join(dir, "coredns")); err == nil {
		t.Error("a failed build leaves a program in the cache")
	}
}
