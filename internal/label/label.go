// SPDX-License-Identifier: Apache-2.0

// Package label owns what is known of a prediction afterwards: ground truth, the answers of people, and business events.
// It knows the rows, how they are read and written as Parquet, and which of several holds. It imports no Kubernetes package,
// and reads no clock.
//
// A row is never changed. A correction is another row of the same Subject, received later; a retraction is one that says so.
package label

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"
)

// Source is where a label comes from.
type Source string

// The sources.
const (
	// SourceReview is people, asked by an annotation queue.
	SourceReview Source = "review"
	// SourceAPI is whoever may call the label API.
	SourceAPI Source = "api"
	// SourceFile is a file that was dropped into the inbox.
	SourceFile Source = "file"
)

// Kind is what a row tells.
type Kind string

// The kinds.
const (
	// Truth tells what the prediction should have been.
	Truth Kind = "truth"
	// Event tells what came of the prediction.
	Event Kind = "event"
)

// Names of events that metrics are computed from. Any other name is kept, and counted by that name.
const (
	// EventEscalation means that a person had to take over.
	EventEscalation = "escalation"
	// EventCriticalError means that the prediction did serious harm, or would have.
	EventCriticalError = "critical_error"
	// EventCost means that the prediction cost Amount.
	EventCost = "cost"
)

// Row is one thing that is known of one prediction.
type Row struct {
	// ID is unique to the row, and the same when the same fact is brought twice: see Row.Identify.
	ID string

	// Exactly one of these finds the prediction. LabelKey is in the form in which rows store it, plain or hashed.
	RecordID, RequestID, LabelKey string
	// Instance is the number of the prediction in its request, from 0, beside RequestID; −1 when that is not said.
	Instance int64
	// PredictionTime is when the prediction was made, as far as the source knows; zero when it does not. Beside LabelKey,
	// it tells apart predictions that share the key.
	PredictionTime time.Time

	Kind Kind
	// Class is the true class, Value the true number of a regression (NaN when there is none). For Kind Truth exactly one
	// of them is known.
	Class string
	Value float64
	// Event names an event, and Amount is what it amounts to, NaN when nothing.
	Event  string
	Amount float64
	// Retracted means that what was said of the subject before holds no more.
	Retracted bool

	// Observed is when the fact became known, Received when the row was written. Received decides which row holds.
	Observed, Received time.Time
	Source             Source
	// Queue is the annotation queue, and Annotators are the people behind an answer, by name.
	Queue      string
	Annotators []string
	// Agreement is the share of the annotators who gave this answer, NaN where nobody was asked.
	Agreement float64
	// Selection is the probability with which this prediction, out of all traffic, became an item for people: 1 for an outlier,
	// that of the random slice for the others. NaN, or 0, where nobody chose what is labelled, as for ground truth.
	Selection float64
	Comment   string
}

// Bounds of what is accepted from outside.
const (
	MaxKey     = 512
	MaxClass   = 128
	MaxEvent   = 63
	MaxComment = 4096
)

// Subject is what a row speaks of: rows of equal subjects replace each other.
type Subject struct {
	RecordID, RequestID, LabelKey string
	Instance                      int64
	PredictionTime                time.Time
	Kind                          Kind
	Event                         string
}

// Subject is what r speaks of.
func (r *Row) Subject() Subject {
	return Subject{r.RecordID, r.RequestID, r.LabelKey, r.Instance, r.PredictionTime.UTC(), r.Kind, r.Event}
}

// Validate says what is wrong with a row from outside, and what to do about it.
func (r *Row) Validate() error {
	keys := 0
	for _, k := range []string{r.RecordID, r.RequestID, r.LabelKey} {
		if k != "" {
			keys++
		}
		if len(k) > MaxKey {
			return fmt.Errorf("a key has %d bytes: at most %d are allowed", len(k), MaxKey)
		}
	}
	switch {
	case keys != 1:
		return errors.New("exactly one of record_id, request_id and label_key must be set")
	case r.Instance < -1 || r.Instance >= 0 && r.RequestID == "":
		return errors.New("instance is the number of the prediction in its request, from 0: set it beside request_id only")
	case len(r.Comment) > MaxComment:
		return fmt.Errorf("comment has %d bytes: at most %d are allowed", len(r.Comment), MaxComment)
	case r.Received.IsZero():
		return errors.New("received must be set")
	case r.Selection < 0 || r.Selection > 1:
		return fmt.Errorf("selection_probability is %v: it must be from 0 to 1", r.Selection)
	}
	return r.validateFact()
}

func (r *Row) validateFact() error {
	switch {
	case r.Kind == Event && (r.Event == "" || len(r.Event) > MaxEvent):
		return fmt.Errorf("event must be a name of at most %d bytes, such as %q", MaxEvent, EventEscalation)
	case r.Kind == Event && (r.Class != "" || !math.IsNaN(r.Value)):
		return errors.New("an event has neither class nor value: send them as another row of kind truth")
	case r.Kind == Event && math.IsInf(r.Amount, 0):
		return errors.New("amount must be a finite number")
	case r.Kind == Event:
		return nil
	case r.Kind != Truth:
		return fmt.Errorf("kind is %.20q: want %q or %q", string(r.Kind), Truth, Event)
	case r.Event != "" || !math.IsNaN(r.Amount):
		return errors.New("event and amount belong to rows of kind event")
	case len(r.Class) > MaxClass:
		return fmt.Errorf("class has %d bytes: at most %d are allowed", len(r.Class), MaxClass)
	case math.IsInf(r.Value, 0):
		return errors.New("value must be a finite number")
	case r.Retracted:
		return nil
	case (r.Class == "") == math.IsNaN(r.Value):
		return errors.New("exactly one of class and value must be set")
	}
	return nil
}

// Identify sets the ID from the seed: what makes the fact unique where it comes from, such as the file and the line, or the
// item and the number of its answer.
func (r *Row) Identify(seed string) {
	sum := sha256.Sum256([]byte(string(r.Source) + "\x00" + seed))
	r.ID = hex.EncodeToString(sum[:16])
}
