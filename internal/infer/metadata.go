// SPDX-License-Identifier: Apache-2.0

package infer

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/wire"
)

// metadataTensor is what the Open Inference Protocol says of an input or an output.
type metadataTensor struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

// columns is how many elements an instance has; 0 when the model does not say.
func (t metadataTensor) columns() int64 {
	n := int64(1)
	for _, d := range t.Shape[min(1, len(t.Shape)):] {
		if d < 1 || d > 1<<20 || n > 1<<20 {
			return 0
		}
		n *= d
	}
	return n
}

// FromMetadata guesses a schema from the metadata of a model, as GET v2/models/NAME of the Open Inference Protocol answers.
func FromMetadata(document []byte) (Schema, error) {
	var m struct {
		Inputs  []metadataTensor `json:"inputs"`
		Outputs []metadataTensor `json:"outputs"`
	}
	if err := json.Unmarshal(document, &m); err != nil {
		return Schema{}, fmt.Errorf("reading the model's metadata: %w", err)
	}
	s := Schema{Protocol: wire.ProtocolOpenInferenceV2, Features: []Feature{}}
	var n names
	for _, t := range m.Inputs {
		path, columns := expr.RootRequest+member(t.Name), t.columns()
		switch {
		case t.Name == "" || len(path) > 250:
		case columns == 0:
			s.Notes = append(s.Notes, path+" has no fixed number of elements: it is left out")
		case columns > maxFeatures-int64(len(s.Features)):
			s.Notes = append(s.Notes, fmt.Sprintf("%s has %d elements, more than a schema can have features: it is left out", path, columns))
		case columns == 1:
			s.Features = append(s.Features, t.feature(&n, t.Name, path))
		default:
			for i := range columns {
				index := strconv.FormatInt(i, 10)
				s.Features = append(s.Features, t.feature(&n, t.Name+"_"+index, path+"["+index+"]"))
			}
		}
	}
	if len(s.Features) == 0 {
		return s, fmt.Errorf("the model's metadata names no inputs that could be features: %s", strings.Join(s.Notes, "; "))
	}
	s.Prediction = predictionOf(m.Outputs)
	if s.Prediction == nil {
		s.Notes = append(s.Notes, "no output looks like an answer: declare schema.prediction by hand")
	}
	return s, nil
}

func (t metadataTensor) feature(n *names, name, path string) Feature {
	f := Feature{Name: n.of(name), Path: path, Seen: t.Datatype}
	switch t.Datatype {
	case "BOOL":
		f.Type = wire.Boolean
	case "BYTES":
		f.Type = wire.Categorical
	default:
		f.Type = wire.Numeric
	}
	if f.Path == expr.RootRequest+"."+f.Name {
		f.Path = ""
	}
	return f
}

// predictionOf takes the first output that looks like probabilities, else like a score, else like a label.
func predictionOf(outputs []metadataTensor) *Prediction {
	const guess = "a guess from shape and type"
	var score, label string
	for _, t := range outputs {
		path, columns := expr.RootResponse+member(t.Name), t.columns()
		switch number := t.Datatype != "BYTES" && t.Datatype != "BOOL"; {
		case t.Name == "":
		case number && columns > 2 && columns <= 1000:
			return &Prediction{Kind: wire.MulticlassClassification, Scores: path, Seen: guess}
		case number && columns == 2:
			return &Prediction{Kind: wire.BinaryClassification, Score: path + "[1]", Seen: guess}
		case number && strings.HasPrefix(t.Datatype, "FP") && score == "":
			score = path
		case columns == 1 && label == "":
			label = path
		}
	}
	switch {
	case score != "":
		return &Prediction{Kind: wire.BinaryClassification, Score: score, Seen: guess + ": where it is no probability, it is a Regression"}
	case label != "":
		return &Prediction{Kind: wire.MulticlassClassification, Label: label, Seen: guess}
	}
	return nil
}
