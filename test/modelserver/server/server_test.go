// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/test/modelserver/model"
	"github.com/vedette-dev/vedette/test/modelserver/server"
)

// tiny is a model whose scores are easy: a half, or 1 from ATL, and more with distance.
var tiny = &model.Model{
	Version: "7",
	Weights: map[string]float64{"origin=ATL": 100, "log_distance": 1},
}

func handler(delay time.Duration) http.Handler {
	return server.New(server.Config{Model: tiny, Name: "flights", Faults: server.Faults{Delay: delay}})
}

// do sends one request and returns status and body.
func do(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	w := httptest.NewRecorder()
	handler(0).ServeHTTP(w, r)
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("the content type is %q, want application/json", got)
	}
	return w.Code, w.Body.String()
}

func TestHealthAndMetadata(t *testing.T) {
	cases := map[string]struct {
		path   string
		status int
		want   string
	}{
		"live":                {"/v2/health/live", 200, `{"live":true}`},
		"ready":               {"/v2/health/ready", 200, `{"ready":true}`},
		"server":              {"/v2", 200, `{"extensions":[],"name":"modelserver","version":"7"}`},
		"model ready":         {"/v2/models/flights/ready", 200, `{"name":"flights","ready":true}`},
		"other model ready":   {"/v2/models/fraud/ready", 404, `{"error":"model \"fraud\" is not here, only \"flights\" is"}`},
		"v1 models":           {"/v1/models", 200, `{"models":["flights"]}`},
		"v1 model":            {"/v1/models/flights", 200, `{"name":"flights","ready":true}`},
		"v1 other model":      {"/v1/models/fraud", 404, `{"error":"model \"fraud\" is not here, only \"flights\" is"}`},
		"no such path":        {"/metrics", 404, `{"error":"no GET \"/metrics\" here"}`},
		"infer with GET":      {"/v2/models/flights/infer", 404, `{"error":"no GET \"/v2/models/flights/infer\" here"}`},
		"model name is exact": {"/v2/models/Flights/ready", 404, `{"error":"model \"Flights\" is not here, only \"flights\" is"}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			status, body := do(t, http.MethodGet, c.path, "")
			if status != c.status || body != c.want {
				t.Errorf("got %d %s, want %d %s", status, body, c.status, c.want)
			}
		})
	}
}

func TestV2ModelMetadata(t *testing.T) {
	status, body := do(t, http.MethodGet, "/v2/models/flights", "")
	var got struct {
		Name            string
		Versions        []string
		Inputs, Outputs []struct{ Name, Datatype string }
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 {
		t.Fatalf("got %d %s: %v", status, body, err)
	}
	tensors := map[string]string{}
	for _, x := range append(got.Inputs, got.Outputs...) {
		tensors[x.Name] = x.Datatype
	}
	want := map[string]string{
		"flight_id": "BYTES", "hour": "INT64", "weekday": "BYTES", "origin": "BYTES", "destination": "BYTES",
		"distance": "FP64", "origin_delay_2h": "FP64", "score": "FP64", "prediction": "BYTES",
	}
	if diff := cmp.Diff(want, tensors); diff != "" {
		t.Errorf("tensors (-want +got):\n%s", diff)
	}
	if got.Name != "flights" || !cmp.Equal(got.Versions, []string{"7"}) {
		t.Errorf("got name %q, versions %q", got.Name, got.Versions)
	}
}

func TestV2Infer(t *testing.T) {
	cases := map[string]struct {
		body   string
		status int
		want   string // the whole body, or a part of the error
	}{
		"two rows and an id": {
			body: `{"id":"r1","inputs":[{"name":"origin","shape":[2],"datatype":"BYTES","data":["LAX","ATL"]}]}`, status: 200,
			want: `{"model_name":"flights","model_version":"7","id":"r1","outputs":[{"name":"score","shape":[2],"datatype":"FP64","data":[0.5,1]},{"name":"prediction","shape":[2],"datatype":"BYTES","data":["late","late"]}]}`,
		},
		"nested data, integers, a key that the model ignores": {
			body: `{"inputs":[{"name":"distance","shape":[1,1],"datatype":"INT64","data":[[1]]},{"name":"flight_id","shape":[1],"datatype":"BYTES","data":["x"]}]}`, status: 200,
			want: `{"model_name":"flights","model_version":"7","outputs":[{"name":"score","shape":[1],"datatype":"FP64","data":[0.5]},{"name":"prediction","shape":[1],"datatype":"BYTES","data":["late"]}]}`,
		},
		"only the wanted output": {
			body: `{"inputs":[{"name":"origin","shape":[1],"datatype":"BYTES","data":["LAX"]}],"outputs":[{"name":"prediction"}]}`, status: 200,
			want: `{"model_name":"flights","model_version":"7","outputs":[{"name":"prediction","shape":[1],"datatype":"BYTES","data":["late"]}]}`,
		},
		"not JSON":             {`{"inputs":`, 400, "unexpected end of JSON input"},
		"no inputs":            {`{}`, 400, "got no inputs"},
		"unknown input":        {`{"inputs":[{"name":"age","shape":[1],"datatype":"FP64","data":[1]}]}`, 400, `input \"age\": the model has no such input`},
		"unknown output":       {`{"inputs":[{"name":"hour","shape":[1],"datatype":"INT64","data":[1]}],"outputs":[{"name":"x"}]}`, 400, `output \"x\" is unknown`},
		"input twice":          {`{"inputs":[{"name":"hour","shape":[1],"datatype":"INT64","data":[1]},{"name":"hour","shape":[1],"datatype":"INT64","data":[1]}]}`, 400, "is there twice"},
		"text for a number":    {`{"inputs":[{"name":"hour","shape":[1],"datatype":"BYTES","data":["1"]}]}`, 400, "want a numeric one"},
		"number for a text":    {`{"inputs":[{"name":"origin","shape":[1],"datatype":"FP64","data":[1]}]}`, 400, `want \"BYTES\"`},
		"fraction as integer":  {`{"inputs":[{"name":"hour","shape":[1],"datatype":"INT64","data":[1.5]}]}`, 400, "value 0 is not of type INT64"},
		"negative as unsigned": {`{"inputs":[{"name":"hour","shape":[1],"datatype":"UINT8","data":[-1]}]}`, 400, "value 0 is not of type UINT8"},
		"null":                 {`{"inputs":[{"name":"distance","shape":[2],"datatype":"FP64","data":[1,null]}]}`, 400, "value 1 is null"},
		"shape without data":   {`{"inputs":[{"name":"hour","shape":[1],"datatype":"INT64"}]}`, 400, "decoding its data"},
		"shape against data":   {`{"inputs":[{"name":"hour","shape":[3],"datatype":"INT64","data":[1]}]}`, 400, "it has 1 values, its shape says 3"},
		"rows differ":          {`{"inputs":[{"name":"hour","shape":[1],"datatype":"INT64","data":[1]},{"name":"distance","shape":[2],"datatype":"FP64","data":[1,2]}]}`, 400, "has 2 rows, others have 1"},
		"matrix":               {`{"inputs":[{"name":"hour","shape":[1,2],"datatype":"INT64","data":[[1,2]]}]}`, 400, "2 dimensions, want [n] or [n, 1]"},
		"ragged":               {`{"inputs":[{"name":"hour","shape":[2,1],"datatype":"INT64","data":[[1,2],[]]}]}`, 400, "row 0 has 2 values, want 1"},
		"no rows":              {`{"inputs":[{"name":"hour","shape":[0],"datatype":"INT64","data":[]}]}`, 400, "it has 0 rows"},
		"absurd shape":         {`{"inputs":[{"name":"hour","shape":[9000000000000000000],"datatype":"INT64","data":[]}]}`, 400, "rows, want 1 to 10000"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			status, body := do(t, http.MethodPost, "/v2/models/flights/infer", c.body)
			if status != c.status {
				t.Fatalf("got %d %s, want %d", status, body, c.status)
			}
			if c.status == 200 && body != c.want {
				t.Errorf("got  %s\nwant %s", body, c.want)
			}
			if c.status != 200 && (!strings.HasPrefix(body, `{"error":"`) || !strings.Contains(body, c.want)) {
				t.Errorf("got %s, want an error with %s", body, c.want)
			}
		})
	}
}

func TestV1Predict(t *testing.T) {
	const path = "/v1/models/flights:predict"
	cases := map[string]struct {
		path   string
		body   string
		status int
		want   string
	}{
		"two instances": {
			path, `{"instances":[{"origin":"LAX","hour":7,"flight_id":"x"},{"origin":"ATL","distance":1,"origin_delay_2h":null}]}`, 200,
			`{"predictions":[{"score":0.5,"prediction":"late"},{"score":1,"prediction":"late"}]}`,
		},
		"no instances":      {path, `{"instances":[]}`, 400, "got 0 instances"},
		"not JSON":          {path, `[`, 400, "decoding the request"},
		"two values":        {path, `{"instances":[{}]} {}`, 400, "more than one JSON value"},
		"unknown feature":   {path, `{"instances":[{"age":3}]}`, 400, "unknown field"},
		"text for a number": {path, `{"instances":[{"distance":"far"}]}`, 400, "cannot unmarshal string"},
		"other model":       {"/v1/models/fraud:predict", `{"instances":[{}]}`, 404, "no call"},
		"explain":           {"/v1/models/flights:explain", `{"instances":[{}]}`, 404, "no call"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			status, body := do(t, http.MethodPost, c.path, c.body)
			if status != c.status || !strings.Contains(body, c.want) {
				t.Errorf("got %d %s, want %d %s", status, body, c.status, c.want)
			}
		})
	}
}

func TestBodyTooLarge(t *testing.T) {
	status, body := do(t, http.MethodPost, "/v2/models/flights/infer", strings.Repeat(" ", 17<<20))
	if status != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d %s, want 413", status, body)
	}
}

func TestLongErrorsAreCut(t *testing.T) {
	_, body := do(t, http.MethodPost, "/v1/models/flights:predict", `{"instances":[{"`+strings.Repeat("x", 100_000)+`":1}]}`)
	if len(body) > 1000 {
		t.Errorf("the error has %d bytes", len(body))
	}
}

// TestProtocolsAgree sends the same flight both ways.
func TestProtocolsAgree(t *testing.T) {
	_, v2 := do(t, http.MethodPost, "/v2/models/flights/infer", `{"inputs":[
		{"name":"origin","shape":[1],"datatype":"BYTES","data":["LAX"]},{"name":"distance","shape":[1],"datatype":"FP64","data":[3]}]}`)
	_, v1 := do(t, http.MethodPost, "/v1/models/flights:predict", `{"instances":[{"origin":"LAX","distance":3}]}`)
	var r2 server.V2Response
	var r1 server.V1Response
	if err := json.Unmarshal([]byte(v2), &r2); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(v1), &r1); err != nil {
		t.Fatal(err)
	}
	var scores []float64
	if err := json.Unmarshal(r2.Outputs[0].Data, &scores); err != nil {
		t.Fatal(err)
	}
	if scores[0] != r1.Predictions[0].Score {
		t.Errorf("v2 says %v, v1 says %v", scores[0], r1.Predictions[0].Score)
	}
}

func TestDelay(t *testing.T) {
	const body = `{"instances":[{}]}`
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := httptest.NewRecorder()
		handler(time.Second).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/models/flights:predict", strings.NewReader(body)))
		if took := time.Since(start); took != time.Second || w.Code != 200 {
			t.Errorf("took %v with status %d, want 1s with 200", took, w.Code)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		start := time.Now()
		handler(time.Hour).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/models/flights:predict", strings.NewReader(body)))
		if took := time.Since(start); took != time.Millisecond {
			t.Errorf("went on for %v after its client had gone, want 1ms", took)
		}
	})
}

func TestServingDelayIsNotForCopies(t *testing.T) {
	for value, want := range map[string]time.Duration{"": time.Second, "true": 0, "replica": 0} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/models/flights:predict", strings.NewReader(`{"instances":[{}]}`))
			if value != "" {
				r.Header.Set("Vedette-Shadow", value)
			}
			w := httptest.NewRecorder()
			server.New(server.Config{Model: tiny, Name: "flights", Faults: server.Faults{ServingDelay: time.Second}}).ServeHTTP(w, r)
			if took := time.Since(start); took != want || w.Code != 200 {
				t.Errorf("Vedette-Shadow %q: took %v with status %d, want %v with 200", value, took, w.Code, want)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	ask := func(h http.Handler, origin string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/models/flights:predict", strings.NewReader(`{"instances":[{"origin":"`+origin+`"}]}`)))
		return w.Code, w.Body.String()
	}
	failing := server.New(server.Config{Model: tiny, Name: "flights", Faults: server.Faults{Fail: 3}})
	for i := range 6 {
		want := map[bool]int{true: 500, false: 200}[i%3 == 2]
		if got, body := ask(failing, "LAX"); got != want {
			t.Errorf("inference %d of one that fails each third: status %d, want %d: %s", i+1, got, want, body)
		}
	}
	wrong := server.New(server.Config{Model: tiny, Name: "flights", Faults: server.Faults{Wrong: "ATL"}})
	_, atl := ask(wrong, "ATL")
	_, right := ask(handler(0), "ATL")
	if atl == right {
		t.Errorf("ATL is predicted as ever: %s", atl)
	}
	_, lax := ask(wrong, "LAX")
	if _, right = ask(handler(0), "LAX"); lax != right {
		t.Errorf("LAX became %s, want %s", lax, right)
	}
}
