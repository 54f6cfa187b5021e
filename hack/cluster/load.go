// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/hack/cluster/image"
	"github.com/vedette-dev/vedette/hack/cluster/programs"
)

// ownImages are the images made from this repository: name to package.
var ownImages = map[string]string{
	"manager":     "./internal/cmd/manager",
	"capture":     "./internal/cmd/capture",
	"analyze":     "./internal/cmd/analyze",
	"review":      "./internal/cmd/review",
	"modelserver": "./test/modelserver",
	"replay":      "./test/replay",
	"retrain":     "./test/retrain",
	"pause":       "./hack/cluster/pause",
}

// programImages are the images made from a program of the catalogue.
var programImages = []string{"coredns", "prometheus", "prometheus-config-reloader", "prometheus-operator", "versitygw"}

func imageNames() []string {
	names := slices.AppendSeq(slices.Clone(programImages), maps.Keys(ownImages))
	slices.Sort(names)
	return names
}

// load builds images and imports those that have changed since they were last imported.
func (c *cluster) load(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("load needs images: %s, or REFERENCE=BINARY[,BINARY…]", strings.Join(imageNames(), " "))
	}
	if c.daemons.Running("containerd") == 0 {
		return errNotUp
	}
	for _, name := range names {
		img, err := c.image(ctx, name)
		if err != nil {
			return err
		}
		if err := c.importImage(ctx, img); err != nil {
			return err
		}
	}
	return nil
}

// image finds what an argument of load means, and builds the binaries.
func (c *cluster) image(ctx context.Context, name string) (image.Image, error) {
	img := image.Image{Name: "vedette.dev/" + name + ":dev", Certificates: "/etc/ssl/certs/ca-certificates.crt"}
	if reference, binaries, ok := strings.Cut(name, "="); ok {
		img.Name, img.Binaries = reference, strings.Split(binaries, ",")
		return img, nil
	}
	if slices.Contains(programImages, name) {
		path, err := c.builder.Path(ctx, name)
		img.Binaries = []string{path}
		return img, err
	}
	pkg, ok := ownImages[name]
	if !ok {
		return img, fmt.Errorf("no image %q; there are: %s", name, strings.Join(imageNames(), " "))
	}
	// The go command's own cache tells whether anything has changed.
	binary := filepath.Join(c.cache, "own", name)
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", binary, pkg)
	cmd.Dir = c.root
	cmd.Env = append(os.Environ(), append(programs.Environment, "GOOS=linux")...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return img, fmt.Errorf("building %s: %w", pkg, err)
	}
	img.Binaries = []string{binary}
	return img, nil
}

// importImage hands an image to containerd, unless it has that very image.
func (c *cluster) importImage(ctx context.Context, img image.Image) error {
	digest, err := img.Write(io.Discard)
	if err != nil {
		return err
	}
	remembered := c.layout.Path("images", strings.NewReplacer("/", "_", ":", "_").Replace(img.Name))
	if content, err := os.ReadFile(remembered); err == nil && string(content) == digest {
		return nil
	}
	ctr, err := c.builder.Path(ctx, "ctr")
	if err != nil {
		return err
	}
	archive, in := io.Pipe()
	go func() {
		_, err := img.Write(in)
		in.CloseWithError(err)
	}()
	cmd := exec.CommandContext(ctx, ctr, "--address="+c.layout.Socket(), "--namespace=k8s.io", "images", "import", "-")
	cmd.Stdin = archive
	out, err := cmd.CombinedOutput()
	if err := errors.Join(err, archive.Close()); err != nil {
		return fmt.Errorf("importing %s: %w: %s", img.Name, err, out)
	}
	fmt.Fprintf(os.Stderr, "loaded %s\n", img.Name)
	return os.WriteFile(remembered, []byte(digest), 0o644)
}
