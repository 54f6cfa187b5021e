// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"gocloud.dev/blob/fileblob"
)

func openFile(u *url.URL) (*Bucket, error) {
	if u.Host != "" || u.RawQuery != "" {
		return nil, errors.New("opening the store: a file URL has neither host nor parameters, as in file:///var/lib/store")
	}
	// Attributes and temporary files would be strangers in the folders that others read.
	b, err := fileblob.OpenBucket(u.Path, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return nil, classify("opening the store", u.Path, err)
	}
	return &Bucket{blob: b, folder: u.Path}, nil
}

// writeFile writes an object of a store in a folder. The library below us looks whether there is one and then renames, so that of
// two writers at a time both succeed, and its temporary files break the listings of others. Ours stand at the top, where
// nothing lists, and a link is made or not.
func (b *Bucket) writeFile(ctx context.Context, key string, body io.Reader, create bool) error {
	if !fs.ValidPath(key) || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' }) {
		return fmt.Errorf("the key is no path: %w", fs.ErrInvalid)
	}
	name := filepath.Join(b.folder, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(b.folder, ".writing-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // Where it was renamed, it is gone.
	_, err = io.Copy(f, body)
	if err = errors.Join(err, f.Chmod(0o644), f.Close(), ctx.Err()); err != nil {
		return err
	}
	if !create {
		return os.Rename(f.Name(), name)
	}
	return createAs(f.Name(), name)
}

// linking serializes what is created on file systems that know no links: there, one process must be the only writer.
var linking sync.Mutex

func createAs(temporary, name string) error {
	err := os.Link(temporary, name)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	linking.Lock()
	defer linking.Unlock()
	if _, err := os.Lstat(name); err == nil {
		return fs.ErrExist
	}
	return os.Rename(temporary, name)
}
