// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/vedette-dev/vedette/test/modelserver/model"
)

// decodeV2 decodes the body of an inference into its instances. A tensor that is not there leaves its feature missing.
func decodeV2(body []byte) (*V2Request, []model.Features, error) {
	var request V2Request
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, nil, fmt.Errorf("decoding the request: %w", err)
	}
	for _, output := range request.Outputs {
		if output.Name != OutputScore && output.Name != OutputPrediction {
			return nil, nil, fmt.Errorf("output %.64q is unknown, want %q or %q", output.Name, OutputScore, OutputPrediction)
		}
	}
	if len(request.Inputs) == 0 {
		return nil, nil, fmt.Errorf("got no inputs")
	}
	var instances []model.Features
	seen := map[string]bool{}
	for _, t := range request.Inputs {
		rows, err := t.rows()
		if err != nil {
			return nil, nil, fmt.Errorf("input %.64q: %w", t.Name, err)
		}
		if instances == nil {
			instances = make([]model.Features, rows)
			for i := range instances {
				instances[i] = model.Missing()
			}
		}
		if rows != len(instances) {
			return nil, nil, fmt.Errorf("input %.64q has %d rows, others have %d", t.Name, rows, len(instances))
		}
		if seen[t.Name] {
			return nil, nil, fmt.Errorf("input %.64q is there twice", t.Name)
		}
		seen[t.Name] = true
		if err := t.fill(instances); err != nil {
			return nil, nil, fmt.Errorf("input %.64q: %w", t.Name, err)
		}
	}
	return &request, instances, nil
}

// rows checks the shape, [n] or [n, 1], and returns n.
func (t V2Tensor) rows() (int, error) {
	if len(t.Shape) != 1 && (len(t.Shape) != 2 || t.Shape[1] != 1) {
		return 0, fmt.Errorf("its shape has %d dimensions, want [n] or [n, 1]", len(t.Shape))
	}
	if n := t.Shape[0]; n < 1 || n > maxRows {
		return 0, fmt.Errorf("it has %d rows, want 1 to %d", n, maxRows)
	}
	return int(t.Shape[0]), nil
}

// fill writes the tensor's values into the instances.
func (t V2Tensor) fill(instances []model.Features) error {
	switch t.Name {
	case InputFlightID, InputWeekday, InputOrigin, InputDestination:
		values, err := t.strings(len(instances))
		if err != nil {
			return err
		}
		for i, v := range values {
			switch f := &instances[i]; t.Name {
			case InputWeekday:
				f.Weekday = v
			case InputOrigin:
				f.Origin = v
			case InputDestination:
				f.Destination = v
			}
		}
	case InputHour, InputDistance, InputOriginDelay2h:
		values, err := t.numbers(len(instances))
		if err != nil {
			return err
		}
		for i, v := range values {
			switch f := &instances[i]; t.Name {
			case InputHour:
				f.Hour = v
			case InputDistance:
				f.Distance = v
			case InputOriginDelay2h:
				f.OriginDelay2h = v
			}
		}
	default:
		return fmt.Errorf("the model has no such input")
	}
	return nil
}

// strings decodes n values of type BYTES.
func (t V2Tensor) strings(n int) ([]string, error) {
	if t.Datatype != Bytes {
		return nil, fmt.Errorf("its datatype is %.16q, want %q", t.Datatype, Bytes)
	}
	return values[string](t.Data, n)
}

// numbers decodes n values of any numeric type.
func (t V2Tensor) numbers(n int) ([]float64, error) {
	switch t.Datatype {
	case "FP16", "FP32", FP64:
		return values[float64](t.Data, n)
	case "INT8", "INT16", "INT32", Int64, "UINT8", "UINT16", "UINT32", "UINT64":
	default:
		return nil, fmt.Errorf("its datatype is %.16q, want a numeric one", t.Datatype)
	}
	v, err := values[float64](t.Data, n)
	if err != nil {
		return nil, err
	}
	for i, x := range v {
		if x != math.Trunc(x) || x < 0 && strings.HasPrefix(t.Datatype, "U") {
			return nil, fmt.Errorf("value %d is not of type %s", i, t.Datatype)
		}
	}
	return v, nil
}

// values decodes a flat array, or an array of arrays of one. A null is an error: the protocol has none.
func values[T any](data json.RawMessage, n int) ([]T, error) {
	var flat []*T
	if err := json.Unmarshal(data, &flat); err != nil {
		var nested [][]*T
		if json.Unmarshal(data, &nested) != nil {
			return nil, fmt.Errorf("decoding its data: %w", err)
		}
		flat = flat[:0]
		for i, row := range nested {
			if len(row) != 1 {
				return nil, fmt.Errorf("row %d has %d values, want 1", i, len(row))
			}
			flat = append(flat, row[0])
		}
	}
	if len(flat) != n {
		return nil, fmt.Errorf("it has %d values, its shape says %d", len(flat), n)
	}
	out := make([]T, n)
	for i, v := range flat {
		if v == nil {
			return nil, fmt.Errorf("value %d is null", i)
		}
		out[i] = *v
	}
	return out, nil
}
