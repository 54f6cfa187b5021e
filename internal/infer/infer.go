// SPDX-License-Identifier: Apache-2.0

// Package infer owns how a schema is guessed: from calls as the sidecar keeps their bodies, or from what a model server says of
// itself. It is for a person to read, correct and paste: nothing acts on it. It imports no Kubernetes package, and reads no
// clock and no file.
package infer

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Bounds of what is looked at.
const (
	maxFeatures = 256
	maxDepth    = 8
	// maxDistinct is how many values of a feature are told apart: a Categorical has no more in its schema.
	maxDistinct = 512
	maxValue    = 128
)

// Schema is what was guessed.
type Schema struct {
	Protocol wire.Protocol `json:"protocol,omitempty"`
	// Calls were looked at, Unreadable of them could not be read; Instances were in the others.
	Calls      int64     `json:"calls"`
	Unreadable int64     `json:"unreadable,omitempty"`
	Instances  int64     `json:"instances"`
	LabelKey   string    `json:"labelKey,omitempty"`
	Features   []Feature `json:"features"`
	// Prediction is nil where no answer could be understood.
	Prediction *Prediction `json:"prediction,omitempty"`
	// Notes are what a person should look at.
	Notes []string `json:"notes,omitempty"`
}

// Feature is one input.
type Feature struct {
	Name string           `json:"name"`
	Type wire.FeatureType `json:"type"`
	// Path is empty where the default finds it.
	Path     string `json:"path,omitempty"`
	Required bool   `json:"required,omitempty"`
	// Origin is the number that is subtracted; empty for zero.
	Origin string `json:"origin,omitempty"`
	// Seen tells of the values that were seen, for a person.
	Seen string `json:"seen,omitempty"`
}

// Prediction is where the answer is.
type Prediction struct {
	Kind    wire.PredictionKind `json:"kind"`
	Score   string              `json:"score,omitempty"`
	Label   string              `json:"label,omitempty"`
	Scores  string              `json:"scores,omitempty"`
	Classes []string            `json:"classes,omitempty"`
	Seen    string              `json:"seen,omitempty"`
}

// Inference collects calls.
type Inference struct {
	capture   wire.Capture
	schema    Schema
	request   *tree
	response  *tree
	instances *expr.Path
	answers   *expr.Path
}

// New starts an inference; the configuration says where instances are in bodies of JSON.
func New(capture wire.Capture) (*Inference, error) {
	x := &Inference{capture: capture, request: newTree(expr.RootRequest), response: newTree(expr.RootResponse)}
	for _, p := range []struct {
		text string
		path **expr.Path
	}{{capture.JSON.Instances, &x.instances}, {capture.JSON.Predictions, &x.answers}} {
		if p.text == "" {
			continue
		}
		path, err := expr.ParsePath(p.text)
		if err != nil {
			return nil, err
		}
		*p.path = &path
	}
	return x, nil
}

// Observe looks at one call. What cannot be read is counted.
func (x *Inference) Observe(request, response []byte) {
	x.schema.Calls++
	protocol, instances, err := split(x.protocol(request), request, x.instances, "inputs", "instances")
	if err != nil || len(instances) == 0 {
		x.schema.Unreadable++
		return
	}
	x.schema.Protocol = protocol
	x.schema.Instances += int64(len(instances))
	for _, instance := range instances {
		x.request.observe(instance)
	}
	// An answer that cannot be read tells nothing; it may be an error's.
	if _, answers, err := split(protocol, response, x.answers, "outputs", "predictions"); err == nil && len(answers) == len(instances) {
		for _, answer := range answers {
			x.response.observe(answer)
		}
	}
}

// Schema is what can be told by now.
func (x *Inference) Schema() Schema {
	s := x.schema
	var named names
	for _, l := range x.request.leaves() {
		f, key, note := l.feature(&named, s.Instances)
		switch {
		case key && s.LabelKey == "":
			s.LabelKey = l.path
		case note != "":
			s.Notes = append(s.Notes, note)
		case len(s.Features) < maxFeatures:
			s.Features = append(s.Features, f)
		}
	}
	s.Prediction = x.response.prediction()
	if s.Prediction == nil && s.Instances > 0 {
		s.Notes = append(s.Notes, "no answer could be understood: declare schema.prediction by hand")
	}
	return s
}

// protocol is the one that is declared, or what a body looks like.
func (x *Inference) protocol(body []byte) wire.Protocol {
	if p := x.capture.Protocol; p != "" && p != wire.ProtocolAuto {
		return p
	}
	var head struct {
		Inputs []struct {
			Shape []int64 `json:"shape"`
		} `json:"inputs"`
		Instances json.RawMessage `json:"instances"`
	}
	switch err := json.Unmarshal(body, &head); {
	case err == nil && len(head.Inputs) > 0 && head.Inputs[0].Shape != nil:
		return wire.ProtocolOpenInferenceV2
	case head.Instances != nil:
		return wire.ProtocolKServeV1
	}
	return wire.ProtocolJSON
}

var errUnreadable = errors.New("the body cannot be read")

// split takes a body apart into instances, each as JSON is decoded, in the form that paths see.
func split(protocol wire.Protocol, body []byte, path *expr.Path, tensors, list string) (wire.Protocol, []any, error) {
	switch protocol {
	case wire.ProtocolOpenInferenceV2:
		instances, err := splitTensors(body, tensors)
		return protocol, instances, err
	case wire.ProtocolKServeV1:
		var outer map[string]json.RawMessage
		if json.Unmarshal(body, &outer) != nil {
			return protocol, nil, errUnreadable
		}
		raw := outer[list]
		if raw == nil {
			raw = outer[tensors]
		}
		instances, ok := decode(raw).([]any)
		if !ok {
			return protocol, nil, errUnreadable
		}
		return protocol, instances, nil
	}
	if !json.Valid(body) {
		return protocol, nil, errUnreadable
	}
	if path != nil {
		found, ok := path.FindJSON(body)
		if !ok {
			return protocol, nil, errUnreadable
		}
		body = found
	}
	value := decode(body)
	if many, ok := value.([]any); ok && path != nil {
		return protocol, many, nil
	}
	return protocol, []any{value}, nil
}

func decode(raw []byte) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// splitTensors makes of the tensors of a body one object an instance: a row of one element is that, a longer one an array.
func splitTensors(body []byte, name string) ([]any, error) {
	var outer map[string]json.RawMessage
	var list []struct {
		Name  string          `json:"name"`
		Shape []int64         `json:"shape"`
		Data  json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &outer) != nil || json.Unmarshal(outer[name], &list) != nil {
		return nil, errUnreadable
	}
	var instances []any
	for _, t := range list {
		data, ok := decode(t.Data).([]any)
		if data = flatten(data); !ok || len(t.Shape) == 0 || t.Shape[0] < 1 || int64(len(data))%t.Shape[0] != 0 {
			return nil, errUnreadable // binary tensors, too
		}
		n := int(t.Shape[0])
		if instances == nil {
			for range n {
				instances = append(instances, map[string]any{})
			}
		}
		if len(instances) != n {
			return nil, errUnreadable
		}
		for i, row := range slices.Collect(slices.Chunk(data, max(len(data)/n, 1))) {
			object := instances[i].(map[string]any)
			if object[t.Name] = any(row); len(row) == 1 {
				object[t.Name] = row[0]
			}
		}
	}
	return instances, nil
}

func flatten(data []any) []any {
	var flat []any
	for _, v := range data {
		if nested, ok := v.([]any); ok {
			flat = append(flat, flatten(nested)...)
		} else {
			flat = append(flat, v)
		}
	}
	return flat
}
