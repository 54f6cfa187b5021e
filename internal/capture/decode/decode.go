// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/wire"
)

// ErrUndecodable means that a body is not what its protocol says. What wraps it says why, without quoting the body.
var ErrUndecodable = errors.New("the body cannot be decoded")

// ErrLimit means that taking a body apart would need more memory than one call may have. It wraps ErrUndecodable.
var ErrLimit = fmt.Errorf("%w: it needs too much memory", ErrUndecodable)

func tooLarge(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrLimit, fmt.Errorf(format, args...))
}

func undecodable(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUndecodable, fmt.Errorf(format, args...))
}

// Payload is one body, and what its headers say about it.
type Payload struct {
	Bytes []byte
	// Encoding is the Content-Encoding.
	Encoding string
	// JSONLength is the header Inference-Header-Content-Length of the binary tensor extension; empty without it.
	JSONLength string
}

// side is one of the two sides of a call.
type side uint8

const (
	request side = iota
	response
)

// texts are the instances of one side.
type texts struct {
	// raw are the JSON texts of the instances.
	raw [][]byte
	// rows are the arrays of the single tensor of a v2 body, where features may go by position.
	rows [][]byte
	// first is the name of the first tensor of a v2 body.
	first string
	// body is the whole as JSON, without what is binary.
	body []byte
}

// Decoder takes calls apart as one configuration says. It is safe for concurrent use.
type Decoder struct {
	protocol               wire.Protocol
	path                   string
	instances, predictions *expr.Path
	features               []feature
	byName                 map[string]int // of those without a path
	prediction             prediction
	labelKey               *expr.Path
}

// New makes a Decoder.
func New(capture wire.Capture, schema wire.Schema) (*Decoder, error) {
	d := &Decoder{protocol: capture.Protocol, path: capture.JSON.Path, byName: map[string]int{}}
	if d.protocol == "" {
		d.protocol = wire.ProtocolAuto
	}
	var err error
	optional := func(s string) *expr.Path {
		if s == "" || err != nil {
			return nil
		}
		var p expr.Path
		p, err = expr.ParsePath(s)
		return &p
	}
	d.instances, d.predictions = optional(capture.JSON.Instances), optional(capture.JSON.Predictions)
	d.labelKey = optional(schema.LabelKey.Path)
	for i, f := range schema.Features {
		d.features = append(d.features, feature{Feature: f, path: optional(f.Path)})
		if f.Path == "" {
			d.byName[f.Name] = i
		}
	}
	p := schema.Prediction
	d.prediction = prediction{
		Prediction: p, score: optional(p.Score), label: optional(p.Label), scores: optional(p.Scores),
	}
	if err != nil {
		return nil, fmt.Errorf("reading the paths of the schema: %w", err)
	}
	return d, nil
}

// split cuts a body into the texts of its instances.
func (d *Decoder) split(path string, s side, p Payload) (texts, error) {
	body, err := inflate(p.Bytes, p.Encoding)
	if err != nil {
		return texts{}, err
	}
	protocol := d.protocol
	if protocol == wire.ProtocolAuto {
		protocol = recognise(path)
	}
	if protocol == wire.ProtocolOpenInferenceV2 {
		return splitV2(s, body, p.JSONLength)
	}
	if !json.Valid(body) {
		return texts{}, undecodable("it is no valid JSON")
	}
	var t texts
	if protocol == wire.ProtocolKServeV1 {
		t, err = splitV1(s, body)
	} else {
		at := d.instances
		if s == response {
			at = d.predictions
		}
		t, err = splitJSON(at, body)
	}
	t.body = body
	return t, err
}

// splitV1 cuts a body of the KServe V1 protocol.
func splitV1(s side, body []byte) (texts, error) {
	names := [...]string{"instances", "inputs"}
	if s == response {
		names = [...]string{"predictions", "outputs"}
	}
	for _, name := range names {
		list, ok := member(body, name)
		if !ok {
			continue
		}
		if kind(list) != '[' {
			return texts{}, undecodable("%q is no array", name)
		}
		return collect(list)
	}
	return texts{}, undecodable("it has no %q", names[0])
}

// splitJSON cuts a body at a declared path.
func splitJSON(at *expr.Path, body []byte) (texts, error) {
	if at == nil {
		return texts{raw: [][]byte{trim(body)}}, nil
	}
	found, ok := at.FindJSON(body)
	if !ok {
		return texts{}, undecodable("it has nothing at %s", at)
	}
	if found = trim(found); kind(found) != '[' {
		return texts{raw: [][]byte{found}}, nil
	}
	return collect(found)
}

// What a call takes is bounded by these, not by the size of its body: a few bytes of a body become a row of all
// features. All rows of a call are in memory at once, at about 1 KiB each and 32 bytes for each value.
const (
	// maxInstances bounds the instances of a call.
	maxInstances = 1 << 14
	// maxValues bounds the instances of a call times the features of the schema, whatever the body says of them.
	maxValues = 1 << 18
	// maxElements bounds the elements of all tensors of a body. Uncompressed bodies of the default limit cannot hold more.
	maxElements = 1 << 17
	// maxNames bounds the bytes of the names of tensors, which are repeated in every row.
	maxNames = 4 << 20
)

// checkInstances refuses more instances than a call may have. It is asked before anything is allocated for them.
func (d *Decoder) checkInstances(n int) error {
	if n > maxInstances {
		return tooLarge("it has more than %d instances", maxInstances)
	}
	if n*len(d.features) > maxValues {
		return tooLarge("%d instances of %d features are more than %d values", n, len(d.features), maxValues)
	}
	return nil
}

func collect(list []byte) (texts, error) {
	var t texts
	for e := range elements(list) {
		if len(t.raw) == maxInstances {
			return texts{}, tooLarge("it has more than %d instances", maxInstances)
		}
		t.raw = append(t.raw, e)
	}
	return t, nil
}
