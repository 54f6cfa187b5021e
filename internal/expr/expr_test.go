// SPDX-License-Identifier: Apache-2.0

package expr_test

import (
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/feature"
	"github.com/vedette-dev/vedette/internal/wire"
)

var schema = wire.Schema{Features: []wire.Feature{
	{Name: "age", Type: wire.Numeric}, {Name: "origin", Type: wire.Categorical},
	{Name: "weekend", Type: wire.Boolean}, {Name: "note", Type: wire.Text}, {Name: "gone", Type: wire.Numeric},
}}

func input() *expr.Input {
	return &expr.Input{
		Features: []feature.Value{
			{Kind: feature.Number, Num: 29}, {Kind: feature.String, Str: "ATL"}, {Kind: feature.Bool, Num: 1},
			{Kind: feature.String, Str: "bonjour"},
		},
		Score: 0.45, Confidence: 0.55, Entropy: 0.9, Margin: math.NaN(), Label: "late",
		Request:  expr.NewBody([]byte(`{"tools": [], "n": 3, "user": {"plan": "pro"}}`)),
		Response: expr.NewBody([]byte(`{not JSON`)),
		Text:     "what is the time?",
	}
}

func TestEval(t *testing.T) {
	t.Parallel()
	for source, tc := range map[string]struct {
		want bool
		err  string
	}{
		"true":                                {want: true},
		"f.age < 30":                          {want: true},
		"f.age == 29.0":                       {want: true},
		"f.age > 29":                          {},
		"f.origin == 'ATL'":                   {want: true},
		"f.origin in ['JFK', 'ATL']":          {want: true},
		"f.weekend && f.note.startsWith('b')": {want: true},
		"p.score > 0.4 && p.score < 0.6":      {want: true},
		"p.label != 'late'":                   {},
		"p.entropy >= 0.9 || p.margin < 0.1":  {want: true},
		"has(request.tools)":                  {want: true},
		"has(request.none)":                   {},
		"has(f.gone) || has(p.margin)":        {},
		"has(f.age)":                          {want: true},
		"request.n == 3":                      {want: true},
		"request.user.plan == 'pro'":          {want: true},
		"size(input) > 10":                    {want: true},
		"input.matches('time')":               {want: true},
		// What is missing is an error, unless the rest decides.
		"f.gone > 1":               {err: "f.gone: the value is missing"},
		"f.gone > 1 || f.age < 30": {want: true},
		"p.margin < 0.1":           {err: "p.margin: the value is missing"},
		"request.none == 1":        {err: "none"},
		"features{age: 1.0} == f":  {err: "cannot be made"},
		"request.n":                {err: "yields no bool"},
		"response.x == 1":          {err: "response"},
		"request.n / 0 == 1":       {err: "overload"},
		"[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, a+b+c+d+e > 0)))))": {err: "cost"},
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			got, err := compile(t, source).Eval(input())
			if got != tc.want || (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("Eval = %v, %v; want %v, error %q", got, err, tc.want, tc.err)
			}
		})
	}
}

func compile(t testing.TB, source string) *expr.Program {
	t.Helper()
	env, err := expr.NewEnv(schema)
	if err != nil {
		t.Fatal(err)
	}
	p, err := env.Compile(source)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompileSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	env, err := expr.NewEnv(schema)
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string][]string{
		"f.agee < 30":    {"at 1:2: undefined field 'agee'", "there are f.age, f.origin"},
		"g.age < 30":     {"at 1:1: undeclared reference to 'g'", "p.score"},
		"p.class == 'x'": {"undefined field 'class'", "p.label"},
		"f.age == 30":    {"no matching overload", "write 3.0 for 3"},
		"f.age + 1.0":    {"double, want bool"},
		"'yes'":          {"string, want bool"},
		"f.age <":        {"at 1:8", "Syntax error"},
		"":               {"Syntax error"},
		"f.origin < 3":   {"no matching overload"},
		strings.Repeat("(", 100) + "true" + strings.Repeat(")", 100): {"recursion"},
		"true" + strings.Repeat(" || true", 1000):                    {"bytes are more than 4096"},
	} {
		_, err := env.Compile(source)
		if err == nil {
			t.Errorf("Compile(%.50q) succeeded", source)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("Compile(%.50q) = %v, want an error with %q", source, err, w)
			}
		}
		if len(err.Error()) > 2500 {
			t.Errorf("Compile(%.50q): the message has %d bytes", source, len(err.Error()))
		}
	}
}

func TestProgramsAreShared(t *testing.T) {
	t.Parallel()
	p := compile(t, "f.age < 30 && has(request.tools)")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if holds, err := p.Eval(input()); !holds || err != nil {
					t.Errorf("Eval = %v, %v", holds, err)
				}
			}
		})
	}
	all.Wait()
}

func FuzzCompile(f *testing.F) {
	env, err := expr.NewEnv(schema)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"f.age < 30", "has(request.tools)", "input.matches('(a*)*$')", "f == p", "type(f) == type(p)", "string(f) == ''"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, source string) {
		if p, err := env.Compile(source); err == nil {
			_, _ = p.Eval(input()) // Any answer is good, but for a crash.
		}
	})
}

func BenchmarkEval(b *testing.B) {
	for name, source := range map[string]string{"comparison": "f.age < 30", "two": "f.origin == 'ATL' && p.score > 0.4", "missing": "f.gone < 1"} {
		b.Run(name, func(b *testing.B) {
			p, in := compile(b, source), input()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = p.Eval(in)
			}
		})
	}
}
