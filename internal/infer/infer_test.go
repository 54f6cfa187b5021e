// SPDX-License-Identifier: Apache-2.0

package infer_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/infer"
	"github.com/vedette-dev/vedette/internal/wire"
)

func observe(t *testing.T, capture wire.Capture, calls int, call func(i int) (request, response string)) infer.Schema {
	t.Helper()
	x, err := infer.New(capture)
	if err != nil {
		t.Fatal(err)
	}
	for i := range calls {
		request, response := call(i)
		x.Observe([]byte(request), []byte(response))
	}
	return x.Schema()
}

func TestFlightsInTheOpenInferenceProtocol(t *testing.T) {
	got := observe(t, wire.Capture{}, 100, func(i int) (string, string) {
		return fmt.Sprintf(`{"inputs":[
				{"name":"distance","shape":[2,1],"datatype":"FP64","data":[%d,%d.5]},
				{"name":"origin","shape":[2],"datatype":"BYTES","data":["ATL","LAX"]},
				{"name":"Year of Build","shape":[2],"datatype":"INT64","data":[%d,2004]},
				{"name":"embedding","shape":[2,2],"datatype":"FP32","data":[[0.5,1],[2,3]]},
				{"name":"holiday","shape":[2],"datatype":"BOOL","data":[true,false]}]}`, i, i+500, 1970+i%34),
			`{"outputs":[{"name":"score","shape":[2],"datatype":"FP64","data":[0.25,0.75]}]}`
	})
	want := infer.Schema{
		Protocol: wire.ProtocolOpenInferenceV2, Calls: 100, Instances: 200,
		Features: []infer.Feature{
			{Name: "year_of_build", Type: wire.Numeric, Path: "request['Year of Build']", Required: true, Origin: "1900", Seen: "1970 to 2004"},
			{Name: "distance", Type: wire.Numeric, Required: true, Seen: "0 to 599.5"},
			{Name: "embedding_0", Type: wire.Numeric, Path: "request.embedding[0]", Required: true, Seen: "0.5 to 2"},
			{Name: "embedding_1", Type: wire.Numeric, Path: "request.embedding[1]", Required: true, Seen: "1 to 3"},
			{Name: "holiday", Type: wire.Boolean, Required: true, Seen: "true in 100 of 200"},
			{Name: "origin", Type: wire.Categorical, Required: true, Seen: "ATL, LAX"},
		},
		Prediction: &infer.Prediction{Kind: wire.BinaryClassification, Score: "response.score", Seen: "0.25 to 0.75"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("schema (-want +got):\n%s", d)
	}
}

func TestTicketsInJSON(t *testing.T) {
	capture := wire.Capture{Protocol: wire.ProtocolJSON, JSON: wire.JSONPaths{Instances: "request.tickets", Predictions: "response.answers"}}
	got := observe(t, capture, 200, func(i int) (string, string) {
		text := strings.Repeat("my parcel did not arrive ", i%7+1) + fmt.Sprint(i)
		return fmt.Sprintf(`{"tickets":[{"id":"T-%d","body":%q,"meta":{"channel":"mail","vip":null},"odd":%s}]}`, i, text, []string{"1", "true", `"x"`}[i%3]),
			fmt.Sprintf(`{"answers":[{"team":"%s","probabilities":[0.2,0.5,0.3]}]}`, []string{"billing", "delivery", "other"}[i%3])
	})
	want := infer.Schema{
		Protocol: wire.ProtocolJSON, Calls: 200, Instances: 200, LabelKey: "request.id",
		Features: []infer.Feature{
			{Name: "body", Type: wire.Text, Required: true, Seen: "up to 178 characters"},
			{Name: "meta_channel", Type: wire.Categorical, Path: "request.meta.channel", Required: true, Seen: "mail"},
		},
		Prediction: &infer.Prediction{
			Kind: wire.MulticlassClassification, Scores: "response.probabilities", Label: "response.team", Classes: []string{"billing", "delivery", "other"},
			Seen: "3 probabilities; the order of the classes is a guess: put them in that of the probabilities, the positive one last",
		},
		Notes: []string{"request.odd is now of one type, now of another: it is left out"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("schema (-want +got):\n%s", d)
	}
}

func TestWhatIsNoCallIsCounted(t *testing.T) {
	got := observe(t, wire.Capture{}, 4, func(i int) (string, string) {
		return []string{`{"instances":[{"age":7}]}`, `{"instances":`, `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32"}]}`, `nothing`}[i],
			[]string{`{"predictions":[12.5]}`, `{}`, `{}`, ``}[i]
	})
	if got.Calls != 4 || got.Unreadable != 3 || got.Instances != 1 {
		t.Errorf("calls %d, unreadable %d, instances %d: want 4, 3, 1", got.Calls, got.Unreadable, got.Instances)
	}
	if p := got.Prediction; p == nil || p.Kind != wire.Regression || p.Score != "response" {
		t.Errorf("prediction %+v, want a regression at response", p)
	}
}

func TestPredictions(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(i int) string
		want   infer.Prediction
	}{
		"two probabilities": {func(int) string { return `[0.25,0.75]` }, infer.Prediction{Kind: wire.BinaryClassification, Score: "response[1]"}},
		"a probability":     {func(int) string { return `0.5` }, infer.Prediction{Kind: wire.BinaryClassification, Score: "response"}},
		"one of two labels": {func(i int) string { return []string{`"late"`, `"ontime"`}[i%2] },
			infer.Prediction{Kind: wire.BinaryClassification, Label: "response", Classes: []string{"late", "ontime"}}},
		"one of many labels": {func(i int) string { return fmt.Sprintf(`"c%d"`, i%5) },
			infer.Prediction{Kind: wire.MulticlassClassification, Label: "response", Classes: []string{"c0", "c1", "c2", "c3", "c4"}}},
		"a score and a label": {func(i int) string {
			return fmt.Sprintf(`{"score":0.%d,"label":"%s","latency":17}`, i%9, []string{"late", "ontime"}[i%2])
		},
			infer.Prediction{Kind: wire.BinaryClassification, Score: "response.score", Label: "response.label", Classes: []string{"late", "ontime"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := observe(t, wire.Capture{}, 50, func(i int) (string, string) {
				return `{"instances":[{"x":1}]}`, `{"predictions":[` + c.answer(i) + `]}`
			}).Prediction
			if got == nil {
				t.Fatal("nothing was understood")
			}
			got.Seen = ""
			if d := cmp.Diff(c.want, *got); d != "" {
				t.Errorf("prediction (-want +got):\n%s", d)
			}
		})
	}
}

func TestMetadata(t *testing.T) {
	got, err := infer.FromMetadata([]byte(`{"name":"m","inputs":[
		{"name":"age","datatype":"INT64","shape":[-1]},{"name":"in-0","datatype":"FP32","shape":[-1,2]},
		{"name":"country","datatype":"BYTES","shape":[-1,1]},{"name":"image","datatype":"UINT8","shape":[-1,224,224,3]},
		{"name":"tokens","datatype":"INT64","shape":[-1,-1]}],
		"outputs":[{"name":"label","datatype":"BYTES","shape":[-1]},{"name":"probabilities","datatype":"FP32","shape":[-1,3]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := infer.Schema{
		Protocol: wire.ProtocolOpenInferenceV2,
		Features: []infer.Feature{
			{Name: "age", Type: wire.Numeric, Seen: "INT64"},
			{Name: "in_0_0", Type: wire.Numeric, Path: "request['in-0'][0]", Seen: "FP32"},
			{Name: "in_0_1", Type: wire.Numeric, Path: "request['in-0'][1]", Seen: "FP32"},
			{Name: "country", Type: wire.Categorical, Seen: "BYTES"},
		},
		Prediction: &infer.Prediction{Kind: wire.MulticlassClassification, Scores: "response.probabilities", Seen: "a guess from shape and type"},
		Notes: []string{
			"request.image has 150528 elements, more than a schema can have features: it is left out",
			"request.tokens has no fixed number of elements: it is left out",
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("schema (-want +got):\n%s", d)
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"inputs":[{"name":"x","shape":[-1,-1]}]}`} {
		if _, err := infer.FromMetadata([]byte(bad)); err == nil {
			t.Errorf("%q was taken for metadata", bad)
		}
	}
}

// Names are allowed and unique, and paths can be parsed, whatever is sent.
func FuzzObserve(f *testing.F) {
	f.Add([]byte(`{"inputs":[{"name":"a b","shape":[1],"data":[1]}]}`), []byte(`{"outputs":[{"name":"score","shape":[1],"data":[0.5]}]}`))
	f.Add([]byte(`{"instances":[[1,"a",true,{"x":[[]]}]]}`), []byte(`{"predictions":[[0.1,0.9]]}`))
	f.Add([]byte(`{"1":2,"score":3,"A":4,"a":5,"":6,"'":7}`), []byte(`{"label":"x"}`))
	f.Add([]byte(`{"inputs":[{"name":"a","shape":[4611686018427387904],"data":[1]}]}`), []byte(`1e999`))
	f.Fuzz(func(t *testing.T, request, response []byte) {
		for _, protocol := range []wire.Protocol{wire.ProtocolAuto, wire.ProtocolJSON, wire.ProtocolKServeV1, wire.ProtocolOpenInferenceV2} {
			x, err := infer.New(wire.Capture{Protocol: protocol})
			if err != nil {
				t.Fatal(err)
			}
			x.Observe(request, response)
			s := x.Schema()
			if _, err := json.Marshal(s); err != nil {
				t.Fatal(err)
			}
			var taken []string
			for _, feature := range s.Features {
				if slices.Contains(taken, feature.Name) {
					t.Fatalf("two features are called %s", feature.Name)
				}
				taken = append(taken, feature.Name)
				if feature.Path == "" {
					continue
				}
				if _, err := expr.ParsePath(feature.Path); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"inputs":[{"name":"a","datatype":"FP32","shape":[-1,2]}],"outputs":[{"name":"b","datatype":"FP32","shape":[-1]}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		if s, err := infer.FromMetadata(document); err == nil && len(s.Features) > 256 {
			t.Fatalf("%d features", len(s.Features))
		}
	})
}
