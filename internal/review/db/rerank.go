// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/rank"
	"github.com/vedette-dev/vedette/internal/wire"
)

// rerankRows bounds the items of one transaction, so that nobody waits long for it.
const rerankRows = 500

// Rerank gives items whose priority was weighed by another document the priority of this one: some, in the order of their
// ids, after the one given. It returns the last it looked at, "" at the end. Age is no reason to call it: it changes no order.
func (d *DB) Rerank(ctx context.Context, after string) (string, error) {
	doc := d.review.Load()
	// They are looked for before the transaction, which would keep others waiting. An index by state would be of no use, and planners
	// are kept from it: they would sort all that wait by id, each time.
	var ids []string
	err := each(ctx, d.read, `SELECT id FROM items WHERE id > $1 AND coalesce(state, '') = 'pending' AND weighed <> $2 ORDER BY id LIMIT $3`,
		[]any{after, doc.Revision, rerankRows}, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			ids = append(ids, id)
			return err
		})
	if err == nil && len(ids) > 0 {
		err = d.tx(ctx, func(ctx context.Context, tx *sql.Tx) error { return d.rerank(ctx, tx, doc, ids) })
	}
	if err != nil {
		return "", fmt.Errorf("ranking items anew: %w", err)
	}
	if len(ids) == 0 {
		return "", nil
	}
	return ids[len(ids)-1], nil
}

func (d *DB) rerank(ctx context.Context, tx *sql.Tx, doc *wire.Review, ids []string) error {
	list, err := d.dialect.list(ids)
	if err != nil {
		return err
	}
	priorities := map[string]float64{}
	err = each(ctx, tx, `SELECT id, monitor, origin, added_at, rules, uncertainty, strangeness, rarity, duplicate_of FROM items WHERE id `+
		d.dialect.among(1)+` ORDER BY id`+d.dialect.lock, []any{list}, func(scan func(...any) error) error {
		var it review.Item
		var f rank.Factors
		var added int64
		var rules, duplicateOf string
		if err := scan(&it.ID, &it.Monitor, &it.Origin, &added, &rules, &f.Uncertainty, &f.Strangeness, &f.Rarity, &duplicateOf); err != nil {
			return err
		}
		it.Added = instant(added)
		if err := json.Unmarshal([]byte(rules), &it.Rules); err != nil {
			return err
		}
		priorities[it.ID] = priority(doc, &it, f, duplicateOf != "")
		return nil
	})
	if err != nil {
		return err
	}
	for id, p := range priorities {
		if _, err := tx.ExecContext(ctx, `UPDATE items SET priority = $1, weighed = $2 WHERE id = $3`, p, doc.Revision, id); err != nil {
			return err
		}
	}
	return nil
}
