// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/vedette-dev/vedette/internal/infer"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// KindSchema guesses a schema from the bodies that were kept.
const KindSchema = "schema"

// MaxCalls is the most calls that a schema is guessed from.
const MaxCalls = 10_000

// SchemaReport is a schema that was guessed from traffic.
type SchemaReport struct {
	infer.Schema
}

// errEnough ends the reading of rows.
var errEnough = errors.New("enough calls were seen")

// InferSchema guesses the schema of a model from the bodies of a window, of at most so many calls. It only reads.
func InferSchema(ctx context.Context, e *Env, w Window, calls int64) (*SchemaReport, wire.Verdict, error) {
	if w.Empty() {
		return nil, wire.Verdict{}, InvalidConfig(errors.New("the window is empty: set --window to at least a minute"))
	}
	x, err := infer.New(e.Config.Capture)
	if err != nil {
		return nil, wire.Verdict{}, InvalidConfig(err)
	}
	seen := newIDSet() // bodies stand on each row of a call
	var left = calls
	_, err = eachRow(ctx, e, store.Records, w, []string{"request_id", "request", "response"}, func(row *record.Row) error {
		if row.Request == nil || !seen.add(row.RequestID) {
			return nil
		}
		x.Observe(row.Request, row.Response)
		if left--; left == 0 {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, wire.Verdict{}, err
	}
	r := &SchemaReport{x.Schema()}
	v := wire.Verdict{VerdictHeader: e.header(KindSchema)}
	v.Outcome, v.From, v.To, v.Rows = wire.OutcomeSucceeded, w.From, w.To, r.Instances
	if r.Calls == 0 {
		v.Outcome, v.Reason = wire.OutcomeInsufficient, ReasonTooFewRows
		v.Message = "no bodies of the window are in the store: set source.sidecar.keep.bodies for a while"
	}
	return r, v, nil
}

// WriteJSON writes the whole report.
func (r *SchemaReport) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// WriteText writes what was guessed as a list.
func (r *SchemaReport) WriteText(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d calls (%d of them unreadable), %d instances, %s\n", r.Calls, r.Unreadable, r.Instances, r.Protocol)
	for _, f := range r.Features {
		if err == nil {
			_, err = fmt.Fprintf(w, "  %s %s %s (%s)\n", f.Name, f.Type, f.Path, printable(f.Seen))
		}
	}
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
