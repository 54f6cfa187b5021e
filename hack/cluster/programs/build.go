// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Environment makes every build of the cluster a static one in the same way: what several programs import is then
// compiled once, for their modules agree about its version, too. Nobody debugs these programs: without DWARF a fifth of
// the time is saved.
var Environment = []string{"CGO_ENABLED=0", "GOFLAGS=-buildvcs=false -trimpath -gcflags=all=-dwarf=false"}

// Builder builds programs into a cache and finds them there.
type Builder struct {
	// Modules is the folder that holds one folder per pinning module.
	Modules string
	// Cache is the folder of the results; each key gets a folder below it.
	Cache string
	// GoVersion is the toolchain's version, part of every key.
	GoVersion string
	// Log receives what is being built; nothing is written when all is cached.
	Log io.Writer
	// Now tells the time, for the durations in the log.
	Now func() time.Time
}

// Path returns the executable of a program, building it when the cache does not hold it.
func (b *Builder) Path(ctx context.Context, name string) (string, error) {
	p, err := Find(name)
	if err != nil {
		return "", err
	}
	dir, err := b.dir(p.Module)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, p.Name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if p.LinkTo != "" {
		if _, err := b.Path(ctx, p.LinkTo); err != nil {
			return "", err
		}
		if err := os.Symlink(p.LinkTo, path); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("linking %s: %w", name, err)
		}
		return path, nil
	}
	return path, b.build(ctx, p, dir)
}

// Paths returns the folder that holds the named programs, which must be of one module, building what is missing.
func (b *Builder) Paths(ctx context.Context, names ...string) (string, error) {
	dir := ""
	for _, name := range names {
		path, err := b.Path(ctx, name)
		if err != nil {
			return "", err
		}
		if dir != "" && dir != filepath.Dir(path) {
			return "", fmt.Errorf("%s is not built from the same module as %s", name, names[0])
		}
		dir = filepath.Dir(path)
	}
	return dir, nil
}

// dir is the cache folder of a module in its present state.
func (b *Builder) dir(module string) (string, error) {
	key, err := moduleKey(os.DirFS(filepath.Join(b.Modules, module)), module, b.GoVersion)
	if err != nil {
		return "", fmt.Errorf("cache key of module %s: %w", module, err)
	}
	return filepath.Join(b.Cache, module+"-"+key), nil
}

// build compiles p into dir. A lock keeps two callers from compiling the same; the rename keeps readers from seeing
// half a file.
func (b *Builder) build(ctx context.Context, p Program, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	unlock, err := Lock(filepath.Join(dir, ".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	path := filepath.Join(dir, p.Name)
	if _, err := os.Stat(path); err == nil {
		return nil // another caller has built it meanwhile
	}

	moduleDir := filepath.Join(b.Modules, p.Module)
	goMod, err := os.ReadFile(filepath.Join(moduleDir, "go.mod"))
	if err != nil {
		return err
	}
	ldflags, err := p.ldflags(string(goMod))
	if err != nil {
		return err
	}
	start := b.Now()
	fmt.Fprintf(b.Log, "building %s …\n", p.Name)
	partial := filepath.Join(dir, "."+p.Name+".partial")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags="+p.Tags, "-ldflags="+ldflags, "-o", partial, p.Package)
	cmd.Dir = moduleDir
	cmd.Env = append(os.Environ(), append(Environment, "GOWORK=off")...)
	cmd.Stdout, cmd.Stderr = b.Log, b.Log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building %s from module %s: %w", p.Name, p.Module, err)
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	fmt.Fprintf(b.Log, "built %s in %s\n", p.Name, b.Now().Sub(start).Round(time.Second))
	return nil
}

// Lock takes an exclusive lock on a file, waiting for it. The system drops it when the process ends.
func Lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}
