// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

var fuzzSchema = wire.Schema{
	LabelKey: wire.LabelKey{Path: "request.id"},
	Features: []wire.Feature{
		{Name: "a", Type: wire.Numeric},
		{Name: "b", Type: wire.Categorical, Path: "request.b[-1].c"},
		{Name: "c", Type: wire.Text},
		{Name: "d", Type: wire.Boolean, Path: "request['d']"},
	},
	Prediction: wire.Prediction{Kind: wire.MulticlassClassification, Classes: []string{"x", "y"}},
}

// check holds for whatever comes in.
func check(t *testing.T, capture wire.Capture, path string, req, res Payload) {
	d, err := New(capture, fuzzSchema)
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Decode(path, req, res)
	if err != nil {
		if !errors.Is(err, ErrUndecodable) || len(c.Instances) > 0 {
			t.Fatalf("%d instances and %v", len(c.Instances), err)
		}
		return
	}
	if !json.Valid(c.Request) || !json.Valid(c.Response) {
		t.Fatal("the bodies are no JSON")
	}
	for i, in := range c.Instances {
		if !json.Valid(in.Request) || !json.Valid(in.Response) {
			t.Fatalf("instance %d is no JSON: %q %q", i, in.Request, in.Response)
		}
		if len(in.Features) != len(fuzzSchema.Features) || !utf8.ValidString(in.Label) || !utf8.ValidString(in.LabelKey) {
			t.Fatalf("instance %d: %+v", i, in)
		}
		for _, v := range in.Features {
			if v.Kind == record.String && (!utf8.ValidString(v.Str) || len(v.Str) > maxText) {
				t.Fatalf("instance %d has the value %q", i, v.Str)
			}
		}
	}
}

func FuzzV2(f *testing.F) {
	f.Add([]byte(`{"inputs":[{"name":"a","shape":[2],"datatype":"FP64","data":[1,"x"]}]}`), []byte(`{"outputs":[{"name":"p","shape":[2,2],"data":[[0.5,0.5],[1,0]]}]}`))
	f.Add([]byte(`{"inputs":[{"name":"a\n","shape":[1,1],"data":[[{"x":[1]}]]}]}`), []byte(`{"outputs":[{"shape":[1],"data":[null]}]}`))
	f.Fuzz(func(t *testing.T, req, res []byte) {
		check(t, wire.Capture{}, v2Path, Payload{Bytes: req}, Payload{Bytes: res})
	})
}

func FuzzV1(f *testing.F) {
	f.Add([]byte(`{"instances":[{"a":1,"b":[{"c":"x"}],"d":true},[1,2,3,4],"s",null]}`), []byte(`{"predictions":[1,"x",[0.1,0.9],{"label":true}]}`))
	f.Add([]byte(` { "inputs" : [ { "a\u0000" : -0.0e-5 } ] } `), []byte(`{"predictions":[[]]}`))
	f.Fuzz(func(t *testing.T, req, res []byte) {
		check(t, wire.Capture{}, v1Path, Payload{Bytes: req}, Payload{Bytes: res})
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"rows":[{"a":1}]}`), []byte(`[0.5]`))
	f.Add([]byte(`{"rows":{"a":"\ud800"}}`), []byte(`"\"]"`))
	f.Fuzz(func(t *testing.T, req, res []byte) {
		capture := wire.Capture{Protocol: wire.ProtocolJSON, JSON: wire.JSONPaths{Instances: "request.rows"}}
		check(t, capture, "/", Payload{Bytes: req}, Payload{Bytes: res})
	})
}

func FuzzBinary(f *testing.F) {
	f.Add([]byte("\x00\x00\x80\x3f"), "FP32", uint16(1))
	f.Add([]byte("\x01\x00\x00\x00\xff"), "BYTES", uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, datatype string, count uint16) {
		head, err := json.Marshal(map[string]any{"inputs": []any{map[string]any{
			"name": "a", "shape": []int{max(1, int(count))}, "datatype": datatype, "parameters": map[string]int{"binary_data_size": len(data)},
		}}})
		if err != nil {
			t.Skip() // a datatype that cannot be sent
		}
		d, err := New(wire.Capture{}, fuzzSchema)
		if err != nil {
			t.Fatal(err)
		}
		length, err := json.Marshal(len(head))
		if err != nil {
			t.Fatal(err)
		}
		c, err := d.Request(v2Path, Payload{Bytes: append(head, data...), JSONLength: string(length)})
		if err == nil && len(c.Instances) != max(1, int(count)) || err != nil && !errors.Is(err, ErrUndecodable) {
			t.Fatalf("%d instances, %v", len(c.Instances), err)
		}
		for _, in := range c.Instances {
			if !json.Valid(in.Request) {
				t.Fatalf("an instance is no JSON: %q", in.Request)
			}
		}
	})
}

func FuzzInflate(f *testing.F) {
	for _, e := range []string{"gzip", "deflate", "zstd", "identity", "x"} {
		f.Add([]byte("\x1f\x8b\x08\x00"), e)
	}
	f.Fuzz(func(t *testing.T, body []byte, encoding string) {
		b, err := inflate(body, encoding)
		if err != nil && !errors.Is(err, ErrUndecodable) || len(b) > max(maxInflated, len(body)) {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
	})
}
