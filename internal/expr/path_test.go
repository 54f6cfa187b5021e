// SPDX-License-Identifier: Apache-2.0

package expr_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/vedette-dev/vedette/internal/expr"
)

func TestFindJSON(t *testing.T) {
	t.Parallel()
	const document = `{"a": {"b": [1, "two", {"x y": null}], "": -0.5e3}, "[0]": true, "it's": "q\"uo", "é": [ ], "a\nb": 7}`
	for path, want := range map[string]string{
		"request":                       document,
		"request.a.b":                   `[1, "two", {"x y": null}]`,
		"request.a.b[0]":                `1`,
		"request.a.b[1]":                `"two"`,
		"request.a.b[-1]['x y']":        `null`,
		`request["a"]["b"][-2]`:         `"two"`,
		"request.a['']":                 `-0.5e3`,
		"request['[0]']":                `true`,
		`request['it\'s']`:              `"q\"uo"`,
		`request['\u00e9']`:             `[ ]`,
		"request.é":                     `[ ]`,
		`request['a\nb']`:               `7`,
		"request.b":                     "",
		"request.a.b.c":                 "",
		"request.a.b[3]":                "",
		"request.a.b[-4]":               "",
		"request.a[0]":                  "",
		"request.a.b[0].c":              "",
		"request.é[0]":                  "",
		"request.a.b[2]['x y'].deep":    "",
		"request.a.b[9007199254740991]": "",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			p, err := expr.ParsePath(path)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := p.FindJSON([]byte(document))
			if string(got) != want || ok != (want != "") {
				t.Errorf("FindJSON = %q, %v; want %q", got, ok, want)
			}
		})
	}
}

func TestParsePathSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"":                                     "want request or response",
		"requests.a":                           `begins with "requests"`,
		"request.":                             "at character 8: want a name",
		"request.a-b":                          `at character 10: want .name`,
		"request.a..b":                         "want a name",
		"request.0a":                           "want a name",
		"request[":                             "want .name",
		"request[0":                            "not closed",
		"request[01]":                          `"01" is neither`,
		"request[-0]":                          "neither",
		"request[1.5]":                         "neither",
		"request[99999999999999999]":           "neither",
		"request[*]":                           "neither",
		"request['a'":                          "want ]",
		"request['a":                           "quote is not closed",
		`request['\x']`:                        "no escape sequence",
		`request['\ud800']`:                    "no escape sequence",
		"request['a\x01']":                     "control character",
		"request.\xff":                         "valid UTF-8",
		"request" + strings.Repeat(".a", 40):   "more than 32 steps",
		"request." + strings.Repeat("a", 2000): "longer than",
	} {
		if _, err := expr.ParsePath(path); err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 400 {
			t.Errorf("ParsePath(%.50q) = %v, want a short error with %q", path, err, want)
		}
	}
}

// lookup is what encoding/json says that a path points at.
func lookup(v any, names []any) (any, bool) {
	for _, n := range names {
		switch n := n.(type) {
		case string:
			m, _ := v.(map[string]any) // what is no object has no members
			member, ok := m[n]
			if !ok {
				return nil, false
			}
			v = member
		case int:
			l, ok := v.([]any)
			if n < 0 {
				n += len(l)
			}
			if !ok || n < 0 || n >= len(l) {
				return nil, false
			}
			v = l[n]
		}
	}
	return v, true
}

func FuzzFindJSON(f *testing.F) {
	f.Add(`{"a":[{"b":1}]}`, "a", 0, "b")
	f.Add(`{"a":["\u00e9",[]]}`, "a", -1, "")
	f.Add(`{"[0]":[[1]]}`, "[0]", 0, "0")
	f.Fuzz(func(t *testing.T, document, first string, index int, last string) {
		for _, names := range [][]any{{}, {first}, {first, index}, {first, index, last}, {index, first}} {
			path := "request"
			for _, n := range names {
				quoted, err := json.Marshal(n)
				if err != nil {
					t.Fatal(err)
				}
				path += "[" + string(quoted) + "]"
			}
			p, err := expr.ParsePath(path)
			if err != nil {
				continue
			}
			if again, err := expr.ParsePath(p.String()); err != nil || !reflect.DeepEqual(p, again) {
				t.Fatalf("%q renders as %q, which parses to %+v, %v", path, p, again, err)
			}
			found, ok := p.FindJSON([]byte(document))
			var whole, got any
			if json.Unmarshal([]byte(document), &whole) != nil || repeats(document) {
				continue // Any answer is good, but for a crash.
			}
			want, exists := lookup(whole, names)
			if ok != exists {
				t.Fatalf("%q in %q: found %v, want %v", path, document, ok, exists)
			}
			if ok && (json.Unmarshal(found, &got) != nil || !reflect.DeepEqual(got, want)) {
				t.Fatalf("%q in %q: found %q, want %v", path, document, found, want)
			}
		}
	})
}

// repeats says whether a document may have a member twice, or text that encoding/json mends: there readers differ.
func repeats(document string) bool {
	return strings.Count(document, ":") > 1 || strings.ContainsAny(document, "\\\ufffd") || strings.ToValidUTF8(document, "") != document
}

func BenchmarkFindJSON(b *testing.B) {
	document := []byte(`{"date": "2001-05-31", "hour": 17, "origin": "ATL", "destination": "LAX", "distance": 1946, "origin_delay_2h": 12.5}`)
	p, err := expr.ParsePath("request.distance")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := p.FindJSON(document); !ok {
			b.Fatal("not found")
		}
	}
}
