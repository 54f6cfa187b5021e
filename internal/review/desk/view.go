// SPDX-License-Identifier: Apache-2.0

package desk

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/wire"
)

// View is an item as a person may see it.
type View struct {
	review.Item
	Question Question
	// Why says why the item is here, Violations what breaches the schema.
	Why, Breaches []string
	Features      []Feature
	Scores        []Score
	// Value is the predicted number of a regression; nil for a classification.
	Value *Feature
	// TraceURL links to the trace; "" where there is none.
	TraceURL string
	// Held is until when the item is held for whom the view was made; zero when it is not.
	Held time.Time
}

// Score is what the model gave to one class.
type Score struct {
	Class       string
	Probability float64
	Predicted   bool
}

// Question is what is asked about an item.
type Question struct {
	Text string
	// Classes are the answers to choose from; none where Number asks for a number, or where any word will do.
	Classes                     []string
	Number                      bool
	Comment, Critical, Escalate wire.Visibility
}

// view makes of an item what a person may see.
func (d *Desk) view(it review.Item) View {
	s := d.state.Load()
	m := s.monitor(it.Monitor)
	v := View{Item: s.redaction.item(it, &m.Schema)}
	p := &v.Prediction
	sum := s.summaries[it.Monitor]
	v.Question = question(&s.document.Question, m)
	for _, violation := range p.Violations {
		v.Breaches = append(v.Breaches, violationInWords(violation))
	}
	for _, f := range p.Features {
		v.Features = append(v.Features, explain(f, declared(&m.Schema, f.Name), usualOf(sum, f.Name)))
	}
	v.Why = why(&v.Item, v.Features)
	if m.Schema.Prediction.Kind == wire.Regression {
		value := Feature{Name: "prediction", Text: Number(p.Score), Share: math.NaN()}
		if sum != nil {
			value.measure(p.Score, sum.Prediction.Score, "")
		}
		v.Value = &value
	} else {
		v.Scores = scores(p, m.Schema.Prediction.Classes)
	}
	if m.TraceURL != "" && p.TraceID != "" {
		v.TraceURL = strings.ReplaceAll(m.TraceURL, "{trace_id}", url.PathEscape(p.TraceID))
	}
	return v
}

func question(q *wire.ReviewQuestion, m *wire.ReviewMonitor) Question {
	text := q.Text
	if text == "" {
		text = "What should the prediction have been?"
	}
	return Question{
		Text: text, Classes: review.Classes(q, m), Number: review.IsNumber(q, m),
		Comment: q.Comment, Critical: q.CriticalError, Escalate: q.Escalate,
	}
}

func declared(schema *wire.Schema, name string) *wire.Feature {
	i := slices.IndexFunc(schema.Features, func(f wire.Feature) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &schema.Features[i]
}

func usualOf(sum *outlier.Summary, name string) *outlier.FeatureSummary {
	if sum == nil {
		return nil
	}
	i := slices.IndexFunc(sum.Features, func(f outlier.FeatureSummary) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &sum.Features[i]
}

// scores names what the model gave to each class, the likeliest first. Of two classes, one score tells both.
func scores(p *review.Prediction, classes []string) []Score {
	given := p.Scores
	if len(given) == 0 && !math.IsNaN(p.Score) && len(classes) == 2 {
		given = []float64{1 - p.Score, p.Score}
	}
	var out []Score
	for i, s := range given {
		class := fmt.Sprintf("class %d", i+1)
		if i < len(classes) {
			class = classes[i]
		}
		out = append(out, Score{Class: class, Probability: s, Predicted: class == p.Class})
	}
	slices.SortStableFunc(out, func(a, b Score) int {
		switch {
		case a.Probability > b.Probability:
			return -1
		case a.Probability < b.Probability:
			return 1
		}
		return 0
	})
	return out
}
