// SPDX-License-Identifier: Apache-2.0

// Package publish brings labels from the queue's outbox into the store. A batch is frozen before it is uploaded, and created
// only where there is no file of its name; so an upload that was cut off anywhere is done again, to the same effect.
package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/store"
)

// Outbox is where labels wait.
type Outbox interface {
	Freeze(ctx context.Context, hold time.Duration, limit int) (int64, error)
	Frozen(ctx context.Context, limit int) ([]db.Batch, error)
	Published(ctx context.Context, name string) (bool, error)
}

// Store is where they go.
type Store interface {
	Create(ctx context.Context, key string, body io.Reader) error
	Delete(ctx context.Context, key string) error
}

// Publisher publishes the labels of a queue. Several may do so at once.
type Publisher struct {
	Outbox Outbox
	Store  Store
	// Cluster and Namespace are the first elements of the monitors' paths.
	Cluster, Namespace string
	// Hold is how long an answer can be taken back without a trace in the store.
	Hold time.Duration
}

// Bounds of one pass: rows of a file, and files.
const (
	batchRows = 10_000
	batches   = 16
)

// Pass publishes what waits, and returns how many rows. It may have to be called again for all of it.
func (p *Publisher) Pass(ctx context.Context) (int, error) {
	if _, err := p.Outbox.Freeze(ctx, p.Hold, batchRows); err != nil {
		return 0, err
	}
	frozen, err := p.Outbox.Frozen(ctx, batches)
	if err != nil {
		return 0, err
	}
	rows := 0
	for i := range frozen {
		if err := p.publish(ctx, &frozen[i]); err != nil {
			return rows, fmt.Errorf("publishing labels of monitor %q: %w", frozen[i].Monitor, err)
		}
		rows += len(frozen[i].Rows)
	}
	return rows, nil
}

func (p *Publisher) publish(ctx context.Context, b *db.Batch) error {
	var file bytes.Buffer
	if err := label.Write(&file, b.Rows); err != nil {
		return err
	}
	layout := store.Layout{Cluster: p.Cluster, Namespace: p.Namespace, Monitor: b.Monitor}
	key := layout.Labels(b.Frozen, b.Name)
	if err := p.Store.Create(ctx, key, &file); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	known, err := p.Outbox.Published(ctx, b.Name)
	if err != nil || known {
		return err
	}
	// A subject was erased from the batch while it was on its way. What else it held comes in another one.
	if err := p.Store.Delete(ctx, key); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}
