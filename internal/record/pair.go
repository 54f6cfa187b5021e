// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/record/columnar"
)

// Pairs is the tier of requests that were mirrored: one row for each instance.
const Pairs Tier = "pairs"

// PairOutcome is what became of a request that was chosen to be mirrored.
type PairOutcome string

// The outcomes of pairs.
const (
	// PairCompared: both answered, and the answers could be compared.
	PairCompared PairOutcome = "compared"
	// PairPrimaryError, PairShadowError and PairBothError: who gave no answer, or refused the request.
	PairPrimaryError PairOutcome = "primary_error"
	PairShadowError  PairOutcome = "shadow_error"
	PairBothError    PairOutcome = "both_error"
	// PairShadowTimeout: the primary answered, and the shadow did not in time.
	PairShadowTimeout PairOutcome = "shadow_timeout"
	// PairShadowUnreachable: the primary answered, and no connection to the shadow could be made.
	PairShadowUnreachable PairOutcome = "shadow_unreachable"
	// PairIncomparable: both answered, and at least one answer holds no prediction that could be compared.
	PairIncomparable PairOutcome = "incomparable"
	// PairDropped: a bound was reached, so that no copy was sent or its answer was not kept.
	PairDropped PairOutcome = "dropped"
	// PairLost: what the primary answered was lost, or the sidecar ended before the shadow had answered.
	PairLost PairOutcome = "lost"
	// PairCancelled: the client gave up.
	PairCancelled PairOutcome = "cancelled"
)

// Answer is what one side said about an instance. Status is 0, and the numbers are NaN, where there is none.
type Answer struct {
	Status    int32
	LatencyMS float64
	// Prediction, Score, Confidence and Entropy are as in Row.
	Prediction                 string
	Score, Confidence, Entropy float64
}

// Pair is one instance of a request that was mirrored.
type Pair struct {
	// PairID is the RecordID of the primary's row; RequestID is an attribute that clients may reuse.
	PairID, RequestID string
	Time              time.Time
	Rollout           string
	// PrimaryRevision and CandidateRevision are those of the templates, PrimaryVersion and ShadowVersion those of the models.
	PrimaryRevision, CandidateRevision, PrimaryVersion, ShadowVersion string
	// Attempt tells tries of the same candidate apart: Unix seconds of the start, as digits. Rows of before have none.
	Attempt string
	// Instance is the number of the instance in the request.
	Instance int32
	Segments []string
	Outcome  PairOutcome
	// ReplicaProbability is the probability with which the primary was asked a second time; 0 if it was not.
	ReplicaProbability       float64
	Primary, Shadow, Replica Answer
	// Same says whether the shadow agrees with the primary, ReplicaSame whether the primary does with itself; nil if unknown.
	Same, ReplicaSame *bool
}

// pairColumns are the columns of pairs, in their order. As with those of rows, none is taken away or changed.
var pairColumns = func() []columnar.Mapping[Pair] {
	list := []columnar.Mapping[Pair]{
		columnar.TextOf("pair_id", columnar.String, func(p *Pair) *string { return &p.PairID }),
		columnar.TextOf("request_id", columnar.String, func(p *Pair) *string { return &p.RequestID }),
		columnar.TimeOf("ts", func(p *Pair) *time.Time { return &p.Time }),
		columnar.TextOf("rollout", columnar.Term, func(p *Pair) *string { return &p.Rollout }),
		columnar.TextOf("primary_revision", columnar.Term, func(p *Pair) *string { return &p.PrimaryRevision }),
		columnar.TextOf("candidate_revision", columnar.Term, func(p *Pair) *string { return &p.CandidateRevision }),
		columnar.TextOf("primary_version", columnar.Term, func(p *Pair) *string { return &p.PrimaryVersion }),
		columnar.TextOf("shadow_version", columnar.Term, func(p *Pair) *string { return &p.ShadowVersion }),
		{
			Name: "instance", Node: columnar.Int32,
			Put: func(p *Pair) parquet.Value { return parquet.Int32Value(p.Instance) },
			Get: func(p *Pair, v parquet.Value, _ *columnar.Text) { p.Instance = v.Int32() },
		},
		columnar.StringsOf("segments", columnar.Terms, func(p *Pair) *[]string { return &p.Segments }),
		columnar.TextOf("outcome", columnar.Term, func(p *Pair) *PairOutcome { return &p.Outcome }),
		columnar.NumberOf("replica_probability", func(p *Pair) *float64 { return &p.ReplicaProbability }),
	}
	list = append(list, answer("primary", func(p *Pair) *Answer { return &p.Primary })...)
	list = append(list, answer("shadow", func(p *Pair) *Answer { return &p.Shadow })...)
	list = append(list, answer("replica", func(p *Pair) *Answer { return &p.Replica })...)
	return append(list,
		maybe("same", func(p *Pair) **bool { return &p.Same }),
		maybe("replica_same", func(p *Pair) **bool { return &p.ReplicaSame }),
		columnar.TextOf("attempt", columnar.Term, func(p *Pair) *string { return &p.Attempt }),
	)
}()

// answer are the columns of one side.
func answer(side string, of func(*Pair) *Answer) []columnar.Mapping[Pair] {
	return []columnar.Mapping[Pair]{
		{
			Name: side + "_status", Node: columnar.Int32,
			Put: func(p *Pair) parquet.Value {
				if s := of(p).Status; s != 0 {
					return parquet.Int32Value(s)
				}
				return parquet.Value{}
			},
			Get: func(p *Pair, v parquet.Value, _ *columnar.Text) {
				if of(p).Status = 0; !v.IsNull() {
					of(p).Status = v.Int32()
				}
			},
		},
		columnar.NumberOf(side+"_latency_ms", func(p *Pair) *float64 { return &of(p).LatencyMS }),
		columnar.TextOf(side+"_prediction", columnar.Term, func(p *Pair) *string { return &of(p).Prediction }),
		columnar.NumberOf(side+"_score", func(p *Pair) *float64 { return &of(p).Score }),
		columnar.NumberOf(side+"_confidence", func(p *Pair) *float64 { return &of(p).Confidence }),
		columnar.NumberOf(side+"_entropy", func(p *Pair) *float64 { return &of(p).Entropy }),
	}
}

// maybe maps a truth value that may be unknown.
func maybe(name string, of func(*Pair) **bool) columnar.Mapping[Pair] {
	return columnar.Mapping[Pair]{
		Name: name, Node: columnar.Boolean,
		Put: func(p *Pair) parquet.Value {
			if b := *of(p); b != nil {
				return parquet.BooleanValue(*b)
			}
			return parquet.Value{}
		},
		Get: func(p *Pair, v parquet.Value, _ *columnar.Text) {
			if *of(p) = nil; !v.IsNull() {
				*of(p) = new(v.Boolean())
			}
		},
	}
}

// PairWriter writes pairs as Parquet. It is not safe for concurrent use.
type PairWriter struct {
	parquet *columnar.Writer
	row     parquet.Row
}

// NewPairWriter starts a file of pairs. Equal pairs give equal bytes.
func NewPairWriter(w io.Writer) (*PairWriter, error) {
	schema, err := columnar.SchemaOf("vedette", pairColumns)
	if err != nil {
		return nil, fmt.Errorf("starting a file of %s: %w", Pairs, err)
	}
	return &PairWriter{parquet: columnar.NewWriter(w, schema, nil)}, nil
}

// Write appends a pair. It keeps nothing of it.
func (w *PairWriter) Write(p *Pair) error {
	w.row = columnar.Append(w.row[:0], pairColumns, p)
	if err := w.parquet.Write(w.row); err != nil {
		return fmt.Errorf("writing a pair: %w", err)
	}
	return nil
}

// Size is how many bytes the file has by now. What is not compressed yet counts in full.
func (w *PairWriter) Size() int64 { return w.parquet.Size() }

// Close ends the file. It does not close what the file is written to.
func (w *PairWriter) Close() error {
	if err := w.parquet.Close(); err != nil {
		return fmt.Errorf("ending a file of pairs: %w", err)
	}
	return nil
}

// ReadPairs yields the pairs of a file of size bytes, of any release. A pair is valid until the next one: clone its segments
// to keep them. It ends after the first error.
func ReadPairs(r io.ReaderAt, size int64) iter.Seq2[*Pair, error] {
	return func(yield func(*Pair, error) bool) {
		file, err := columnar.Open(r, size)
		if err != nil {
			yield(nil, fmt.Errorf("opening a file of pairs: %w", err))
			return
		}
		known := map[string]columnar.Mapping[Pair]{}
		for _, c := range pairColumns {
			known[c.Name] = c
		}
		var found []columnar.Mapping[Pair]
		var sources []columnar.Column
		for _, source := range file.Columns() {
			c, ok := known[source.Name]
			if !ok {
				continue // A column of a later release.
			}
			if !columnar.Fits(c.Node, source) {
				yield(nil, fmt.Errorf("opening a file of pairs: column %.80q: %w: its type is not ours", source.Name, ErrDamaged))
				return
			}
			found, sources = append(found, c), append(sources, source)
		}
		walker := columnar.Walk(file, found, sources)
		defer walker.Close()
		none := Answer{LatencyMS: nan, Score: nan, Confidence: nan, Entropy: nan}
		p := Pair{Primary: none, Shadow: none, Replica: none}
		for range file.NumRows() {
			if err := walker.Next(&p); err != nil {
				yield(nil, err)
				return
			}
			if !yield(&p, nil) {
				return
			}
		}
	}
}
