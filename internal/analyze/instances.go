// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/vedette-dev/vedette/internal/analyze/table"
	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// instances reads the rows of a dataset as the sidecar would have seen them: features in the order of the schema, the
// prediction with its certainty, and the segments.
type instances struct {
	schema   wire.Schema
	segments []segment
	// found says which features have a column; missing ones are missing in every row.
	found []bool
	// scored says that the file has a column of each class's probability. Its rows then have Scores.
	scored bool
	// truth is the class of the row that turned out to be right; empty where it is not known.
	truth string
	// damaged names files that could not be read to their end.
	damaged []string
}

type segment struct {
	name string
	when *expr.Program
}

// Columns beside those of the features, in this order.
const (
	columnScore = iota
	columnPrediction
	columnConfidence
	columnEntropy
	columnMargin
	columnTruth
	predictionColumns
)

// The names of columns that only a dataset has.
const (
	// truthColumn is the class that turned out to be right.
	truthColumn = "truth"
	// scoreColumn is followed by a class: its probability, where there are more than two.
	scoreColumn = "score_"
)

func newInstances(config wire.Config) (*instances, error) {
	in := &instances{schema: config.Schema, found: make([]bool, len(config.Schema.Features))}
	env, err := expr.NewEnv(config.Schema)
	if err != nil {
		return nil, err
	}
	for _, s := range config.Segments {
		program, err := env.Compile(s.When)
		if err != nil {
			return nil, InvalidConfig(fmt.Errorf("segment %q: %w", s.Name, err))
		}
		in.segments = append(in.segments, segment{s.Name, program})
	}
	return in, nil
}

func (in *instances) wanted() []table.Wanted {
	var wanted []table.Wanted
	for _, f := range in.schema.Features {
		// The first form is that of our own rows, so that captured traffic can serve as a dataset.
		wanted = append(wanted, table.Wanted{Names: []string{"f_" + f.Name, f.Name}, Type: f.Type, Optional: true})
	}
	number := func(name string) table.Wanted {
		return table.Wanted{Names: []string{name}, Type: wire.Numeric, Optional: true}
	}
	category := func(names ...string) table.Wanted {
		return table.Wanted{Names: names, Type: wire.Categorical, Optional: true}
	}
	wanted = append(wanted, number("score"), category("prediction", "label"), number("confidence"), number("entropy"), number("margin"), category(truthColumn))
	for _, class := range in.scoredClasses() {
		wanted = append(wanted, number(scoreColumn+class))
	}
	return wanted
}

// scoredClasses are those whose probabilities may be in columns of their own.
func (in *instances) scoredClasses() []string {
	if in.schema.Prediction.Kind != wire.MulticlassClassification {
		return nil
	}
	return in.schema.Prediction.Classes
}

// each calls visit with every row of the files. The row is valid until the next one.
func (in *instances) each(ctx context.Context, e *Env, files []store.Item, visit func(*record.Row) error) error {
	in.damaged = nil
	for _, file := range files {
		err := in.file(ctx, e, file.Key, visit)
		if errors.Is(err, table.ErrDamaged) {
			e.Log.Warn("a damaged file of the dataset is read only up to the damage", "file", file.Key, "error", err)
			in.damaged = append(in.damaged, file.Key)
			continue
		}
		if errors.Is(err, table.ErrColumn) {
			return &problem{ReasonDatasetUnusable, fmt.Errorf("%s: %w", file.Key, err)}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (in *instances) file(ctx context.Context, e *Env, key string, visit func(*record.Row) error) (err error) {
	object, err := e.Bucket.Open(ctx, key)
	if err != nil {
		return err
	}
	wanted := in.wanted()
	reader, err := table.Open(key, object, object.Size(), wanted)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	for i := range in.found {
		in.found[i] = in.found[i] || reader.Found(i)
	}
	features := len(in.schema.Features)
	in.scored = len(in.scoredClasses()) > 0
	for i := range in.scoredClasses() {
		in.scored = in.scored && reader.Found(features+predictionColumns+i)
	}
	batch := table.NewBatch(len(wanted))
	row := record.Row{Features: make([]record.Value, features), ModelVersion: wire.UnknownVersion}
	for {
		n, err := reader.Next(batch)
		if errors.Is(err, io.EOF) {
			return nil
		}
		for i := range n {
			for j := range features {
				row.Features[j] = batch[j][i]
			}
			in.predict(&row, batch[features:], i)
			in.place(&row)
			if err := visit(&row); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// predict fills in the prediction, deriving what the dataset does not say as the sidecar does.
func (in *instances) predict(r *record.Row, columns [][]record.Value, i int) {
	number := func(column int) float64 {
		if v := columns[column][i]; v.Kind == record.Number {
			return v.Num
		}
		return math.NaN()
	}
	in.truth = columns[columnTruth][i].Str
	p := in.schema.Prediction
	r.Score, r.Prediction = number(columnScore), className(p, columns[columnPrediction][i].Str)
	binary := p.Kind == wire.BinaryClassification
	if binary && r.Prediction == "" && !math.IsNaN(r.Score) {
		index := "0"
		if r.Score >= 0.5 {
			index = "1"
		}
		r.Prediction = className(p, index)
	}
	if binary {
		r.Confidence, r.Entropy, r.Margin = outlier.Uncertainty([]float64{1 - r.Score, r.Score})
		return
	}
	if in.scored {
		r.Scores = r.Scores[:0]
		for class := range in.scoredClasses() {
			r.Scores = append(r.Scores, number(predictionColumns+class))
		}
		r.Confidence, r.Entropy, r.Margin = outlier.Uncertainty(r.Scores)
		return
	}
	r.Confidence, r.Entropy, r.Margin = number(columnConfidence), number(columnEntropy), number(columnMargin)
}

// className is the name of a class. A number or a truth value is the index of a declared one.
func className(p wire.Prediction, label string) string {
	if slices.Contains(p.Classes, label) {
		return label
	}
	switch label {
	case "false":
		label = "0"
	case "true":
		label = "1"
	}
	if i, err := strconv.Atoi(label); err == nil && i >= 0 && i < len(p.Classes) {
		return p.Classes[i]
	}
	return label
}

// place finds the segments of a row. What cannot be evaluated, such as a body that no dataset has, does not hold.
func (in *instances) place(r *record.Row) {
	r.Segments = r.Segments[:0]
	if len(in.segments) == 0 {
		return
	}
	x := expr.Input{
		Features: r.Features, Score: r.Score, Confidence: r.Confidence, Entropy: r.Entropy, Margin: r.Margin, Label: r.Prediction,
	}
	for _, s := range in.segments {
		if holds, _ := s.when.Eval(&x); holds {
			r.Segments = append(r.Segments, s.name)
		}
	}
}
