// SPDX-License-Identifier: Apache-2.0

package apply

import "reflect"

// holds says whether got holds everything that want does: maps may hold more keys, lists of named items more items.
// Empty values of want are not looked for, as the API server leaves them out.
func holds(got, want any) bool {
	switch want := want.(type) {
	case nil:
		return true
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			return len(want) == 0
		}
		for k, v := range want {
			if !holds(got[k], v) {
				return false
			}
		}
		return true
	case []any:
		got, ok := got.([]any)
		if !ok {
			return len(want) == 0
		}
		return holdsItems(got, want)
	}
	return reflect.DeepEqual(got, want) || got == nil && reflect.ValueOf(want).IsZero()
}

func holdsItems(got, want []any) bool {
	named := named(want)
	if !named && len(got) != len(want) {
		return false
	}
	for i, w := range want {
		if !named {
			if !holds(got[i], w) {
				return false
			}
			continue
		}
		g := find(got, w.(map[string]any)["name"])
		if g == nil || !holds(g, w) {
			return false
		}
	}
	return true
}

// named says whether every item is told from the others by its name.
func named(items []any) bool {
	seen := map[any]bool{}
	for _, i := range items {
		m, ok := i.(map[string]any)
		if !ok {
			return false
		}
		name, ok := m["name"].(string)
		if !ok || seen[name] {
			return false
		}
		seen[name] = true
	}
	return true
}

func find(items []any, name any) any {
	for _, i := range items {
		if m, ok := i.(map[string]any); ok && m["name"] == name {
			return m
		}
	}
	return nil
}
