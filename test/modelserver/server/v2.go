// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/vedette-dev/vedette/test/modelserver/model"
)

// Datatypes of Open Inference Protocol v2 that the model's tensors have. Numbers may come in any other numeric type.
const (
	Bytes = "BYTES"
	Int64 = "INT64"
	FP64  = "FP64"
)

// Names of the tensors.
const (
	InputFlightID      = "flight_id"
	InputHour          = "hour"
	InputWeekday       = "weekday"
	InputOrigin        = "origin"
	InputDestination   = "destination"
	InputDistance      = "distance"
	InputOriginDelay2h = "origin_delay_2h"

	OutputScore      = "score"
	OutputPrediction = "prediction"
)

// V2Request is the body of an inference.
type V2Request struct {
	ID     string     `json:"id,omitempty"`
	Inputs []V2Tensor `json:"inputs"`
	// Outputs are the wanted ones; all when empty.
	Outputs []V2Output `json:"outputs,omitempty"`
}

// V2Tensor is a column: one value per row.
type V2Tensor struct {
	Name     string  `json:"name"`
	Shape    []int64 `json:"shape"`
	Datatype string  `json:"datatype"`
	// Data is a flat or nested array.
	Data json.RawMessage `json:"data"`
}

// V2Output names a wanted output.
type V2Output struct {
	Name string `json:"name"`
}

// V2Response is the answer to a V2Request.
type V2Response struct {
	ModelName    string     `json:"model_name"`
	ModelVersion string     `json:"model_version"`
	ID           string     `json:"id,omitempty"`
	Outputs      []V2Tensor `json:"outputs"`
}

// v2Metadata describes a tensor. The number of rows is free.
type v2Metadata struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

// v2Server answers GET /v2.
func (s server) v2Server(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"name": "modelserver", "version": s.Model.Version, "extensions": []string{}})
}

// v2Model answers GET /v2/models/{name}.
func (s server) v2Model(w http.ResponseWriter, _ *http.Request) {
	column := func(name, datatype string) v2Metadata { return v2Metadata{name, datatype, []int64{-1}} }
	writeJSON(w, http.StatusOK, map[string]any{
		"name": s.Name, "versions": []string{s.Model.Version}, "platform": "go_logistic_regression",
		"inputs": []v2Metadata{
			column(InputFlightID, Bytes), column(InputHour, Int64), column(InputWeekday, Bytes), column(InputOrigin, Bytes),
			column(InputDestination, Bytes), column(InputDistance, FP64), column(InputOriginDelay2h, FP64),
		},
		"outputs": []v2Metadata{column(OutputScore, FP64), column(OutputPrediction, Bytes)},
	})
}

// v2Infer answers POST /v2/models/{name}/infer.
func (s server) v2Infer(w http.ResponseWriter, r *http.Request) {
	body, ok := read(w, r)
	if !ok {
		return
	}
	request, instances, err := decodeV2(body)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	scores, err := s.score(r, instances)
	if err != nil {
		fail(w, err)
		return
	}
	outputs, err := encodeV2(scores, request.Outputs)
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	writeJSON(w, http.StatusOK, V2Response{ModelName: s.Name, ModelVersion: s.Model.Version, ID: request.ID, Outputs: outputs})
}

// encodeV2 makes the wanted output tensors.
func encodeV2(scores []float64, wanted []V2Output) ([]V2Tensor, error) {
	if len(wanted) == 0 {
		wanted = []V2Output{{OutputScore}, {OutputPrediction}}
	}
	tensors := make([]V2Tensor, len(wanted))
	for i, output := range wanted {
		var data any = scores
		datatype := FP64
		if output.Name == OutputPrediction {
			labels := make([]string, len(scores))
			for j, score := range scores {
				labels[j] = model.Label(score)
			}
			data, datatype = labels, Bytes
		}
		raw, err := json.Marshal(data)
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", output.Name, err)
		}
		tensors[i] = V2Tensor{Name: output.Name, Shape: []int64{int64(len(scores))}, Datatype: datatype, Data: raw}
	}
	return tensors, nil
}
