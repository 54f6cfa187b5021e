// SPDX-License-Identifier: Apache-2.0

package api

import (
	"math"
	"time"

	"github.com/vedette-dev/vedette/internal/feature"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/desk"
)

// item is how the interface tells of an item.
type item struct {
	ID                   string        `json:"id"`
	Monitor              string        `json:"monitor"`
	Origin               review.Origin `json:"origin"`
	State                review.State  `json:"state"`
	Priority             float64       `json:"priority"`
	Why                  []string      `json:"why"`
	Reasons              []string      `json:"reasons"`
	Rules                []string      `json:"rules"`
	InclusionProbability *float64      `json:"inclusion_probability"`
	Duplicates           int           `json:"duplicates"`
	Added                time.Time     `json:"added"`
	Prediction           prediction    `json:"prediction"`
	Features             []featureDoc  `json:"features"`
	Question             question      `json:"question"`
	Label                *labelDoc     `json:"label,omitempty"`
	HeldUntil            *time.Time    `json:"held_until,omitempty"`
	TraceURL             string        `json:"trace_url,omitempty"`
	Answers              []answerDoc   `json:"answers,omitempty"`
}

type prediction struct {
	Time         time.Time `json:"time"`
	RequestID    string    `json:"request_id,omitempty"`
	TraceID      string    `json:"trace_id,omitempty"`
	LabelKey     string    `json:"label_key,omitempty"`
	ModelVersion string    `json:"model_version,omitempty"`
	Segments     []string  `json:"segments"`
	Class        string    `json:"class,omitempty"`
	Score        *float64  `json:"score"`
	Scores       []score   `json:"scores"`
	Confidence   *float64  `json:"confidence"`
	Entropy      *float64  `json:"entropy"`
	Margin       *float64  `json:"margin"`
	OutlierScore *float64  `json:"outlier_score"`
	Violations   []string  `json:"violations"`
}

type score struct {
	Class       string   `json:"class"`
	Probability *float64 `json:"probability"`
}

type featureDoc struct {
	Name string `json:"name"`
	// Value is a number, a text, true or false, or null.
	Value   any    `json:"value"`
	Unusual bool   `json:"unusual"`
	Usual   string `json:"usual,omitempty"`
}

type question struct {
	Text          string   `json:"text"`
	Classes       []string `json:"classes"`
	Number        bool     `json:"number"`
	Comment       string   `json:"comment"`
	CriticalError string   `json:"critical_error"`
	Escalate      string   `json:"escalate"`
}

// labelDoc is what is said of an item.
type labelDoc struct {
	Class     string   `json:"class,omitempty"`
	Value     *float64 `json:"value,omitempty"`
	Critical  bool     `json:"critical,omitempty"`
	Escalated bool     `json:"escalated,omitempty"`
	Comment   string   `json:"comment,omitempty"`
}

type answerDoc struct {
	Person  string    `json:"person"`
	At      time.Time `json:"at"`
	Skipped bool      `json:"skipped,omitempty"`
	Label   *labelDoc `json:"label,omitempty"`
}

// number is nil for what JSON cannot write.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func newItem(v *desk.View) item {
	p := &v.Prediction
	out := item{
		ID: v.ID, Monitor: v.Monitor, Origin: v.Origin, State: v.State, Priority: v.Priority, Why: v.Why, Reasons: list(v.Reasons),
		Rules: list(v.Rules), InclusionProbability: number(v.InclusionProbability), Duplicates: v.Duplicates, Added: v.Added.UTC(),
		TraceURL: v.TraceURL,
		Prediction: prediction{
			Time: p.Time.UTC(), RequestID: p.RequestID, TraceID: p.TraceID, LabelKey: p.LabelKey, ModelVersion: p.ModelVersion,
			Segments: list(p.Segments), Class: p.Class, Score: number(p.Score), Scores: []score{}, Confidence: number(p.Confidence),
			Entropy: number(p.Entropy), Margin: number(p.Margin), OutlierScore: number(p.OutlierScore), Violations: list(p.Violations),
		},
		Features: []featureDoc{},
		Question: question{
			Text: v.Question.Text, Classes: list(v.Question.Classes), Number: v.Question.Number, Comment: string(v.Question.Comment),
			CriticalError: string(v.Question.Critical), Escalate: string(v.Question.Escalate),
		},
	}
	for _, s := range v.Scores {
		out.Prediction.Scores = append(out.Prediction.Scores, score{s.Class, number(s.Probability)})
	}
	for i, f := range v.Features {
		out.Features = append(out.Features, featureDoc{f.Name, plain(p.Features[i].Value), f.Unusual, f.Usual})
	}
	if v.Label != nil {
		out.Label = newLabel(v.Label)
	}
	if !v.Held.IsZero() {
		out.HeldUntil = new(v.Held.UTC())
	}
	return out
}

// plain is a feature's value as JSON has it.
func plain(v feature.Value) any {
	switch v.Kind {
	case feature.Number:
		if n := number(v.Num); n != nil {
			return *n
		}
	case feature.String:
		return v.Str
	case feature.Bool:
		return v.Num != 0
	}
	return nil
}

func newLabel(l *review.Label) *labelDoc {
	return &labelDoc{l.Class, number(l.Value), l.Critical, l.Escalated, l.Comment}
}

func (d *labelDoc) label() review.Label {
	l := review.Label{Class: d.Class, Value: math.NaN(), Critical: d.Critical, Escalated: d.Escalated, Comment: d.Comment}
	if d.Value != nil {
		l.Value = *d.Value
	}
	return l
}

func newAnswers(answers []review.Answer) []answerDoc {
	out := []answerDoc{}
	for _, a := range answers {
		doc := answerDoc{Person: a.Person, At: a.At.UTC(), Skipped: a.Skipped}
		if !a.Skipped {
			doc.Label = newLabel(&a.Label)
		}
		out = append(out, doc)
	}
	return out
}
