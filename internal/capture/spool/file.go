// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// File is a file that is being written. It belongs to one goroutine and ends with Commit or Abort.
type File struct {
	spool     *Spool
	tier, key string
	file      *os.File
	size      int64
}

// Create begins a file of a tier that is to become the object key.
func (s *Spool) Create(tier, key string) (*File, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	s.mu.Lock()
	s.opened++
	name := strconv.FormatUint(s.opened, 10)
	s.mu.Unlock()
	f, err := os.OpenFile(filepath.Join(s.Dir, openDir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("beginning a file in the spool: %w", err)
	}
	return &File{spool: s, tier: tier, key: key, file: f}, nil
}

// Write implements io.Writer. It fails with ErrFull rather than exceed the spool's limit.
func (f *File) Write(p []byte) (int, error) {
	if err := f.spool.reserve(f.tier, int64(len(p))); err != nil {
		return 0, err
	}
	f.size += int64(len(p))
	n, err := f.file.Write(p)
	if err != nil {
		return n, fmt.Errorf("writing to the spool: %w", err)
	}
	return n, nil
}

// Commit hands the complete file, which holds rows rows, over for upload. If it fails, the rows are lost and counted.
func (f *File) Commit(rows int64) error {
	s := f.spool
	e := &entry{
		tier: f.tier, key: f.key, rows: rows, size: f.size,
		path: filepath.Join(s.Dir, readyDir, f.tier, filepath.FromSlash(f.key)+"~"+strconv.FormatInt(rows, 10)),
	}
	if err := f.publish(e.path); err != nil {
		f.Abort(rows)
		return fmt.Errorf("completing a file in the spool: %w", err)
	}
	s.mu.Lock()
	s.waiting = append(s.waiting, e)
	s.mu.Unlock()
	s.wake()
	return nil
}

func (f *File) publish(path string) error {
	if err := f.file.Close(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.Rename(f.file.Name(), path)
}

// Abort throws the file away, and counts the rows that it was to hold as lost.
func (f *File) Abort(rows int64) {
	_ = f.file.Close() // it may be closed already, and what it holds is of no use
	if err := os.Remove(f.file.Name()); err != nil {
		f.spool.Log.Error("removing an incomplete file from the spool", "error", err)
	}
	f.spool.release(f.size)
	f.spool.Observer.Lost(f.tier, rows)
}
