// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"gocloud.dev/blob"
)

// Readers of Parquet jump: footer first, then column by column. Whole blocks are fetched, and a few are kept, so that
// neighbouring small reads share a request to the store.
const (
	blockBytes = 1 << 20
	keptBlocks = 8
)

// Object reads parts of one object. It is safe for concurrent use.
type Object struct {
	ctx      context.Context //nolint:containedctx // io.ReaderAt has no context; an Object lives as long as one read.
	bucket   *blob.Bucket
	key      string
	size     int64
	modified time.Time

	mu     sync.Mutex
	blocks []block
}

type block struct {
	index int64
	data  []byte
}

// Open finds an object, to read parts of it while ctx lasts.
func (b *Bucket) Open(ctx context.Context, key string) (*Object, error) {
	if err := b.ask("opening", key); err != nil {
		return nil, err
	}
	a, err := b.blob.Attributes(ctx, key)
	if err != nil {
		return nil, classify("opening", key, err)
	}
	return &Object{ctx: ctx, bucket: b.blob, key: key, size: a.Size, modified: a.ModTime}, nil
}

// OpenItem is Open for an object of a listing, which has told all there is to find. What is gone since shows when it is read.
func (b *Bucket) OpenItem(ctx context.Context, item Item) (*Object, error) {
	if err := b.ask("opening", item.Key); err != nil {
		return nil, err
	}
	return &Object{ctx: ctx, bucket: b.blob, key: item.Key, size: item.Size, modified: item.Modified}, nil
}

// Size is the length of the object in bytes.
func (o *Object) Size() int64 { return o.size }

// Modified is the store's own time of the last write.
func (o *Object) Modified() time.Time { return o.modified }

// ReadAt implements io.ReaderAt.
func (o *Object) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("reading %q: offset %d is negative", o.key, off)
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= o.size {
			return n, io.EOF
		}
		data, err := o.block(at / blockBytes)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], data[at%blockBytes:])
	}
	return n, nil
}

func (o *Object) block(index int64) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, b := range o.blocks {
		if b.index == index {
			copy(o.blocks[1:i+1], o.blocks[:i])
			o.blocks[0] = b
			return b.data, nil
		}
	}
	data, err := o.fetch(index)
	if err != nil {
		return nil, err
	}
	if len(o.blocks) < keptBlocks {
		o.blocks = append(o.blocks, block{})
	}
	copy(o.blocks[1:], o.blocks)
	o.blocks[0] = block{index: index, data: data}
	return data, nil
}

func (o *Object) fetch(index int64) ([]byte, error) {
	off := index * blockBytes
	data := make([]byte, min(blockBytes, o.size-off))
	r, err := o.bucket.NewRangeReader(o.ctx, o.key, off, int64(len(data)), nil)
	if err != nil {
		return nil, classify("reading", o.key, err)
	}
	_, err = io.ReadFull(r, data)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, classify("reading", o.key, err)
	}
	return data, nil
}
