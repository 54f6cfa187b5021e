// SPDX-License-Identifier: Apache-2.0

package publish_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"
	"time"

	"gocloud.dev/blob/memblob"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/review/publish"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

var noon = time.Date(2001, 6, 1, 12, 0, 0, 0, time.UTC)

// deadly is a store that dies before, or after, an upload or a deletion.
type deadly struct {
	*store.Bucket
	before, after bool
}

var errKilled = errors.New("killed")

func (d *deadly) Create(ctx context.Context, key string, body io.Reader) error {
	if d.before {
		return errKilled
	}
	if err := d.Bucket.Create(ctx, key, body); err != nil || !d.after {
		return err
	}
	return errKilled
}

func post(t *testing.T, q *db.DB, n int) {
	t.Helper()
	r := label.Row{
		RecordID: fmt.Sprint("r", n), Instance: -1, Kind: label.Truth, Class: "late", Value: math.NaN(), Amount: math.NaN(), Agreement: math.NaN(),
		Received: noon, Source: label.SourceAPI,
	}
	r.Identify(r.RecordID)
	if err := q.Post(t.Context(), "flights", []label.Row{r}); err != nil {
		t.Fatal(err)
	}
}

// stored are the ids of the records in all files of labels.
func stored(t *testing.T, bucket *store.Bucket) map[string]int {
	t.Helper()
	found := map[string]int{}
	for item, err := range bucket.List(t.Context(), store.Layout{Cluster: "eu", Namespace: "air", Monitor: "flights"}.AllLabels()) {
		if err != nil {
			t.Fatal(err)
		}
		b, err := bucket.Get(t.Context(), item.Key, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range label.Read(bytes.NewReader(b), int64(len(b))) {
			if err != nil {
				t.Fatal(err)
			}
			found[r.RecordID]++
		}
	}
	return found
}

func TestWhereverItIsCutOffEachLabelArrivesOnce(t *testing.T) {
	t.Parallel()
	q, err := db.Open(t.Context(), "sqlite:"+t.TempDir()+"/queue.db", func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	if err := q.Configure(t.Context(), wire.Review{Queue: "desk"}); err != nil {
		t.Fatal(err)
	}
	bucket := &deadly{Bucket: store.Wrap(memblob.OpenBucket(nil))}
	p := publish.Publisher{Outbox: q, Store: bucket, Cluster: "eu", Namespace: "air"}
	for i := range 30 {
		post(t, q, i)
		bucket.before, bucket.after = i%3 == 0, i%3 == 1
		if _, err := p.Pass(t.Context()); err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
	}
	bucket.before, bucket.after = false, false
	for {
		n, err := p.Pass(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	found := stored(t, bucket.Bucket)
	for id, n := range found {
		if n != 1 {
			t.Errorf("%s arrived %d times", id, n)
		}
	}
	if len(found) != 30 {
		t.Errorf("%d of 30 labels arrived", len(found))
	}
}

// An erasure that comes while a file is uploaded wins.
func TestAFileThatASubjectWasErasedFromDoesNotStay(t *testing.T) {
	t.Parallel()
	bucket := store.Wrap(memblob.OpenBucket(nil))
	p := publish.Publisher{Outbox: erasedMeanwhile{}, Store: bucket, Cluster: "eu", Namespace: "air"}
	if _, err := p.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := stored(t, bucket); len(found) != 0 {
		t.Errorf("%v stayed", found)
	}
}

type erasedMeanwhile struct{}

func (erasedMeanwhile) Freeze(context.Context, time.Duration, int) (int64, error) { return 1, nil }

func (erasedMeanwhile) Frozen(context.Context, int) ([]db.Batch, error) {
	return []db.Batch{{Name: "b", Monitor: "flights", Frozen: noon, Rows: []label.Row{{RecordID: "r", Kind: label.Truth, Class: "late", Received: noon}}}}, nil
}

func (erasedMeanwhile) Published(context.Context, string) (bool, error) { return false, nil }
