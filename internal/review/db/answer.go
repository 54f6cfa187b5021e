// SPDX-License-Identifier: Apache-2.0

package db

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
)

// Kinds of answers.
const (
	kindAnswer = "answer"
	kindSkip   = "skip"
	// kindSettle is the word of a reviewer on a conflict.
	kindSettle = "settle"
)

// ErrKeyReused means that a key was used before, for something else.
var ErrKeyReused = errors.New("the key was used for another request: make a new one for each")

// Bounds of what identifies a request.
const (
	maxKey    = 128
	maxPerson = 256
)

// Answer records what a person says of an item that they hold, or that they skip it; a repeated key does nothing more, and
// succeeds. It returns the item as it is then.
func (d *DB) Answer(ctx context.Context, a review.Answer) (review.Item, error) {
	return d.respond(ctx, a, kindOf(a), true)
}

// Record records an answer that was given elsewhere, in a tool of the team's own: nobody holds the item for it. It fails with
// ErrAnswered when the item has all the answers that it needs.
func (d *DB) Record(ctx context.Context, a review.Answer) (review.Item, error) {
	return d.respond(ctx, a, kindOf(a), false)
}

// Settle records the word of a reviewer on a conflict. That the person is one is for the caller to check.
func (d *DB) Settle(ctx context.Context, a review.Answer) (review.Item, error) {
	return d.respond(ctx, a, kindSettle, false)
}

func kindOf(a review.Answer) string {
	if a.Skipped {
		return kindSkip
	}
	return kindAnswer
}

func (d *DB) respond(ctx context.Context, a review.Answer, kind string, needLease bool) (review.Item, error) {
	a.Label = clean(a.Label)
	if a.Skipped {
		a.Label = review.Label{Value: math.NaN()}
	}
	text, err := encodeLabel(&a.Label)
	if err != nil {
		return review.Item{}, err
	}
	it, err := d.request(ctx, a.Person, a.Key, []string{kind, a.Item, text}, func(ctx context.Context, tx *sql.Tx) (*item, error) {
		it, err := findItem(ctx, tx, a.Item, d.dialect.lock)
		if err != nil {
			return nil, err
		}
		if err := d.accepts(ctx, tx, it, a, kind, needLease); err != nil {
			return nil, err
		}
		return it, d.record(ctx, tx, it, a, kind, text)
	})
	if err != nil {
		return review.Item{}, fmt.Errorf("recording an answer: %w", err)
	}
	return it.Item, nil
}

// clean makes text that every database takes.
func clean(l review.Label) review.Label {
	l.Class, l.Comment = plainText(l.Class), plainText(l.Comment)
	return l
}

func plainText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// request does something once per person and key. A repeated request finds the item as it is now.
func (d *DB) request(ctx context.Context, person, key string, what []string, do func(context.Context, *sql.Tx) (*item, error)) (*item, error) {
	if key == "" || len(key) > maxKey || key != plainText(key) || person == "" || len(person) > maxPerson || person != plainText(person) {
		return nil, fmt.Errorf("%w: a key has 1 to %d bytes of text, a name 1 to %d", review.ErrInvalid, maxKey, maxPerson)
	}
	doc, err := json.Marshal(what)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(doc)
	digest := hex.EncodeToString(sum[:16])
	var it *item
	err = d.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `INSERT INTO requests (person, key, digest, item, at) VALUES ($1, $2, $3, '', $4) ON CONFLICT DO NOTHING`,
			person, key, digest, micros(d.now()))
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			it, err = repeated(ctx, tx, person, key, digest)
			return err
		}
		if it, err = do(ctx, tx); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE requests SET item = $1 WHERE person = $2 AND key = $3`, it.ID, person, key)
		return err
	})
	return it, err
}

func repeated(ctx context.Context, tx *sql.Tx, person, key, digest string) (*item, error) {
	var before, id string
	if err := tx.QueryRowContext(ctx, `SELECT digest, item FROM requests WHERE person = $1 AND key = $2`, person, key).Scan(&before, &id); err != nil {
		return nil, err
	}
	if before != digest {
		return nil, ErrKeyReused
	}
	return findItem(ctx, tx, id, "")
}

// accepts says why an answer to a locked item cannot be taken.
func (d *DB) accepts(ctx context.Context, tx *sql.Tx, it *item, a review.Answer, kind string, needLease bool) error {
	if kind != kindSkip {
		if err := d.checkLabel(it, &a.Label); err != nil {
			return err
		}
	}
	var answered int // One may answer after all what one skipped before.
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM answers WHERE item = $1 AND person = $2 AND undone_at = 0 AND kind IN ($3, $4)`,
		it.ID, a.Person, kindAnswer, kind).Scan(&answered); err != nil {
		return err
	}
	switch {
	case kind == kindSettle && it.State == review.Conflict:
		return nil // whoever gave one of the answers in conflict may be the reviewer, too
	case kind == kindSettle, it.State != review.Pending, answered > 0:
		return review.ErrAnswered
	case !needLease:
		return nil
	}
	var held int
	err := tx.QueryRowContext(ctx, `SELECT count(*) FROM leases WHERE person = $1 AND item = $2`, a.Person, it.ID).Scan(&held)
	if err != nil || held == 0 {
		return cmp.Or(err, review.ErrLease)
	}
	// A lease that ran out is as good as one that did not, as long as nobody else took the item.
	if free, err := d.free(ctx, tx, it, a.Person); err != nil || !free {
		return cmp.Or(err, review.ErrLease)
	}
	return nil
}

func (d *DB) checkLabel(it *item, l *review.Label) error {
	doc := d.review.Load()
	for i := range doc.Monitors {
		if doc.Monitors[i].Name == it.Monitor {
			return review.CheckLabel(&doc.Question, &doc.Monitors[i], l)
		}
	}
	return fmt.Errorf("%w: the monitor %.80q feeds the queue no more", review.ErrInvalid, it.Monitor)
}

// record writes an answer to a locked item, ends the lease, and moves the item on.
func (d *DB) record(ctx context.Context, tx *sql.Tx, it *item, a review.Answer, kind, text string) error {
	now := d.now()
	if _, err := tx.ExecContext(ctx, `INSERT INTO answers (id, item, person, key, kind, label, at) VALUES ($1, $2, $3, $4, $5, $6, $7)`, newID(now), it.ID, a.Person, a.Key, kind, text, micros(now)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM leases WHERE person = $1 AND item = $2`, a.Person, it.ID); err != nil {
		return err
	}
	var t tally
	t.add(totalAnswers+kind, 1)
	if a.Label.Critical {
		t.add(totalAnswers+"critical", 1)
	}
	if a.Label.Escalated {
		t.add(totalAnswers+"escalated", 1)
	}
	if err := d.advance(ctx, tx, it, &t, d.overlap(), func(b band) (band, error) { return b.with(a.Person) }); err != nil {
		return err
	}
	return t.write(ctx, tx)
}

// totalAnswers starts the names of the totals of answers.
const totalAnswers = "answers/"

// Answers are what people said of an item, in the order in which they did; what they took back is not among it.
func (d *DB) Answers(ctx context.Context, id string) ([]review.Answer, error) {
	answers, err := readAnswers(ctx, d.read, id)
	if err != nil {
		return nil, fmt.Errorf("reading answers: %w", err)
	}
	list := make([]review.Answer, len(answers))
	for i, a := range answers {
		list[i] = a.Answer
	}
	return list, nil
}

// answer is a row of answers.
type answer struct {
	review.Answer
	id, kind string
}

const answerColumns = `id, item, person, key, kind, label, at`

func scanAnswer(scan func(...any) error) (answer, error) {
	var a answer
	var text string
	var at int64
	err := scan(&a.id, &a.Item, &a.Person, &a.Key, &a.kind, &text, &at)
	if err == nil {
		a.Label, err = decodeLabel(text)
	}
	a.Skipped, a.At = a.kind == kindSkip, instant(at)
	return a, err
}

func readAnswers(ctx context.Context, q querier, item string) ([]answer, error) {
	var list []answer
	err := each(ctx, q, `SELECT `+answerColumns+` FROM answers WHERE item = $1 AND undone_at = 0 ORDER BY id`, []any{item},
		func(scan func(...any) error) error {
			a, err := scanAnswer(scan)
			list = append(list, a)
			return err
		})
	return list, err
}

// said are the answers among them that count, without skips.
func said(answers []answer) []answer {
	return slices.DeleteFunc(slices.Clone(answers), func(a answer) bool { return a.kind == kindSkip })
}

func latest(answers []answer) time.Time {
	var t time.Time
	for _, a := range answers {
		if a.At.After(t) {
			t = a.At
		}
	}
	return t
}
