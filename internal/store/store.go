// SPDX-License-Identifier: Apache-2.0

// Package store owns the capture store: how it is opened, which of its failures are told apart, and where each object
// is. It knows nothing of what the objects hold, imports no Kubernetes package, and reads no clock.
package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"time"

	"gocloud.dev/blob"
)

// What callers tell apart. Every error of a Bucket wraps at most one of them.
var (
	// ErrExists means that Create found an object of that name. Names are unique to their content, so for an upload
	// that is retried it means that the first attempt arrived.
	ErrExists = errors.New("the object exists already")
	// ErrNotFound means that there is no such object, bucket or folder.
	ErrNotFound = errors.New("not found in the store")
	// ErrCredentials means that the store refused the credentials, or that there are none. Trying again without
	// other credentials is of no use.
	ErrCredentials = errors.New("the store refused the credentials")
	// ErrUnreachable means that the store did not answer, or said that it cannot serve now. Trying again may help.
	ErrUnreachable = errors.New("the store is unreachable")
	// ErrTooLarge means that an object is larger than the caller is willing to hold.
	ErrTooLarge = errors.New("the object is too large")
)

// Bucket is an open store. It is safe for concurrent use.
type Bucket struct {
	blob *blob.Bucket
	// beforeWrite bounds the memory of an upload, where the backend needs to be told.
	beforeWrite func(as func(any) bool) error
	// folder is where the objects are, for a store in a folder; else empty.
	folder string
	// before is asked before each operation; see Intercept.
	before func(operation, key string) error
}

// Open opens the store at rawURL: "s3://bucket/prefix?region=…&endpoint=…" or "file:///dir". Credentials for S3 are
// the files AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where needed, AWS_SESSION_TOKEN in credentialsDir, read anew
// for each request so that a rotation needs no restart; while they are absent, the default chain of the SDK holds,
// which finds the identity of the pod. Opening does not contact the store.
func Open(ctx context.Context, rawURL, credentialsDir string) (*Bucket, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("opening the store: its URL cannot be parsed: %w", errors.Unwrap(err))
	}
	switch u.Scheme {
	case "s3":
		return openS3(ctx, u, credentialsDir)
	case "file":
		return openFile(u)
	default:
		return nil, fmt.Errorf("opening the store: scheme %.20q is not supported; use s3 or file", u.Scheme)
	}
}

// Wrap makes a Bucket of one that is open already, such as an in-memory bucket in a test.
func Wrap(b *blob.Bucket) *Bucket { return &Bucket{blob: b} }

// Close releases the store.
func (b *Bucket) Close() error { return b.blob.Close() }

// Create writes a new object. It fails with ErrExists, and changes nothing, when there is one of that name.
func (b *Bucket) Create(ctx context.Context, key string, body io.Reader) error {
	return b.write(ctx, "creating", key, body, true, b.beforeWrite)
}

// Put writes an object, replacing the one of that name if there is one.
func (b *Bucket) Put(ctx context.Context, key string, body []byte) error {
	return b.write(ctx, "writing", key, bytes.NewReader(body), false, b.beforeWrite)
}

func (b *Bucket) write(ctx context.Context, doing, key string, body io.Reader, create bool, before func(func(any) bool) error) error {
	if err := b.ask(doing, key); err != nil {
		return err
	}
	if b.folder != "" {
		return classify(doing, key, b.writeFile(ctx, key, body, create))
	}
	err := b.blob.Upload(ctx, key, body, &blob.WriterOptions{
		ContentType: contentType(key),
		IfNotExist:  create,
		BeforeWrite: before,
	})
	return classify(doing, key, err)
}

// Get reads a whole object of at most limit bytes.
func (b *Bucket) Get(ctx context.Context, key string, limit int64) ([]byte, error) {
	if err := b.ask("reading", key); err != nil {
		return nil, err
	}
	r, err := b.blob.NewReader(ctx, key, nil)
	if err != nil {
		return nil, classify("reading", key, err)
	}
	defer r.Close() //nolint:errcheck // Nothing is lost by it: what was read is checked.
	if r.Size() > limit {
		return nil, fmt.Errorf("reading %q: %w: %d bytes are more than %d", key, ErrTooLarge, r.Size(), limit)
	}
	data, err := io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return nil, classify("reading", key, err)
	}
	return data, nil
}

// Item is one object of a listing.
type Item struct {
	Key  string
	Size int64
	// Modified is the store's own time of the last write.
	Modified time.Time
}

// List yields the objects whose key starts with prefix, in the order of their keys. It ends after the first error.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for o, err := range b.list(ctx, prefix, "") {
			if err != nil {
				yield(Item{}, err)
				return
			}
			if !yield(Item{Key: o.Key, Size: o.Size, Modified: o.ModTime}, nil) {
				return
			}
		}
	}
}

// Folders yields the names of the folders directly below prefix, which ends in "/", without prefix and slash.
func (b *Bucket) Folders(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for o, err := range b.list(ctx, prefix, "/") {
			if err != nil {
				yield("", err)
				return
			}
			if o.IsDir && !yield(o.Key[len(prefix):len(o.Key)-1], nil) {
				return
			}
		}
	}
}

func (b *Bucket) list(ctx context.Context, prefix, delimiter string) iter.Seq2[*blob.ListObject, error] {
	return func(yield func(*blob.ListObject, error) bool) {
		if err := b.ask("listing", prefix); err != nil {
			yield(nil, err)
			return
		}
		it := b.blob.List(&blob.ListOptions{Prefix: prefix, Delimiter: delimiter})
		for {
			o, err := it.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, classify("listing", prefix, err))
				return
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// Delete removes an object.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := b.ask("deleting", key); err != nil {
		return err
	}
	return classify("deleting", key, b.blob.Delete(ctx, key))
}
