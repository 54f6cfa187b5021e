// SPDX-License-Identifier: Apache-2.0

package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/store"
)

// Names of documents: <id>.json, <id>.found.json, and <id>.<part>.done.json.
const (
	requestSuffix = ".json"
	foundSuffix   = ".found.json"
	doneSuffix    = ".done.json"
)

// Bounds of documents.
const (
	maxDocument = 64 << 10
	maxFound    = 128 << 20
)

// Folder is the folder of the documents of a monitor.
func Folder(l store.Layout) string { return l.Prefix() + "erasures/" }

// Ask writes a request. Asked again for the same subject, every part looks again.
func Ask(ctx context.Context, b *store.Bucket, l store.Layout, r Request) error {
	document, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("asking for an erasure: %w", err)
	}
	return b.Put(ctx, Folder(l)+r.ID+requestSuffix, document)
}

// Requests are all requests of a monitor, by id.
func Requests(ctx context.Context, b *store.Bucket, l store.Layout) ([]Request, error) {
	var all []Request
	for item, err := range b.List(ctx, Folder(l)) {
		if err != nil {
			return nil, err
		}
		name, ok := strings.CutSuffix(item.Key[len(Folder(l)):], requestSuffix)
		if !ok || strings.ContainsAny(name, "./") {
			continue
		}
		var r Request
		if err := get(ctx, b, item.Key, maxDocument, &r); err != nil {
			return nil, err
		}
		if r.Of != LabelKey && r.Of != RecordID || r.Digest == "" || r.ID != name {
			return nil, fmt.Errorf("%q is no request for an erasure that this release can read", item.Key)
		}
		all = append(all, r)
	}
	return all, nil
}

// Load makes a set of all requests of a monitor.
func Load(ctx context.Context, b *store.Bucket, l store.Layout) (*Set, error) {
	requests, err := Requests(ctx, b, l)
	if err != nil {
		return nil, err
	}
	set := NewSet(l)
	for _, r := range requests {
		found, err := GetFound(ctx, b, l, r.ID)
		if err != nil {
			return nil, err
		}
		set.Add(r, found)
	}
	return set, nil
}

// GetFound reads what was found for a request; nothing where it is not there yet.
func GetFound(ctx context.Context, b *store.Bucket, l store.Layout, id string) (Found, error) {
	var f Found
	err := get(ctx, b, Folder(l)+id+foundSuffix, maxFound, &f)
	if errors.Is(err, store.ErrNotFound) {
		return Found{}, nil
	}
	return f, err
}

// PutFound writes what was found for a request.
func PutFound(ctx context.Context, b *store.Bucket, l store.Layout, id string, f Found) error {
	f.Version = version
	document, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("writing what an erasure found: %w", err)
	}
	return b.Put(ctx, Folder(l)+id+foundSuffix, document)
}

// Pending are the requests that a part is not done with, or was done with before they were asked for again.
func Pending(ctx context.Context, b *store.Bucket, l store.Layout, by string) ([]Request, error) {
	requests, err := Requests(ctx, b, l)
	if err != nil {
		return nil, err
	}
	var pending []Request
	for _, r := range requests {
		d, err := GetDone(ctx, b, l, r.ID, by)
		switch {
		case errors.Is(err, store.ErrNotFound):
			pending = append(pending, r)
		case err != nil:
			return nil, err
		case d.At.Before(r.Asked):
			pending = append(pending, r)
		}
	}
	return pending, nil
}

// GetDone reads what a part said about a request; store.ErrNotFound while it has said nothing.
func GetDone(ctx context.Context, b *store.Bucket, l store.Layout, id, by string) (Done, error) {
	var d Done
	err := get(ctx, b, doneKey(l, id, by), maxDocument, &d)
	return d, err
}

// PutDone says that a part has removed the subject of a request.
func PutDone(ctx context.Context, b *store.Bucket, l store.Layout, id, by string, at time.Time, removed map[string]int64) error {
	document, err := json.Marshal(Done{Version: version, By: by, At: at.UTC(), Removed: removed})
	if err != nil {
		return fmt.Errorf("writing that an erasure is done: %w", err)
	}
	return b.Put(ctx, doneKey(l, id, by), document)
}

func doneKey(l store.Layout, id, by string) string { return Folder(l) + id + "." + by + doneSuffix }

func get(ctx context.Context, b *store.Bucket, key string, limit int64, into any) error {
	document, err := b.Get(ctx, key, limit)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(document, into); err != nil {
		return fmt.Errorf("reading %q: %w", key, err)
	}
	return nil
}
