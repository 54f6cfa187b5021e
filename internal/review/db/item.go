// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/vedette-dev/vedette/internal/review"
)

// item is a row of items, with what of it is not shown.
type item struct {
	review.Item
	band                        int64
	answers, skips, settlements int64
	offered, settled            int64
	// duplicate says that another item stands for it.
	duplicate bool
}

const itemColumns = `id, monitor, origin, state, band, priority, answers, skips, settlements, duplicates, label_key,
	predicted_at, added_at, offered_at, settled_at, inclusion, rules, label, doc, duplicate_of <> ''`

func scanItem(scan func(...any) error) (*item, error) {
	it := new(item)
	var predicted, added int64
	var rules, label, doc string
	if err := scan(&it.ID, &it.Monitor, &it.Origin, &it.State, &it.band, &it.Priority, &it.answers, &it.skips, &it.settlements,
		&it.Duplicates, &it.Prediction.LabelKey, &predicted, &added, &it.offered, &it.settled, &it.InclusionProbability,
		&rules, &label, &doc, &it.duplicate); err != nil {
		return nil, err
	}
	it.Prediction.Time, it.Added = instant(predicted), instant(added)
	if err := json.Unmarshal([]byte(rules), &it.Rules); err != nil {
		return nil, fmt.Errorf("decoding an item: %w", err)
	}
	if label != "" {
		l, err := decodeLabel(label)
		if err != nil {
			return nil, err
		}
		it.Label = &l
	}
	return it, decodeItem(doc, &it.Item)
}

// Item finds an item.
func (d *DB) Item(ctx context.Context, id string) (review.Item, error) {
	it, err := findItem(ctx, d.read, id, "")
	if err != nil {
		return review.Item{}, fmt.Errorf("reading an item: %w", err)
	}
	return it.Item, nil
}

// findItem reads an item; lock ends the statement.
func findItem(ctx context.Context, q querier, id, lock string) (*item, error) {
	it, err := scanItem(q.QueryRowContext(ctx, `SELECT `+itemColumns+` FROM items WHERE id = $1`+lock, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, review.ErrNotFound
	}
	return it, err
}

// stage is the state of an item as it is counted: pending items that nobody has seen are apart, but for near-duplicates.
const unread = "unread"

func (it *item) stage() string {
	if it.State == review.Pending && it.offered == 0 && !it.duplicate {
		return unread
	}
	return string(it.State)
}
