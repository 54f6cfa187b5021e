// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/cel-go/cel"

	"github.com/vedette-dev/vedette/internal/feature"
)

// Input is the instance that an expression is evaluated for.
type Input struct {
	// Features are in the order of the schema.
	Features []feature.Value
	// Score, Confidence, Entropy and Margin are NaN, and Label is empty, when unknown.
	Score, Confidence, Entropy, Margin float64
	Label                              string
	// Request and Response are the bodies of the call, which its instances share; nil when unknown.
	Request, Response *Body
	// Text is the instance, where it is text.
	Text string
}

// Body is the body of a call, decoded when the first expression asks for it. It is not safe for concurrent use.
type Body struct {
	raw     []byte
	decoded any
	err     error
	done    bool
}

// NewBody wraps a JSON document. It keeps raw.
func NewBody(raw []byte) *Body { return &Body{raw: raw} }

func (b *Body) value() (any, bool) {
	if b == nil {
		return nil, false
	}
	if !b.done {
		b.err = json.Unmarshal(b.raw, &b.decoded)
		b.raw, b.done = nil, true
	}
	return b.decoded, b.err == nil
}

// activation resolves the variables of an expression from an Input.
type activation Input

// ResolveName implements cel.Activation.
func (a *activation) ResolveName(name string) (any, bool) {
	switch name {
	case "f", "p":
		return (*Input)(a), true
	case "request":
		return a.Request.value()
	case "response":
		return a.Response.value()
	case "input":
		return a.Text, true
	}
	return nil, false
}

// Parent implements cel.Activation.
func (a *activation) Parent() cel.Activation { return nil }

// Program is a compiled expression. It is safe for concurrent use.
type Program struct {
	cel    cel.Program
	source string
}

// String is the source of the expression.
func (p *Program) String() string { return p.source }

var errNoBool = errors.New("it yields no bool")

// Eval says whether the expression holds for an instance. A value that is missing, a division by zero, a cost beyond
// the limit and the like are errors, with false: callers count them.
func (p *Program) Eval(in *Input) (bool, error) {
	v, _, err := p.cel.Eval((*activation)(in))
	if err != nil {
		return false, &evalError{source: p.source, err: err}
	}
	holds, ok := v.Value().(bool)
	if !ok {
		return false, &evalError{source: p.source, err: errNoBool}
	}
	return holds, nil
}

// evalError is rendered only when somebody reads it: most are counted and forgotten.
type evalError struct {
	source string
	err    error
}

func (e *evalError) Error() string { return fmt.Sprintf("expression %.100q: %v", e.source, e.err) }
func (e *evalError) Unwrap() error { return e.err }
