// SPDX-License-Identifier: Apache-2.0

package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func digestOf(t *testing.T, img Image) string {
	t.Helper()
	digest, err := img.Write(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestDigestTellsWhatTheImageHolds(t *testing.T) {
	dir := t.TempDir()
	img := Image{Name: "vedette.dev/a:dev", Binaries: []string{write(t, filepath.Join(dir, "a"), "binary")}}
	want := digestOf(t, img)

	t.Run("neither times nor folders count", func(t *testing.T) {
		elsewhere := write(t, filepath.Join(t.TempDir(), "a"), "binary")
		if err := os.Chtimes(elsewhere, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		if got := digestOf(t, Image{Name: img.Name, Binaries: []string{elsewhere}}); got != want {
			t.Errorf("digest = %s, want %s", got, want)
		}
	})
	t.Run("absent certificates are left out", func(t *testing.T) {
		if got := digestOf(t, Image{Name: img.Name, Binaries: img.Binaries, Certificates: filepath.Join(dir, "none")}); got != want {
			t.Errorf("digest = %s, want %s", got, want)
		}
	})
	for name, other := range map[string]Image{
		"other bytes":     {Name: img.Name, Binaries: []string{write(t, filepath.Join(dir, "other", "a"), "Binary")}},
		"another name":    {Name: img.Name, Binaries: []string{write(t, filepath.Join(dir, "b"), "binary")}},
		"one more binary": {Name: img.Name, Binaries: []string{img.Binaries[0], write(t, filepath.Join(dir, "c"), "")}},
		"certificates":    {Name: img.Name, Binaries: img.Binaries, Certificates: write(t, filepath.Join(dir, "ca"), "ca")},
	} {
		t.Run(name+" count", func(t *testing.T) {
			if got := digestOf(t, other); got == want {
				t.Error("the digest stays the same")
			}
		})
	}
}

func TestArchive(t *testing.T) {
	dir := t.TempDir()
	img := Image{
		Name:         "vedette.dev/manager:dev",
		Binaries:     []string{write(t, filepath.Join(dir, "manager"), "ELF…"), write(t, filepath.Join(dir, "helper"), "ELF")},
		Certificates: write(t, filepath.Join(dir, "ca.pem"), "certificates"),
	}
	var archive bytes.Buffer
	digest, err := img.Write(&archive)
	if err != nil {
		t.Fatal(err)
	}
	files := untar(t, &archive)
	for name, f := range files {
		if sum, ok := strings.CutPrefix(name, "blobs/sha256/"); ok && sum != sha(f.content) {
			t.Errorf("blob %s holds bytes of digest %s", sum, sha(f.content))
		}
	}

	var index struct{ Manifests []descriptor }
	decode(t, files["index.json"].content, &index)
	if len(index.Manifests) != 1 || index.Manifests[0].Digest != digest {
		t.Fatalf("index lists %v, want the manifest %s", index.Manifests, digest)
	}
	if got := index.Manifests[0].Annotations["io.containerd.image.name"]; got != img.Name {
		t.Errorf("the image is called %q, want %q", got, img.Name)
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	decode(t, files[blobPath(index.Manifests[0])].content, &manifest)
	var config struct {
		Config struct {
			User       string
			Entrypoint []string
		}
		Rootfs struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	decode(t, files[blobPath(manifest.Config)].content, &config)
	if diff := cmp.Diff([]string{"/bin/manager"}, config.Config.Entrypoint); diff != "" {
		t.Errorf("entry point (-want +got):\n%s", diff)
	}
	if config.Config.User != "65532:65532" {
		t.Errorf("user = %q: an image must not run as root, and a numeric user lets the kubelet check that", config.Config.User)
	}
	if len(manifest.Layers) != 1 || !slices.Equal(config.Rootfs.DiffIDs, []string{manifest.Layers[0].Digest}) {
		t.Fatalf("layers %v do not match the configuration's %v", manifest.Layers, config.Rootfs.DiffIDs)
	}

	layer := untar(t, bytes.NewReader(files[blobPath(manifest.Layers[0])].content))
	modes := map[string]int64{}
	for name, f := range layer {
		modes[name] = f.mode
	}
	want := map[string]int64{
		"bin/": 0o755, "bin/manager": 0o555, "bin/helper": 0o555, "tmp/": 0o1777,
		"etc/": 0o755, "etc/passwd": 0o444, "etc/ssl/": 0o755, "etc/ssl/certs/": 0o755, certificatesPath: 0o444,
	}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("modes of the layer's files (-want +got):\n%s", diff)
	}
	if got := string(layer["bin/manager"].content); got != "ELF…" {
		t.Errorf("bin/manager holds %q", got)
	}
}

func TestWriteRefusesWhatIsNoImage(t *testing.T) {
	for name, img := range map[string]Image{
		"no binary":       {Name: "a"},
		"a missing one":   {Name: "a", Binaries: []string{filepath.Join(t.TempDir(), "none")}},
		"a folder of one": {Name: "a", Binaries: []string{t.TempDir()}},
	} {
		if _, err := img.Write(io.Discard); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

type file struct {
	mode    int64
	content []byte
}

func untar(t *testing.T, r io.Reader) map[string]file {
	t.Helper()
	files := map[string]file{}
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = file{h.Mode, content}
	}
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func decode(t *testing.T, b []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%v in %q", err, b)
	}
}
