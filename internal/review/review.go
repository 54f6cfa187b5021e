// SPDX-License-Identifier: Apache-2.0

// Package review owns what an annotation queue is about: items, the answers of people, and their roles. The packages below
// it keep them in a database (db), rank them (rank), take them from the store (ingest), bring answers back to it (publish), and
// put them before people and programs (auth, api, page, server). None of them imports a Kubernetes package.
package review

import (
	"errors"
	"time"

	"github.com/vedette-dev/vedette/internal/feature"
)

// State is how far an item has come.
type State string

// The states of an item.
const (
	// Pending items wait for answers.
	Pending State = "pending"
	// Conflict means that people disagree, and that a reviewer is to decide.
	Conflict State = "conflict"
	// Done items have their answer.
	Done State = "done"
	// Expired items waited longer than the queue keeps them.
	Expired State = "expired"
)

// Origin is why a record became an item.
type Origin string

// The origins of items.
const (
	// Outlier items were kept because of their score or a rule.
	Outlier Origin = "outlier"
	// Random items are a uniform slice of the sampled records.
	Random Origin = "random"
)

// Item is one prediction that people are asked about.
type Item struct {
	// ID is the record id, Monitor the monitor that made it.
	ID, Monitor string
	Origin      Origin
	State       State
	// Priority orders pending items, the greatest first.
	Priority float64
	// Reasons are those of the outlier score; Rules the names of the queue's rules that hold.
	Reasons, Rules []string
	// InclusionProbability is the probability with which a record such as this becomes an item.
	InclusionProbability float64
	// Duplicates is how many near-duplicates the item stands for.
	Duplicates int

	Prediction Prediction
	Added      time.Time
	// Label is the answer that holds, once the item is Done.
	Label *Label
}

// Prediction is what is shown of a record. Redacted features are not in it.
type Prediction struct {
	Time                         time.Time
	RequestID, TraceID, LabelKey string
	ModelVersion                 string
	Segments                     []string
	Features                     []Feature
	// Class is the predicted class; Score the probability of the positive class or the value of a regression, NaN when
	// unknown; Scores those of all classes.
	Class                                     string
	Score                                     float64
	Scores                                    []float64
	Confidence, Entropy, Margin, OutlierScore float64
	Violations                                []string
}

// Feature is the value of one feature.
type Feature struct {
	Name  string
	Value feature.Value
}

// Label is what one person, or all together, say of an item. Class or Value is known, as the question asks.
type Label struct {
	Class string
	Value float64
	// Critical says that the prediction is a critical error, Escalated that somebody else must look at it.
	Critical, Escalated bool
	Comment             string
}

// Answer is what one person said of an item.
type Answer struct {
	// Key makes a repeated request the same answer.
	Key, Item, Person string
	// Skipped says that the person does not want to answer; there is no label then.
	Skipped bool
	Label   Label
	At      time.Time
}

// Role is what a person may do. Each may do all that the ones before it may.
type Role int

// The roles.
const (
	// Nobody may do nothing.
	Nobody Role = iota
	// Annotator answers items.
	Annotator
	// Reviewer adjudicates conflicts, and sees what others answered.
	Reviewer
	// Admin imports, exports, and manages.
	Admin
)

// Person is somebody who is signed in.
type Person struct {
	Name string
	Role Role
}

// What callers tell apart.
var (
	// ErrEmpty means that there is nothing to do for this person now.
	ErrEmpty = errors.New("nothing is waiting")
	// ErrBudget means that the budget of the day is used up.
	ErrBudget = errors.New("the budget of the day is used up")
	// ErrNotFound means that there is no such item.
	ErrNotFound = errors.New("no such item")
	// ErrLease means that the person does not hold the item, or no more.
	ErrLease = errors.New("the item is not held by this person")
	// ErrAnswered means that the person has answered the item already.
	ErrAnswered = errors.New("the item is answered already")
	// ErrInvalid means that an answer does not fit the question.
	ErrInvalid = errors.New("the answer does not fit the question")
	// ErrForbidden means that the person's role does not allow it.
	ErrForbidden = errors.New("the role does not allow it")
	// ErrNothingToUndo means that the person's last answer is adjudicated, or there is none.
	ErrNothingToUndo = errors.New("there is nothing to undo")
)
