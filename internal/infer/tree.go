// SPDX-License-Identifier: Apache-2.0

package infer

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vedette-dev/vedette/internal/expr"
)

// maxLeaves bounds the places of one side that are looked at.
const maxLeaves = 1024

// tree are the places at which values were seen on one side.
type tree struct {
	root   string
	byPath map[string]*leaf
	order  []string
}

func newTree(root string) *tree { return &tree{root: root, byPath: map[string]*leaf{}} }

// leaf is a place at which scalars, or arrays of numbers, were seen.
type leaf struct {
	path, name string
	// present counts values, by what they are.
	present, numbers, integers, bools, texts int64
	// lists counts arrays of numbers; columns is their length, or −1 where it differs. distributions counts those that add up to 1.
	lists, distributions int64
	columns              int
	min, max             float64
	distinct             map[string]int64
	// many says that there are more distinct values than are told apart.
	many   bool
	length int
	words  int64
}

func (t *tree) observe(v any) { t.walk(t.root, "", v, 0) }

func (t *tree) walk(path, name string, v any, depth int) {
	if depth > maxDepth {
		return
	}
	switch v := v.(type) {
	case nil:
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			t.walk(path+member(key), strings.TrimPrefix(name+"_"+key, "_"), v[key], depth+1)
		}
	case []any:
		if t.root == expr.RootResponse && t.list(path, name, v) {
			return
		}
		for i, e := range v {
			index := strconv.Itoa(i)
			t.walk(path+"["+index+"]", name+"_"+index, e, depth+1)
		}
	default:
		if l := t.leaf(path, name); l != nil {
			l.add(v)
		}
	}
}

// list takes an array of numbers of an answer as one value.
func (t *tree) list(path, name string, v []any) bool {
	sum := 0.0
	for _, e := range v {
		n, ok := e.(json.Number)
		if !ok {
			return false
		}
		f, err := n.Float64()
		if err != nil {
			return false
		}
		sum += f
	}
	if len(v) < 2 {
		return false
	}
	l := t.leaf(path, name)
	if l == nil {
		return true
	}
	l.present++
	if l.lists++; l.columns != 0 && l.columns != len(v) {
		l.columns = -1
	} else if l.columns == 0 {
		l.columns = len(v)
	}
	if math.Abs(sum-1) < 0.01 {
		l.distributions++
	}
	return true
}

func (t *tree) leaf(path, name string) *leaf {
	if l := t.byPath[path]; l != nil {
		return l
	}
	if _, err := expr.ParsePath(path); err != nil || len(t.byPath) == maxLeaves || len(path) > 256 {
		return nil
	}
	l := &leaf{path: path, name: name, min: math.Inf(1), max: math.Inf(-1), distinct: map[string]int64{}}
	t.byPath[path] = l
	t.order = append(t.order, path)
	return l
}

// leaves are those of the tree, in the order in which they were first seen.
func (t *tree) leaves() []*leaf {
	out := make([]*leaf, len(t.order))
	for i, path := range t.order {
		out[i] = t.byPath[path]
	}
	return out
}

func (l *leaf) add(v any) {
	l.present++
	var text string
	switch v := v.(type) {
	case bool:
		l.bools++
		text = strconv.FormatBool(v)
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return
		}
		l.numbers++
		if f == math.Trunc(f) {
			l.integers++
		}
		l.min, l.max = min(l.min, f), max(l.max, f)
		text = v.String()
	case string:
		l.texts++
		l.words += int64(strings.Count(strings.TrimSpace(v), " ") + 1)
		text = v
	}
	l.length = max(l.length, utf8.RuneCountInString(text))
	if _, known := l.distinct[text]; !known && len(l.distinct) == maxDistinct {
		l.many = true
		return
	}
	if len(text) <= maxValue {
		l.distinct[text]++
	} else {
		l.many = true
	}
}

// member is the step of a path to a member of an object.
func member(key string) string {
	plain := key != ""
	for i, r := range key {
		plain = plain && (r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || i > 0 && '0' <= r && r <= '9')
	}
	if plain {
		return "." + key
	}
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(key)
	return "['" + quoted + "']"
}
