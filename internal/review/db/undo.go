// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/vedette-dev/vedette/internal/review"
)

// Undo takes the person's last answer back, and gives them the item again. Where its label is in the store already, the label
// is retracted there. It fails with ErrNothingToUndo when a reviewer has built on the answer. A repeated key undoes once.
func (d *DB) Undo(ctx context.Context, person, key string) (review.Item, error) {
	it, err := d.request(ctx, person, key, []string{"undo"}, func(ctx context.Context, tx *sql.Tx) (*item, error) {
		a, err := lastAnswer(ctx, tx, person)
		if err != nil {
			return nil, err
		}
		it, err := findItem(ctx, tx, a.Item, d.dialect.lock)
		if err != nil {
			return nil, err
		}
		if again, err := lastAnswer(ctx, tx, person); err != nil || again.id != a.id {
			return nil, errors.Join(err, errAgain) // Another request changed it before the item was locked.
		}
		return it, d.takeBack(ctx, tx, it, a)
	})
	if err != nil {
		return review.Item{}, fmt.Errorf("taking an answer back: %w", err)
	}
	return it.Item, nil
}

func lastAnswer(ctx context.Context, tx *sql.Tx, person string) (answer, error) {
	a, err := scanAnswer(tx.QueryRowContext(ctx, `SELECT `+answerColumns+` FROM answers WHERE person = $1 AND undone_at = 0
		ORDER BY id DESC LIMIT 1`, person).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = review.ErrNothingToUndo
	}
	return a, err
}

func (d *DB) takeBack(ctx context.Context, tx *sql.Tx, it *item, a answer) error {
	answers, err := readAnswers(ctx, tx, it.ID)
	if err != nil {
		return err
	}
	for _, other := range answers {
		if other.kind == kindSettle && other.id != a.id {
			return review.ErrNothingToUndo
		}
	}
	if it.State == review.Expired {
		return review.ErrNothingToUndo
	}
	if _, err := tx.ExecContext(ctx, `UPDATE answers SET undone_at = $1 WHERE id = $2`, micros(d.now()), a.id); err != nil {
		return err
	}
	var t tally
	t.add(totalAnswers+"undo", 1)
	leave := func(b band) (band, error) { return b.without(a.Person) }
	if a.kind == kindSettle { // The reviewer may have answered before, as anybody.
		leave = stay
	}
	if err := d.advance(ctx, tx, it, &t, d.overlap(), leave); err != nil {
		return err
	}
	if err := t.write(ctx, tx); err != nil {
		return err
	}
	if it.State != review.Pending {
		return nil
	}
	free, err := d.free(ctx, tx, it, a.Person)
	if err != nil || !free {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM leases WHERE person = $1`, a.Person); err != nil {
		return err
	}
	_, err = d.lease(ctx, tx, it, a.Person)
	return err
}
