// SPDX-License-Identifier: Apache-2.0

// Package image writes container images as OCI archives: one layer that holds static binaries and nothing else. The same
// files always give the same bytes, so that a digest tells whether anything has changed. It imports only the standard
// library and runs no other program.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"time"
)

// User is who the processes of an image run as, unless the pod says otherwise.
const User = "65532:65532"

// Image is what an image is made of.
type Image struct {
	// Name is the full reference, such as "vedette.dev/manager:dev".
	Name string
	// Binaries are paths of static executables. Each becomes /bin/<its base name>; the first is the entry point.
	Binaries []string
	// Certificates is the path of a bundle of CA certificates; empty or absent leaves it out.
	Certificates string
}

const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar"

	certificatesPath = "etc/ssl/certs/ca-certificates.crt"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Write writes the archive to w and returns the digest of the image's manifest.
func (img Image) Write(w io.Writer) (digest string, err error) {
	if len(img.Binaries) == 0 {
		return "", fmt.Errorf("image %s has no binary", img.Name)
	}
	// The digest of the layer comes before its bytes, so the layer is made twice: reading is cheaper than keeping.
	hash := sha256.New()
	size := &counter{w: hash}
	if err := img.writeLayer(size); err != nil {
		return "", fmt.Errorf("image %s: %w", img.Name, err)
	}
	layer := descriptor{MediaType: typeLayer, Digest: "sha256:" + hex.EncodeToString(hash.Sum(nil)), Size: size.n}

	config, configBlob := blob(typeConfig, map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config": map[string]any{
			"User":       User,
			"Entrypoint": []string{"/bin/" + filepath.Base(img.Binaries[0])},
			"Env":        []string{"PATH=/bin"},
			"WorkingDir": "/",
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{layer.Digest}},
	})
	manifest, manifestBlob := blob(typeManifest, map[string]any{
		"schemaVersion": 2, "mediaType": typeManifest, "config": config, "layers": []descriptor{layer},
	})
	manifest.Annotations = map[string]string{"io.containerd.image.name": img.Name}
	_, index := blob(typeIndex, map[string]any{
		"schemaVersion": 2, "mediaType": typeIndex, "manifests": []descriptor{manifest},
	})

	archive := tar.NewWriter(w)
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", index},
		{blobPath(config), configBlob},
		{blobPath(manifest), manifestBlob},
	} {
		if err := addBytes(archive, f.name, f.content); err != nil {
			return "", err
		}
	}
	if err := archive.WriteHeader(header(blobPath(layer), 0o444, layer.Size)); err != nil {
		return "", err
	}
	if err := img.writeLayer(archive); err != nil {
		return "", fmt.Errorf("image %s: %w", img.Name, err)
	}
	return manifest.Digest, archive.Close()
}

// writeLayer writes the layer's own archive.
func (img Image) writeLayer(w io.Writer) error {
	layer := tar.NewWriter(w)
	for _, dir := range []string{"bin", "etc", "etc/ssl", "etc/ssl/certs"} {
		if err := layer.WriteHeader(directory(dir, 0o755)); err != nil {
			return err
		}
	}
	if err := layer.WriteHeader(directory("tmp", 0o1777)); err != nil {
		return err
	}
	if err := addBytes(layer, "etc/passwd", []byte("root:x:0:0::/:\nnonroot:x:65532:65532::/:\n")); err != nil {
		return err
	}
	if img.Certificates != "" {
		if err := addFile(layer, certificatesPath, 0o444, img.Certificates); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	for _, binary := range img.Binaries {
		if err := addFile(layer, path.Join("bin", filepath.Base(binary)), 0o555, binary); err != nil {
			return err
		}
	}
	return layer.Close()
}

func addFile(archive *tar.Writer, name string, mode int64, source string) error {
	f, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := archive.WriteHeader(header(name, mode, info.Size())); err != nil {
		return err
	}
	_, err = io.Copy(archive, f)
	return err
}

func addBytes(archive *tar.Writer, name string, content []byte) error {
	if err := archive.WriteHeader(header(name, 0o444, int64(len(content)))); err != nil {
		return err
	}
	_, err := io.Copy(archive, bytes.NewReader(content))
	return err
}

// header has a fixed time and owner, or equal files would give unequal digests.
func header(name string, mode, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: size, ModTime: time.Unix(0, 0)}
}

func directory(name string, mode int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, ModTime: time.Unix(0, 0)}
}

func blob(mediaType string, content map[string]any) (descriptor, []byte) {
	b, err := json.Marshal(content)
	if err != nil {
		panic(err) // only strings, numbers and lists of them
	}
	sum := sha256.Sum256(b)
	return descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(b))}, b
}

func blobPath(d descriptor) string { return "blobs/sha256/" + d.Digest[len("sha256:"):] }

// counter counts what passes to w.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
