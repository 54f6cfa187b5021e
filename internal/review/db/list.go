// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/vedette-dev/vedette/internal/review"
)

// Filter says which items List finds. Empty fields do not restrict it.
type Filter struct {
	// State is required.
	State   review.State
	Monitor string
	Origin  review.Origin
	// After is what the previous page ended with; Limit bounds this one.
	After string
	Limit int
}

// position is where a page ended.
type position struct {
	Added int64  `json:"a"`
	ID    string `json:"i"`
}

// maxPage bounds a page.
const maxPage = 1000

// List finds items in the order in which they came, and where the next page starts: "" at the end.
func (d *DB) List(ctx context.Context, f Filter) ([]review.Item, string, error) {
	limit := min(max(1, f.Limit), maxPage)
	query, args := `SELECT `+itemColumns+` FROM items WHERE state = $1`, []any{string(f.State)}
	restrict := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		query += " AND " + condition
	}
	if f.Monitor != "" {
		restrict("monitor = ?", f.Monitor)
	}
	if f.Origin != "" {
		restrict("origin = ?", string(f.Origin))
	}
	if f.After != "" {
		p, err := parsePosition(f.After)
		if err != nil {
			return nil, "", err
		}
		restrict("(added_at, id) > (?, ?)", p.Added, p.ID)
	}
	args = append(args, limit)
	var items []review.Item
	err := each(ctx, d.read, query+fmt.Sprintf(" ORDER BY added_at, id LIMIT $%d", len(args)), args, func(scan func(...any) error) error {
		it, err := scanItem(scan)
		if err == nil {
			items = append(items, it.Item)
		}
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("listing items: %w", err)
	}
	if len(items) < limit {
		return items, "", nil
	}
	last := items[len(items)-1]
	b, err := json.Marshal(position{micros(last.Added), last.ID})
	return items, base64.RawURLEncoding.EncodeToString(b), err
}

func parsePosition(s string) (position, error) {
	var p position
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return position{}, fmt.Errorf("%w: the page to go on after is none that was given out", review.ErrInvalid)
	}
	return p, nil
}
