// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"testing"

	"sigs.k8s.io/yaml"
)

func TestHolds(t *testing.T) {
	for name, tt := range map[string]struct {
		got, want string
		holds     bool
	}{
		"the same":                              {`{a: 1, b: [x]}`, `{a: 1, b: [x]}`, true},
		"more keys":                             {`{a: 1, b: 2}`, `{a: 1}`, true},
		"a key is missing":                      {`{a: 1}`, `{a: 1, b: 2}`, false},
		"another value":                         {`{a: 1}`, `{a: 2}`, false},
		"false is no default":                   {`{a: true}`, `{a: false}`, false},
		"an empty value may be left out":        {`{}`, `{a: {}, b: [], c: null, d: ""}`, true},
		"named items in another order":          {`{l: [{name: b, v: 2}, {name: a, v: 1}]}`, `{l: [{name: a, v: 1}, {name: b, v: 2}]}`, true},
		"a named item more":                     {`{l: [{name: b}, {name: a}]}`, `{l: [{name: a}]}`, true},
		"a named item is missing":               {`{l: [{name: b}]}`, `{l: [{name: a}]}`, false},
		"a named item was changed":              {`{l: [{name: a, v: 2}]}`, `{l: [{name: a, v: 1}]}`, false},
		"another order of items without names":  {`{l: [a, b]}`, `{l: [b, a]}`, false},
		"an item without a name more":           {`{l: [a, b]}`, `{l: [a]}`, false},
		"a list where a map should be":          {`{a: [1]}`, `{a: {b: 1}}`, false},
		"items of one name are told by place":   {`{l: [{name: a, v: 1}, {name: a, v: 2}]}`, `{l: [{name: a, v: 1}, {name: a, v: 2}]}`, true},
		"and so is a change of one of them":     {`{l: [{name: a, v: 1}, {name: a, v: 3}]}`, `{l: [{name: a, v: 1}, {name: a, v: 2}]}`, false},
		"the API server fills in what is unset": {`{p: {port: 80, protocol: TCP}}`, `{p: {port: 80}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := decode(t, tt.got), decode(t, tt.want)
			if h := holds(got, want); h != tt.holds {
				t.Errorf("holds: %v, want %v", h, tt.holds)
			}
		})
	}
}

func decode(t *testing.T, text string) (v any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
