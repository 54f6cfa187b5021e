// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/review"
)

// labelRow is how outbox.doc holds a row.
type labelRow struct {
	ID         string       `json:"id"`
	RecordID   string       `json:"record_id,omitempty"`
	RequestID  string       `json:"request_id,omitempty"`
	LabelKey   string       `json:"label_key,omitempty"`
	Instance   int64        `json:"instance"`
	Prediction int64        `json:"prediction_ts,omitempty"`
	Kind       label.Kind   `json:"kind"`
	Class      string       `json:"class,omitempty"`
	Value      number       `json:"value"`
	Event      string       `json:"event,omitempty"`
	Amount     number       `json:"amount"`
	Retracted  bool         `json:"retracted,omitempty"`
	Observed   int64        `json:"observed_ts,omitempty"`
	Received   int64        `json:"received_ts"`
	Source     label.Source `json:"source"`
	Queue      string       `json:"queue,omitempty"`
	Annotators []string     `json:"annotators,omitempty"`
	Agreement  number       `json:"agreement"`
	Selection  number       `json:"selection"`
	Comment    string       `json:"comment,omitempty"`
}

func encodeRow(r *label.Row) (string, error) {
	b, err := json.Marshal(labelRow{
		r.ID, r.RecordID, r.RequestID, r.LabelKey, r.Instance, micros(r.PredictionTime), r.Kind, r.Class, number(r.Value), r.Event,
		number(r.Amount), r.Retracted, micros(r.Observed), micros(r.Received), r.Source, r.Queue, r.Annotators, number(r.Agreement),
		number(r.Selection), r.Comment,
	})
	if err != nil {
		return "", fmt.Errorf("encoding a label: %w", err)
	}
	return string(b), nil
}

func decodeRow(text string) (label.Row, error) {
	r := labelRow{Selection: number(math.NaN())} // Rows of before have none.
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return label.Row{}, fmt.Errorf("decoding a label: %w", err)
	}
	return label.Row{
		ID: r.ID, RecordID: r.RecordID, RequestID: r.RequestID, LabelKey: r.LabelKey, Instance: r.Instance,
		PredictionTime: instant(r.Prediction), Kind: r.Kind, Class: r.Class, Value: float64(r.Value), Event: r.Event,
		Amount: float64(r.Amount), Retracted: r.Retracted, Observed: instant(r.Observed), Received: instant(r.Received), Source: r.Source,
		Queue: r.Queue, Annotators: r.Annotators, Agreement: float64(r.Agreement), Selection: float64(r.Selection),
		Comment: r.Comment,
	}, nil
}

// restate makes the labels of a locked item say what holds now. Rows that were not frozen are dropped; what was said in those
// that were is replaced by later rows, or retracted.
func (d *DB) restate(ctx context.Context, tx *sql.Tx, it *item, answers []answer, agreement float64) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM outbox WHERE item = $1 AND batch = ''`, it.ID); err != nil {
		return err
	}
	standing, last, err := standing(ctx, tx, it.ID)
	if err != nil {
		return err
	}
	received := time.UnixMicro(max(micros(d.now()), last+1)).UTC() // Whatever the clock says, it comes after the rows before.
	var rows []label.Row
	if it.State == review.Done {
		rows = d.labels(it, answers, agreement)
	}
	for _, r := range rows {
		delete(standing, r.Subject())
	}
	for _, r := range standing {
		r.Retracted, r.Class, r.Value, r.Amount, r.Comment = true, "", math.NaN(), math.NaN(), ""
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b label.Row) int { return len(a.Event) - len(b.Event) })
	for _, r := range rows {
		it.settlements++
		r.Received = received
		r.Identify(fmt.Sprintf("%s/%s/%s/%d", r.Queue, it.Monitor, it.ID, it.settlements))
		if err := post(ctx, tx, it.Monitor, it.ID, &r); err != nil {
			return err
		}
	}
	return nil
}

// labels are the rows that an item that is done comes to. With which probability the prediction became an item is what their
// weight follows from; who was asked first among outliers is not chance, and has none.
func (d *DB) labels(it *item, answers []answer, agreement float64) []label.Row {
	truth := label.Row{
		RecordID: it.ID, Instance: -1, PredictionTime: it.Prediction.Time, Kind: label.Truth, Class: it.Label.Class, Value: it.Label.Value,
		Amount: math.NaN(), Observed: latest(answers), Source: label.SourceReview, Queue: d.review.Load().Queue, Agreement: agreement,
		Selection: it.InclusionProbability, Comment: it.Label.Comment,
	}
	escalated := it.Label.Escalated
	for _, a := range said(answers) {
		truth.Annotators = append(truth.Annotators, a.Person)
		escalated = escalated || a.Label.Escalated
	}
	slices.Sort(truth.Annotators)
	truth.Annotators = slices.Compact(truth.Annotators)
	var rows []label.Row
	if truth.Class != "" || !math.IsNaN(truth.Value) { // A reviewer may settle an item without knowing the answer.
		rows = append(rows, truth)
	}
	event := truth
	event.Kind, event.Class, event.Value = label.Event, "", math.NaN()
	if it.Label.Critical {
		event.Event = label.EventCriticalError
		rows = append(rows, event)
	}
	if escalated {
		event.Event = label.EventEscalation
		rows = append(rows, event)
	}
	return rows
}

// standing are the rows of an item that were frozen and hold, and when the last of its rows was received.
func standing(ctx context.Context, tx *sql.Tx, item string) (map[label.Subject]label.Row, int64, error) {
	held, last := map[label.Subject]label.Row{}, int64(0)
	err := each(ctx, tx, `SELECT at, doc FROM outbox WHERE item = $1 ORDER BY at, id`, []any{item}, func(scan func(...any) error) error {
		var doc string
		if err := scan(&last, &doc); err != nil {
			return err
		}
		r, err := decodeRow(doc)
		if err != nil {
			return err
		}
		if held[r.Subject()] = r; r.Retracted {
			delete(held, r.Subject())
		}
		return nil
	})
	return held, last, err
}

// post puts a row into the outbox. One that is there already is the same row.
func post(ctx context.Context, tx *sql.Tx, monitor, item string, r *label.Row) error {
	doc, err := encodeRow(r)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO outbox (id, monitor, item, at, doc) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		r.ID, monitor, item, micros(r.Received), doc)
	return err
}

// Post puts rows from elsewhere, which Validate accepts, into the outbox of a monitor. A row that was there before is not
// added again.
func (d *DB) Post(ctx context.Context, monitor string, rows []label.Row) error {
	err := d.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for i := range rows {
			if err := post(ctx, tx, monitor, "", &rows[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("taking labels in: %w", err)
	}
	return nil
}
