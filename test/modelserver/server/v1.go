// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/vedette-dev/vedette/test/modelserver/model"
)

// V1Request is the body of a KServe V1 prediction.
type V1Request struct {
	Instances []V1Instance `json:"instances"`
}

// V1Instance is one flight. What is absent or null is missing.
type V1Instance struct {
	// FlightID is the business key. The model ignores it.
	FlightID      string   `json:"flight_id,omitempty"`
	Hour          *int64   `json:"hour,omitempty"`
	Weekday       string   `json:"weekday,omitempty"`
	Origin        string   `json:"origin,omitempty"`
	Destination   string   `json:"destination,omitempty"`
	Distance      *float64 `json:"distance,omitempty"`
	OriginDelay2h *float64 `json:"origin_delay_2h,omitempty"`
}

// V1Response is the answer to a V1Request.
type V1Response struct {
	Predictions []V1Prediction `json:"predictions"`
}

// V1Prediction is the answer for one flight.
type V1Prediction struct {
	// Score is the probability that the flight is late.
	Score float64 `json:"score"`
	// Prediction is "late" or "ontime".
	Prediction string `json:"prediction"`
}

// v1Predict answers POST /v1/models/{name}:predict.
func (s server) v1Predict(w http.ResponseWriter, r *http.Request) {
	name, verb, _ := strings.Cut(r.PathValue("call"), ":")
	if name != s.Name || verb != "predict" {
		writeError(w, http.StatusNotFound, fmt.Errorf("no call %.64q here, only \"%s:predict\"", r.PathValue("call"), s.Name))
		return
	}
	body, ok := read(w, r)
	if !ok {
		return
	}
	instances, err := decodeV1(body)
	if err != nil {
		writeError(w, http.StatusBadRequest, err)
		return
	}
	scores, err := s.score(r, instances)
	if err != nil {
		fail(w, err)
		return
	}
	response := V1Response{Predictions: make([]V1Prediction, len(scores))}
	for i, score := range scores {
		response.Predictions[i] = V1Prediction{Score: score, Prediction: model.Label(score)}
	}
	writeJSON(w, http.StatusOK, response)
}

// decodeV1 decodes the body of a prediction.
func decodeV1(body []byte) ([]model.Features, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	var request V1Request
	if err := d.Decode(&request); err != nil {
		return nil, fmt.Errorf("decoding the request: %w", err)
	}
	if d.More() {
		return nil, fmt.Errorf("decoding the request: more than one JSON value")
	}
	if n := len(request.Instances); n == 0 || n > maxRows {
		return nil, fmt.Errorf("got %d instances, want 1 to %d", n, maxRows)
	}
	instances := make([]model.Features, len(request.Instances))
	for i, in := range request.Instances {
		f := &instances[i]
		*f = model.Missing()
		f.Weekday, f.Origin, f.Destination = in.Weekday, in.Origin, in.Destination
		if in.Hour != nil {
			f.Hour = float64(*in.Hour)
		}
		if in.Distance != nil {
			f.Distance = *in.Distance
		}
		if in.OriginDelay2h != nil {
			f.OriginDelay2h = *in.OriginDelay2h
		}
	}
	return instances, nil
}
