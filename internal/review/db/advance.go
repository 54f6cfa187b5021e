// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"database/sql"
	"math"

	"github.com/vedette-dev/vedette/internal/review"
)

// tooManySkips is how many people may skip an item until a reviewer has to say what it is.
const tooManySkips = 3

// outcome is what the answers to an item come to.
type outcome struct {
	state     review.State
	label     review.Label
	agreement float64
}

// judge says what answers come to when so many of them are wanted.
func judge(answers []answer, overlap int64) outcome {
	var labels []review.Label
	escalated, skips := false, 0
	for _, a := range answers {
		switch a.kind {
		case kindSettle:
			return outcome{state: review.Done, label: a.Label, agreement: agreement(answers, a.Label)}
		case kindSkip:
			skips++
		default:
			labels = append(labels, a.Label)
			escalated = escalated || a.Label.Escalated
		}
	}
	switch {
	case escalated, skips >= tooManySkips:
		return outcome{state: review.Conflict}
	case int64(len(labels)) < overlap:
		return outcome{state: review.Pending}
	}
	said, share, ok := review.Majority(labels)
	if !ok {
		return outcome{state: review.Conflict}
	}
	return outcome{state: review.Done, label: said, agreement: share}
}

// agreement is the share of all who answered that said what holds now.
func agreement(answers []answer, held review.Label) float64 {
	var same, all float64
	for _, a := range said(answers) {
		all++
		if a.Label.Class == held.Class && (a.Label.Value == held.Value || math.IsNaN(a.Label.Value) && math.IsNaN(held.Value)) {
			same++
		}
	}
	return same / all
}

// advance brings a locked item to where its answers say that it is when so many are wanted, and its labels with it. People
// changes the band that says who is through with it.
func (d *DB) advance(ctx context.Context, tx *sql.Tx, it *item, t *tally, overlap int64, people func(band) (band, error)) error {
	answers, err := readAnswers(ctx, tx, it.ID)
	if err != nil {
		return err
	}
	b, err := d.band(ctx, tx, it.band)
	if err != nil {
		return err
	}
	if b, err = people(b); err != nil {
		return err
	}
	if err := d.keepBand(ctx, tx, b); err != nil {
		return err
	}
	now := d.now()
	result, before := judge(answers, overlap), it.stage()
	was := it.State
	it.State, it.band, it.answers, it.skips = result.state, b.id, 0, 0
	for _, a := range answers {
		switch a.kind {
		case kindAnswer:
			it.answers++
		case kindSkip:
			it.skips++
		}
	}
	if it.offered == 0 {
		it.offered = micros(now)
	}
	it.settled, it.Label = 0, nil
	text := ""
	if it.State == review.Done {
		it.settled, it.Label = micros(now), &result.label
		if text, err = encodeLabel(it.Label); err != nil {
			return err
		}
	}
	if was == review.Done || it.State == review.Done {
		if err := d.restate(ctx, tx, it, answers, result.agreement); err != nil {
			return err
		}
	}
	t.move(it, before, it.stage())
	_, err = tx.ExecContext(ctx, `UPDATE items SET state = $1, band = $2, answers = $3, skips = $4, settlements = $5, offered_at = $6,
		settled_at = $7, label = $8 WHERE id = $9`,
		string(it.State), it.band, it.answers, it.skips, it.settlements, it.offered, it.settled, text, it.ID)
	return err
}
