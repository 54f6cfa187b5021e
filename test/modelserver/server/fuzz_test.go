// SPDX-License-Identifier: Apache-2.0

package server

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/vedette-dev/vedette/test/modelserver/model"
)

// answers checks that whatever was accepted is scored and answered with one finite probability a row.
func answers(t *testing.T, instances []model.Features) {
	t.Helper()
	m, err := model.Load()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(instances); n < 1 || n > maxRows {
		t.Fatalf("accepted %d rows", n)
	}
	scores := make([]float64, len(instances))
	for i, f := range instances {
		if scores[i] = m.Score(f); math.IsNaN(scores[i]) || scores[i] < 0 || scores[i] > 1 {
			t.Fatalf("%+v scores %v", f, scores[i])
		}
	}
	outputs, err := encodeV2(scores, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(outputs); err != nil {
		t.Fatal(err)
	}
}

func FuzzDecodeV2(f *testing.F) {
	f.Add([]byte(`{"id":"a","inputs":[{"name":"origin","shape":[2],"datatype":"BYTES","data":["ATL","LAX"]},{"name":"distance","shape":[2,1],"datatype":"FP64","data":[[1],[1e308]]}]}`))
	f.Add([]byte(`{"inputs":[{"name":"hour","shape":[1],"datatype":"UINT8","data":[23]},{"name":"origin_delay_2h","shape":[1],"datatype":"FP32","data":[-1e308]}],"outputs":[{"name":"score"}]}`))
	f.Add([]byte(`{"inputs":[{"name":"hour","shape":[0],"datatype":"INT64","data":null}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, instances, err := decodeV2(body); err == nil {
			answers(t, instances)
		}
	})
}

func FuzzDecodeV1(f *testing.F) {
	f.Add([]byte(`{"instances":[{"hour":7,"weekday":"Mon","origin":"ATL","destination":"JFK","distance":760,"origin_delay_2h":3.5,"flight_id":"x"},{}]}`))
	f.Add([]byte(`{"instances":[{"distance":-1e308,"hour":-9223372036854775808}]}`))
	f.Add([]byte(`{"instances":[null]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if instances, err := decodeV1(body); err == nil {
			answers(t, instances)
		}
	})
}
