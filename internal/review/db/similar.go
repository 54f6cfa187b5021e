// SPDX-License-Identifier: Apache-2.0

package db

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/rank"
)

// similarAmong is how many of the items answered last are looked at. Each is read and decoded, whenever anybody opens an item.
const similarAmong = 50

// Similar finds the n items that are most like an item, among those of its monitor that were answered last.
func (d *DB) Similar(ctx context.Context, id string, n int) ([]review.Item, error) {
	it, err := findItem(ctx, d.read, id, "")
	if err != nil {
		return nil, fmt.Errorf("finding similar items: %w", err)
	}
	var done []review.Item
	if err := each(ctx, d.read, `SELECT `+itemColumns+` FROM items WHERE monitor = $1 AND settled_at > 0 AND id <> $2
		ORDER BY settled_at DESC LIMIT $3`, []any{it.Monitor, id, similarAmong}, func(scan func(...any) error) error {
		other, err := scanItem(scan)
		if err == nil {
			done = append(done, other.Item)
		}
		return err
	}); err != nil {
		return nil, fmt.Errorf("finding similar items: %w", err)
	}
	all := []*review.Prediction{&it.Prediction}
	for i := range done {
		all = append(all, &done[i].Prediction)
	}
	ranges := rank.Ranges(all)
	far := make(map[string]float64, len(done))
	for i := range done {
		far[done[i].ID] = rank.Distance(&it.Prediction, &done[i].Prediction, ranges)
	}
	slices.SortStableFunc(done, func(a, b review.Item) int { return cmp.Compare(far[a.ID], far[b.ID]) })
	return done[:min(max(0, n), len(done))], nil
}
