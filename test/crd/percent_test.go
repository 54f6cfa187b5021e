// SPDX-License-Identifier: Apache-2.0

package crd

import "testing"

// The pattern of shares, and the rule that says in words what it wants: an API server prints a pattern as it is.
const (
	percentPattern = `^(100(\.0{1,9})?|[1-9]?[0-9](\.[0-9]{1,9})?)$`
	percentRule    = `must be a number from 0 to 100, in quotes and without a sign, for example "20" or "0.5"`
)

// TestPercents tries every share, wherever it is: what its pattern refuses is refused in words as well.
func TestPercents(t *testing.T) {
	tried := 0
	for _, kind := range kinds {
		v := load(t, kind)
		for path, schema := range walk(v.schema, nil) {
			if schema.Pattern != percentPattern {
				continue
			}
			tried++
			for _, value := range patterns[percentPattern].accept {
				if got := complaint(v.validate(t, path.object(value)), path, percentRule); got != "" {
					t.Errorf("%s: %q is refused: %s", kind, value, got)
				}
			}
			for _, value := range append([]string{"20%", "0,5", "a fifth"}, patterns[percentPattern].reject...) {
				if complaint(v.validate(t, path.object(value)), path, percentRule) == "" {
					t.Errorf("%s: %s does not say what is wrong with %q", kind, path, value)
				}
			}
		}
	}
	if tried == 0 {
		t.Error("no field is a share")
	}
}
