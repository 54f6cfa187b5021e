// SPDX-License-Identifier: Apache-2.0

package review

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Classes are the answers to choose from; none when the question asks for a number.
func Classes(q *wire.ReviewQuestion, m *wire.ReviewMonitor) []string {
	if len(q.Labels) > 0 {
		return q.Labels
	}
	if m.Schema.Prediction.Kind == wire.Regression {
		return nil
	}
	return m.Schema.Prediction.Classes
}

// IsNumber says whether the question asks for a number.
func IsNumber(q *wire.ReviewQuestion, m *wire.ReviewMonitor) bool {
	return len(q.Labels) == 0 && m.Schema.Prediction.Kind == wire.Regression
}

// CheckLabel says, as ErrInvalid, what of an answer does not fit the question. Whoever escalates need not know the answer.
func CheckLabel(q *wire.ReviewQuestion, m *wire.ReviewMonitor, l *Label) error {
	empty := l.Class == "" && math.IsNaN(l.Value)
	switch classes := Classes(q, m); {
	case empty && l.Escalated:
	case IsNumber(q, m):
		if l.Class != "" || math.IsNaN(l.Value) || math.IsInf(l.Value, 0) {
			return fmt.Errorf("%w: the answer must be a number", ErrInvalid)
		}
	case !math.IsNaN(l.Value):
		return fmt.Errorf("%w: the answer must be a label, not a number", ErrInvalid)
	case len(classes) > 0 && !slices.Contains(classes, l.Class):
		return fmt.Errorf("%w: the label %.80q is none of %s", ErrInvalid, l.Class, strings.Join(classes, ", "))
	case l.Class == "" || len(l.Class) > label.MaxClass:
		return fmt.Errorf("%w: a label has 1 to %d bytes", ErrInvalid, label.MaxClass)
	}
	switch {
	case len(l.Comment) > label.MaxComment:
		return fmt.Errorf("%w: the comment has %d bytes, at most %d are allowed", ErrInvalid, len(l.Comment), label.MaxComment)
	case l.Comment == "" && q.Comment == wire.Required:
		return fmt.Errorf("%w: a comment is required", ErrInvalid)
	case l.Comment != "" && q.Comment == wire.Hidden:
		return fmt.Errorf("%w: the queue takes no comments", ErrInvalid)
	case l.Critical && q.CriticalError == wire.Hidden:
		return fmt.Errorf("%w: the queue does not ask for critical errors", ErrInvalid)
	case l.Escalated && q.Escalate == wire.Hidden:
		return fmt.Errorf("%w: the queue does not take escalations", ErrInvalid)
	}
	return nil
}
