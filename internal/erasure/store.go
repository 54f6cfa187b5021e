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

// Names of documents: <id>.json and <id>.<part>.done.json.
const (
	requestSuffix = ".json"
	doneSuffix    = ".done.json"
)

// maxDocument bounds a document: a subject may have some 300,000 rows.
const maxDocument = 16 << 20

// Folder is the folder of the documents of a monitor.
func Folder(l store.Layout) string { return l.Prefix() + "erasures/" }

// Ask writes a request. Asked again for the same subject, every part looks again.
func Ask(ctx context.Context, b *store.Bucket, l store.Layout, r Request) error {
	document, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("asking for an erasure: %w", err)
	}
	if len(document) > maxDocument {
		return fmt.Errorf("asking for an erasure: the subject has %d rows, too many for one request: erase it by record ids, in parts", len(r.Records))
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
		if err := get(ctx, b, item.Key, &r); err != nil {
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
		set.Add(r)
	}
	return set, nil
}

// Get reads the request of an id; store.ErrNotFound where nobody asked.
func Get(ctx context.Context, b *store.Bucket, l store.Layout, id string) (Request, error) {
	var r Request
	err := get(ctx, b, Folder(l)+id+requestSuffix, &r)
	return r, err
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
	err := get(ctx, b, doneKey(l, id, by), &d)
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

func get(ctx context.Context, b *store.Bucket, key string, into any) error {
	document, err := b.Get(ctx, key, maxDocument)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(document, into); err != nil {
		return fmt.Errorf("reading %q: %w", key, err)
	}
	return nil
}
