// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

const (
	v1Path = "/v1/models/m:predict"
	v2Path = "/v2/models/m/infer"
)

func num(v float64) record.Value { return record.Value{Kind: record.Number, Num: v} }
func str(s string) record.Value  { return record.Value{Kind: record.String, Str: s} }

var (
	missing = record.Value{}
	invalid = record.Value{Kind: record.Invalid}
	yes     = record.Value{Kind: record.Bool, Num: 1}
	no      = record.Value{Kind: record.Bool}

	// flights is the schema of most cases.
	flights = wire.Schema{
		LabelKey: wire.LabelKey{Path: "request.id"},
		Features: []wire.Feature{{Name: "distance", Type: wire.Numeric}, {Name: "origin", Type: wire.Categorical}},
		Prediction: wire.Prediction{
			Kind: wire.BinaryClassification, Classes: []string{"ontime", "late"},
		},
	}
)

// flat is a call in a form that is easy to write down.
type flat struct {
	Features   [][]record.Value
	Keys       []string
	Prediction []Prediction
}

func flatten0(c Call) flat {
	var f flat
	for _, in := range c.Instances {
		f.Features = append(f.Features, in.Features)
		if in.LabelKey != "" {
			f.Keys = append(f.Keys, in.LabelKey)
		}
		f.Prediction = append(f.Prediction, in.Prediction)
	}
	return f
}

func TestDecode(t *testing.T) {
	none := math.NaN()
	numbers := wire.Schema{
		Features:   []wire.Feature{{Name: "a", Type: wire.Numeric}, {Name: "b", Type: wire.Numeric}},
		Prediction: wire.Prediction{Kind: wire.BinaryClassification},
	}
	kind := func(k wire.PredictionKind, classes ...string) wire.Schema {
		return wire.Schema{Prediction: wire.Prediction{Kind: k, Classes: classes}}
	}
	rows := wire.Capture{Protocol: wire.ProtocolJSON, JSON: wire.JSONPaths{Instances: "request.rows", Predictions: "response.out.list"}}
	tests := map[string]struct {
		capture  wire.Capture
		schema   wire.Schema
		path     string
		req, res string
		want     flat
	}{
		"v2: tensors are columns, rows are instances": {
			schema: flights, path: v2Path,
			req: `{"inputs":[{"name":"id","shape":[2,1],"datatype":"BYTES","data":["k1","k2"]},
				{"name":"distance","shape":[2],"datatype":"FP64","data":[100,200.5]},
				{"name":"origin","shape":[2,1],"datatype":"BYTES","data":[["ATL"],["LAX"]]}]}`,
			res: `{"model_name":"m","outputs":[{"name":"score","shape":[2],"datatype":"FP64","data":[0.25,0.75]}]}`,
			want: flat{
				Features:   [][]record.Value{{num(100), str("ATL")}, {num(200.5), str("LAX")}},
				Keys:       []string{"k1", "k2"},
				Prediction: []Prediction{{Label: "ontime", Score: 0.25}, {Label: "late", Score: 0.75}},
			},
		},
		"v2: one tensor with a column for each feature goes by position": {
			schema: numbers, path: v2Path,
			req:  `{"inputs":[{"name":"predict","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]}]}`,
			res:  `{"outputs":[{"name":"probabilities","shape":[2,2],"datatype":"FP32","data":[[0.9,0.1],[0.4,0.6]]}]}`,
			want: flat{Features: [][]record.Value{{num(1), num(2)}, {num(3), num(4)}}, Prediction: []Prediction{{"0", 0.1, []float64{0.9, 0.1}}, {"1", 0.6, []float64{0.4, 0.6}}}},
		},
		"v2: a column of a tensor by path": {
			schema: wire.Schema{
				Features:   []wire.Feature{{Name: "b", Type: wire.Numeric, Path: "request.x[1]"}, {Name: "gone", Type: wire.Numeric, Path: "request.x[7]"}},
				Prediction: wire.Prediction{Kind: wire.MulticlassClassification, Scores: "response['p-all']", Classes: []string{"a", "b", "c"}},
			},
			path: v2Path,
			req:  `{"inputs":[{"name":"x","shape":[1,3],"datatype":"INT64","data":[7,8,9]}]}`,
			res:  `{"outputs":[{"name":"other","shape":[1],"data":[5]},{"name":"p-all","shape":[1,3],"data":[0.2,0.5,0.3]}]}`,
			want: flat{Features: [][]record.Value{{num(8), missing}}, Prediction: []Prediction{{"b", none, []float64{0.2, 0.5, 0.3}}}},
		},
		"v1: instances are objects": {
			schema: flights, path: v1Path,
			req: `{"instances":[{"origin":"ATL","distance":1,"id":17},{"origin":null,"distance":"far"}]}`,
			res: `{"predictions":[{"score":0.5,"label":"late"},{"score":0.1}]}`,
			want: flat{
				Features:   [][]record.Value{{num(1), str("ATL")}, {invalid, missing}},
				Keys:       []string{"17"},
				Prediction: []Prediction{{Label: "late", Score: 0.5}, {Label: "ontime", Score: 0.1}},
			},
		},
		"v1: instances are arrays, predictions numbers": {
			schema: numbers, path: v1Path,
			req:  `{"instances":[[1,2],[3],[5,null]]}`,
			res:  `{"predictions":[0.9,[0.2],[[0.5]]]}`,
			want: flat{Features: [][]record.Value{{num(1), num(2)}, {missing, missing}, {num(5), missing}}, Prediction: []Prediction{{Label: "1", Score: 0.9}, {Label: "0", Score: 0.2}, {Label: "1", Score: 0.5}}},
		},
		"v1: instances are scalars": {
			schema: wire.Schema{Features: []wire.Feature{{Name: "text", Type: wire.Text}}, Prediction: wire.Prediction{Kind: wire.BinaryClassification, Classes: []string{"ham", "spam"}}},
			path:   v1Path,
			req:    `{"inputs":["caf\u00e9 \"x\"","b"]}`,
			res:    `{"predictions":["spam",false]}`,
			want:   flat{Features: [][]record.Value{{str(`café "x"`)}, {str("b")}}, Prediction: []Prediction{{Label: "spam", Score: none}, {Label: "ham", Score: none}}},
		},
		"v1: no instances are no predictions": {
			schema: flights, path: v1Path, req: `{"instances":[]}`, res: `{"predictions":[]}`,
		},
		"multiclass: a number is the index of the class": {
			schema: kind(wire.MulticlassClassification, "a", "b"), path: v1Path,
			req: `{"instances":[1,2,3]}`, res: `{"predictions":[1,7,[0.2,0.8]]}`,
			want: flat{Features: [][]record.Value{{}, {}, {}}, Prediction: []Prediction{{Label: "b", Score: none}, {Label: "7", Score: none}, {"b", none, []float64{0.2, 0.8}}}},
		},
		"regression: the value is the score": {
			schema: kind(wire.Regression), path: v1Path,
			req: `{"instances":[1,2,3]}`, res: `{"predictions":[-7.5,[3,4],{"score":2e3}]}`,
			want: flat{Features: [][]record.Value{{}, {}, {}}, Prediction: []Prediction{{Score: -7.5}, {Score: 3}, {Score: 2000}}},
		},
		"an answer without a prediction that is understood has none": {
			schema: flights, path: v1Path,
			req: `{"instances":[{},{}]}`, res: `{"predictions":[{"other":1},null]}`,
			want: flat{Features: [][]record.Value{{missing, missing}, {missing, missing}}, Prediction: []Prediction{{Score: none}, {Score: none}}},
		},
		"JSON: arrays at declared paths": {
			capture: rows, schema: numbers, path: "/score",
			req: `{"rows":[{"a":1,"b":2},{"a":1e400,"b":true}]}`, res: `{"out":{"list":[0.5,1]}}`,
			want: flat{Features: [][]record.Value{{num(1), num(2)}, {invalid, invalid}}, Prediction: []Prediction{{Label: "1", Score: 0.5}, {Label: "1", Score: 1}}},
		},
		"JSON: without paths the body is one instance": {
			capture: wire.Capture{Protocol: wire.ProtocolJSON},
			schema: wire.Schema{
				Features:   []wire.Feature{{Name: "flag", Type: wire.Boolean, Path: "request.in.flag"}, {Name: "bit", Type: wire.Boolean, Path: "request.in.bit"}, {Name: "code", Type: wire.Categorical, Path: "request.in.code"}},
				Prediction: wire.Prediction{Score: "response.y[0].p", Label: "response.y[0].c"},
			},
			path: "/", req: ` {"in":{"flag":true,"bit":0,"code":404}} `, res: `{"y":[{"p":0.25,"c":"x"}]}`,
			want: flat{Features: [][]record.Value{{yes, no, str("404")}}, Prediction: []Prediction{{Label: "x", Score: 0.25}}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := New(tt.capture, tt.schema)
			if err != nil {
				t.Fatal(err)
			}
			c, err := d.Decode(tt.path, Payload{Bytes: []byte(tt.req)}, Payload{Bytes: []byte(tt.res)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, flatten0(c), cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestUndecodable(t *testing.T) {
	const fine, two = `{"instances":[{}]}`, `{"predictions":[1,2]}`
	tests := map[string]struct{ path, req, res, want string }{
		"no JSON":                         {v1Path, `{"instances":[{}]`, two, "no valid JSON"},
		"no JSON in the answer":           {v1Path, fine, "oops", "no valid JSON"},
		"nothing at all":                  {v1Path, "", "", "no valid JSON"},
		"no instances":                    {v1Path, `{"x":1}`, two, `no "instances"`},
		"instances that are no array":     {v1Path, `{"instances":{"a":1}}`, two, "no array"},
		"another number of predictions":   {v1Path, fine, two, "1 instances have 2 predictions"},
		"v2: no inputs":                   {v2Path, `{"inputs":[]}`, "{}", "empty"},
		"v2: no shape":                    {v2Path, `{"inputs":[{"name":"a","data":[1]}]}`, "{}", "no shape"},
		"v2: a shape of nothing":          {v2Path, `{"inputs":[{"name":"a","shape":[1000000000,0],"data":[]}]}`, "{}", "shape"},
		"v2: a shape beyond all bounds":   {v2Path, `{"inputs":[{"name":"a","shape":[100000,100000],"data":[]}]}`, "{}", "shape"},
		"v2: fewer elements than shape":   {v2Path, `{"inputs":[{"name":"a","shape":[3],"data":[1,2]}]}`, "{}", "2 elements"},
		"v2: too many rows":               {v2Path, `{"inputs":[{"name":"a","shape":[40000],"data":[]}]}`, "{}", "instances"},
		"v1: too many instances":          {v1Path, `{"instances":[1` + strings.Repeat(",1", maxInstances) + `]}`, "{}", "instances"},
		"v2: rows that differ in number":  {v2Path, `{"inputs":[{"name":"a","shape":[1],"data":[1]},{"name":"b","shape":[2],"data":[1,2]}]}`, "{}", "first dimensions"},
		"v2: neither data nor binary":     {v2Path, `{"inputs":[{"name":"a","shape":[1]}]}`, "{}", "neither"},
		"v2: JSON that belongs to V1":     {v2Path, fine, two, "inputs"},
		"v2: a shape of strings":          {v2Path, `{"inputs":[{"name":"a","shape":["1"],"data":[1]}]}`, "{}", "shape"},
		"v2: data that is no array":       {v2Path, `{"inputs":[{"name":"a","shape":[1],"data":{"x":1}}]}`, "{}", "0 elements"},
		"v2: an element of unknown depth": {v2Path, `{"inputs":[{"name":"a","shape":[1],"data":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}]}`, `{"outputs":[]}`, "empty"},
	}
	d, err := New(wire.Capture{}, flights)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := d.Decode(tt.path, Payload{Bytes: []byte(tt.req)}, Payload{Bytes: []byte(tt.res)})
			if !errors.Is(err, ErrUndecodable) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestSmallBodiesThatAskForMuchMemory: a few bytes of a body are a row of all features, or of a long name.
func TestSmallBodiesThatAskForMuchMemory(t *testing.T) {
	wide := wire.Schema{}
	for i := range 256 {
		wide.Features = append(wide.Features, wire.Feature{Name: fmt.Sprint("f", i), Type: wire.Numeric})
	}
	ones := func(n int) string { return "[1" + strings.Repeat(",1", n-1) + "]" }
	tensor := func(name string, n int) string {
		return fmt.Sprintf(`{"name":%q,"shape":[%d],"datatype":"BOOL","data":%s}`, name, n, ones(n))
	}
	const fits, tooWide = maxValues / 256, maxValues/256 + 1
	rows := wire.Capture{Protocol: wire.ProtocolJSON, JSON: wire.JSONPaths{Instances: "request.rows"}}
	tests := map[string]struct {
		capture wire.Capture
		schema  wire.Schema
		path    string
		body    string
		want    int // instances; 0: too many
	}{
		"v1: as many values as may be":            {schema: wide, path: v1Path, body: `{"instances":` + ones(fits) + `}`, want: fits},
		"v1: an instance more":                    {schema: wide, path: v1Path, body: `{"instances":` + ones(tooWide) + `}`},
		"v1: as many instances as may be":         {schema: wide, path: v1Path, body: `{"instances":` + ones(maxInstances) + `}`},
		"v1: they fit one feature":                {schema: wire.Schema{Features: wide.Features[:1]}, path: v1Path, body: `{"instances":` + ones(maxInstances) + `}`, want: maxInstances},
		"v1: without features":                    {path: v1Path, body: `{"instances":` + ones(maxInstances+1) + `}`},
		"v2: an instance more":                    {schema: wide, path: v2Path, body: `{"inputs":[` + tensor("x", tooWide) + `]}`},
		"v2: as many instances as may be":         {schema: wide, path: v2Path, body: `{"inputs":[` + tensor("x", maxInstances) + `]}`},
		"v2: a long name in every row":            {path: v2Path, body: `{"inputs":[` + tensor(strings.Repeat("x", 60<<10), maxInstances) + `]}`},
		"v2: a name that grows when it is quoted": {path: v2Path, body: `{"inputs":[` + tensor(strings.Repeat("<", 200), maxInstances) + `]}`},
		"v2: many tensors":                        {path: v2Path, body: `{"inputs":[` + strings.Repeat(tensor("x", 10_000)+",", 13) + tensor("x", 10_000) + `]}`},
		"JSON: an instance more":                  {capture: rows, schema: wide, path: "/", body: `{"rows":` + ones(tooWide) + `}`},
		"JSON: as many instances as may be":       {capture: rows, schema: wide, path: "/", body: `{"rows":` + ones(maxInstances) + `}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := New(tt.capture, tt.schema)
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c, err := d.Request(tt.path, Payload{Bytes: []byte(tt.body)})
			runtime.ReadMemStats(&after)
			if len(c.Instances) != tt.want || (tt.want == 0) != errors.Is(err, ErrLimit) {
				t.Errorf("%d instances, %v; want %d", len(c.Instances), err, tt.want)
			}
			if tt.want == 0 && !errors.Is(err, ErrUndecodable) {
				t.Errorf("%v is not ErrUndecodable", err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20 {
				t.Errorf("%d MiB were allocated", n>>20)
			}
		})
	}
}

func TestBinaryTensors(t *testing.T) {
	le := binary.LittleEndian
	tests := map[string]struct {
		datatype string
		data     []byte
		want     []string
	}{
		"BOOL":             {"BOOL", []byte{1, 0}, []string{"true", "false"}},
		"INT8":             {"INT8", []byte{0xff, 1}, []string{"-1", "1"}},
		"UINT8":            {"UINT8", []byte{0xff, 1}, []string{"255", "1"}},
		"INT16":            {"INT16", []byte{0xfe, 0xff, 1, 0}, []string{"-2", "1"}},
		"UINT16":           {"UINT16", []byte{0xfe, 0xff, 1, 0}, []string{"65534", "1"}},
		"INT32":            {"INT32", le.AppendUint32(le.AppendUint32(nil, math.MaxUint32), 7), []string{"-1", "7"}},
		"UINT32":           {"UINT32", le.AppendUint32(le.AppendUint32(nil, math.MaxUint32), 7), []string{"4294967295", "7"}},
		"INT64":            {"INT64", le.AppendUint64(le.AppendUint64(nil, math.MaxUint64), 7), []string{"-1", "7"}},
		"UINT64":           {"UINT64", le.AppendUint64(le.AppendUint64(nil, math.MaxUint64), 7), []string{"18446744073709551615", "7"}},
		"FP16":             {"FP16", []byte{0x00, 0x3c, 0x55, 0xb5}, []string{"1", "-0.33325195"}},
		"FP16 at its ends": {"FP16", []byte{0x01, 0x00, 0xff, 0x7b}, []string{"5.9604645e-08", "65504"}},
		"FP16 beyond":      {"FP16", []byte{0x00, 0xfc, 0x01, 0x7c}, []string{`"-Inf"`, `"NaN"`}},
		"BF16":             {"BF16", []byte{0x80, 0x3f, 0x00, 0xc0}, []string{"1", "-2"}},
		"FP32":             {"FP32", le.AppendUint32(le.AppendUint32(nil, math.Float32bits(0.1)), math.Float32bits(float32(math.NaN()))), []string{"0.1", `"NaN"`}},
		"FP64":             {"FP64", le.AppendUint64(le.AppendUint64(nil, math.Float64bits(0.1)), math.Float64bits(math.Inf(1))), []string{"0.1", `"+Inf"`}},
		"BYTES":            {"BYTES", append(le.AppendUint32(nil, 3), "a\"b\x00\x00\x00\x00"...), []string{`"a\"b"`, `""`}},
		"a short tensor":   {"FP32", []byte{1, 2, 3}, nil},
		"a cut length":     {"BYTES", []byte{1, 0}, nil},
		"a cut element":    {"BYTES", []byte{9, 0, 0, 0, 'x'}, nil},
		"too many":         {"BYTES", make([]byte, 12), nil},
		"unknown":          {"FP8", []byte{1, 2}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			values, err := readBinary(tt.data, tt.datatype, 2)
			if (err != nil) != (tt.want == nil) {
				t.Fatalf("got %q, %v", values, err)
			}
			var got []string
			for _, v := range values {
				got = append(got, string(v))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBinaryBody(t *testing.T) {
	d, err := New(wire.Capture{}, flights)
	if err != nil {
		t.Fatal(err)
	}
	head := `{"inputs":[{"name":"distance","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}},{"name":"origin","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":14}}]}`
	body := []byte(head)
	for _, v := range []float32{1.5, float32(math.NaN())} {
		body = binary.LittleEndian.AppendUint32(body, math.Float32bits(v))
	}
	for _, s := range []string{"ATL", "LAX"} {
		body = append(binary.LittleEndian.AppendUint32(body, 3), s...)
	}
	c, err := d.Request(v2Path, Payload{Bytes: body, JSONLength: strconv.Itoa(len(head))})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]record.Value{{num(1.5), str("ATL")}, {invalid, str("LAX")}}
	if diff := cmp.Diff(want, flatten0(c).Features); diff != "" || string(c.Request) != head {
		t.Errorf("JSON %q; features (-want +got):\n%s", c.Request, diff)
	}
	for _, length := range []string{"-1", "x", "99999"} {
		if _, err := d.Request(v2Path, Payload{Bytes: body, JSONLength: length}); !errors.Is(err, ErrUndecodable) {
			t.Errorf("length %s: %v", length, err)
		}
	}
}

func TestContentEncodings(t *testing.T) {
	d, err := New(wire.Capture{}, flights)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"instances":[{"distance":1,"origin":"ATL"}]}`)
	bomb := bytes.Repeat([]byte(" "), maxInflated+1)
	writers := map[string]func(io.Writer) io.WriteCloser{
		"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser {
			e, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
	}
	for encoding, open := range writers {
		compress := func(b []byte) []byte {
			var out bytes.Buffer
			w := open(&out)
			w.Write(b) //nolint:errcheck // Into memory.
			w.Close()
			return out.Bytes()
		}
		small := compress(body)
		if c, err := d.Request(v1Path, Payload{Bytes: small, Encoding: encoding}); err != nil || len(c.Instances) != 1 {
			t.Errorf("%s: %v", encoding, err)
		}
		for what, b := range map[string][]byte{"cut": small[:len(small)-6], "bomb": compress(bomb), "plain": body} {
			if _, err := d.Request(v1Path, Payload{Bytes: b, Encoding: encoding}); !errors.Is(err, ErrUndecodable) {
				t.Errorf("%s, %s: %v", encoding, what, err)
			}
		}
	}
	if _, err := d.Request(v1Path, Payload{Bytes: body, Encoding: "br"}); !errors.Is(err, ErrUndecodable) {
		t.Errorf("br: %v", err)
	}
}

func TestMatches(t *testing.T) {
	auto, v2, v1 := wire.ProtocolAuto, wire.ProtocolOpenInferenceV2, wire.ProtocolKServeV1
	tests := map[string][]wire.Protocol{ // path: protocols that take it
		"/v2/models/m/infer":            {auto, v2},
		"/v2/models/m/versions/3/infer": {auto, v2},
		"/gw/ns/v2/models/m/infer":      {auto, v2},
		"/v2/models/m":                  nil,
		"/v2/models//infer":             nil,
		"/v2/models/m/ready":            nil,
		"/v2/models/m/versions/3":       nil,
		"/v2/models/m/versions//infer":  nil,
		"/v2/models/m/x/3/infer":        nil,
		"/v2/health/ready":              nil,
		"/v1/models/m:predict":          {auto, v1},
		"/v1/models/ns/m:predict":       nil,
		"/v1/models/:predict":           nil,
		"/v1/models/m:explain":          nil,
		"/v1/models/m":                  nil,
		"/score":                        nil,
	}
	for path, want := range tests {
		for _, p := range []wire.Protocol{auto, v2, v1, "", wire.ProtocolJSON} {
			d, err := New(wire.Capture{Protocol: p, JSON: wire.JSONPaths{Path: "/score"}}, wire.Schema{})
			if err != nil {
				t.Fatal(err)
			}
			takes := p == wire.ProtocolJSON && path == "/score"
			for _, w := range want {
				takes = takes || p == w || p == "" && w == auto
			}
			if got := d.Matches("POST", path); got != takes {
				t.Errorf("%s takes %s: %v", p, path, got)
			}
			if d.Matches("GET", path) {
				t.Errorf("%s takes GET %s", p, path)
			}
		}
	}
	if d, _ := New(wire.Capture{Protocol: wire.ProtocolJSON}, wire.Schema{}); !d.Matches("POST", "/anything") {
		t.Error("without a path, JSON takes not all")
	}
}

func TestBadPathsAreRefused(t *testing.T) {
	if _, err := New(wire.Capture{}, wire.Schema{Features: []wire.Feature{{Name: "a", Path: "body.a"}}}); err == nil {
		t.Error("a path without a root word was accepted")
	}
}

func TestLongValuesAreCut(t *testing.T) {
	long := strings.Repeat("ä", maxText)
	schema := wire.Schema{
		LabelKey: wire.LabelKey{Path: "request.c"},
		Features: []wire.Feature{{Name: "c", Type: wire.Categorical}, {Name: "t", Type: wire.Text}},
	}
	d, err := New(wire.Capture{Protocol: wire.ProtocolJSON}, schema)
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Request("/", Payload{Bytes: fmt.Appendf(nil, `{"c":%q,"t":%q}`, long, long)})
	if err != nil {
		t.Fatal(err)
	}
	in := c.Instances[0]
	for name, got := range map[string]string{"category": in.Features[0].Str, "key": in.LabelKey} {
		if got != strings.Repeat("ä", maxCategory/2) {
			t.Errorf("%s has %d bytes", name, len(got))
		}
	}
	if len(in.Features[1].Str) != maxText {
		t.Errorf("text has %d bytes", len(in.Features[1].Str))
	}
}
