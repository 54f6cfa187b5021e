// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"math"

	"github.com/vedette-dev/vedette/internal/record"
)

// Call is an inference call that was taken apart.
type Call struct {
	Instances []Instance
	// Request and Response are the whole bodies as JSON, for expressions; Response is nil without an answer.
	Request, Response []byte
}

// Instance is one prediction of a call.
type Instance struct {
	// Features are the values of the schema's features, in its order.
	Features []record.Value
	// LabelKey is the business key; empty if there is none.
	LabelKey string
	Prediction
	// Request and Response are the instance's JSON texts; Response is nil without an answer.
	Request, Response []byte
}

// Prediction is what the model answered about one instance.
type Prediction struct {
	// Label is the predicted class; empty if unknown, and for a regression.
	Label string
	// Score is the positive class's probability or the regression's value; NaN if unknown.
	Score float64
	// Scores are the class probabilities; nil if unknown.
	Scores []float64
}

// Request takes a request apart whose answer is missing: its instances have no prediction.
func (d *Decoder) Request(path string, p Payload) (Call, error) {
	t, err := d.split(path, request, p)
	if err != nil {
		return Call{}, err
	}
	if err := d.checkInstances(len(t.raw)); err != nil {
		return Call{}, err
	}
	call := Call{Instances: make([]Instance, len(t.raw)), Request: t.body}
	for i, raw := range t.raw {
		in := &call.Instances[i]
		in.Request = raw
		in.Score = math.NaN()
		in.Features = d.values(t, i)
		in.LabelKey = d.key(raw)
	}
	return call, nil
}

// Decode takes a call apart. Request and response must hold the same number of instances.
func (d *Decoder) Decode(path string, req, res Payload) (Call, error) {
	call, err := d.Request(path, req)
	if err != nil {
		return Call{}, err
	}
	t, err := d.answers(path, res, len(call.Instances))
	if err != nil {
		return Call{}, err
	}
	call.Response = t.body
	for i, raw := range t.raw {
		call.Instances[i].Response = raw
		call.Instances[i].Prediction = d.prediction.read(raw, t.first)
	}
	return call, nil
}

// Response reads the predictions of another answer to a request that has n instances.
func (d *Decoder) Response(path string, res Payload, n int) ([]Prediction, error) {
	t, err := d.answers(path, res, n)
	if err != nil {
		return nil, err
	}
	predictions := make([]Prediction, n)
	for i, raw := range t.raw {
		predictions[i] = d.prediction.read(raw, t.first)
	}
	return predictions, nil
}

// answers are the texts of the answers to n instances.
func (d *Decoder) answers(path string, res Payload, n int) (texts, error) {
	t, err := d.split(path, response, res)
	if err != nil {
		return texts{}, err
	}
	if len(t.raw) != n {
		return texts{}, undecodable("%d instances have %d predictions", n, len(t.raw))
	}
	return t, nil
}

// Text is the instance, where it is a text; empty otherwise.
func (in *Instance) Text() string {
	s, _ := text(trim(in.Request))
	return s
}
