// SPDX-License-Identifier: Apache-2.0

package infer

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/wire"
)

const (
	// fewCategories is how many values a text may have, however few were seen, to be a category.
	fewCategories = 50
	// enough is how many instances must have a value in each before it is called required, or a key.
	enough = 100
	// farAway is how much farther from zero than wide a spread must be to need an origin.
	farAway = 16
)

// names makes names that are unique and allowed.
type names struct{ taken map[string]bool }

func (n *names) of(raw string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(raw) {
		if r == '_' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	name := strings.Trim(b.String(), "_")
	if name == "" || name[0] < 'a' || name == "prediction" || name == "score" {
		name = "x_" + name
	}
	name = strings.TrimRight(name[:min(len(name), 58)], "_")
	if n.taken == nil {
		n.taken = map[string]bool{}
	}
	unique := name
	for i := 2; n.taken[unique]; i++ {
		unique = name + "_" + strconv.Itoa(i)
	}
	n.taken[unique] = true
	return unique
}

// feature is what a place of the request is: a feature, or the key under which labels may arrive, or neither, with a note.
func (l *leaf) feature(n *names, instances int64) (f Feature, key bool, note string) {
	switch {
	case l.bools == l.present:
		f.Type = wire.Boolean
	case l.numbers == l.present:
		f.Type = wire.Numeric
		f.Origin = l.origin()
	case l.numbers > 0 && l.numbers+l.texts < l.present, l.bools > 0:
		return f, false, l.path + " is now of one type, now of another: it is left out"
	case l.unique() && l.words == l.texts:
		return f, true, l.path + " is different nearly each time: it is left out"
	case !l.many && (len(l.distinct) <= fewCategories || int64(len(l.distinct))*2 <= l.present):
		f.Type = wire.Categorical
	case l.words > 2*l.texts || l.length > 64:
		f.Type = wire.Text
	default:
		f.Type = wire.Categorical
	}
	f.Name = n.of(l.name)
	if f.Path = l.path; f.Path == expr.RootRequest+"."+f.Name {
		f.Path = ""
	}
	f.Required = l.present == instances && instances >= enough
	f.Seen = l.seen(f.Type)
	return f, false, ""
}

// unique says whether nearly every value is another one, of enough.
func (l *leaf) unique() bool {
	return l.present >= enough && (l.many && l.present <= 2*maxDistinct || int64(len(l.distinct))*10 > l.present*9)
}

// origin is what to subtract of numbers whose spread is small beside their size.
func (l *leaf) origin() string {
	spread := l.max - l.min
	if spread <= 0 || min(math.Abs(l.min), math.Abs(l.max)) < farAway*spread || l.min < 0 != (l.max < 0) {
		return ""
	}
	step := math.Pow(10, math.Ceil(math.Log10(spread)))
	origin := strconv.FormatFloat(math.Floor(l.min/step)*step, 'f', -1, 64)
	if len(origin) > 10 {
		return ""
	}
	return origin
}

func (l *leaf) seen(t wire.FeatureType) string {
	switch t {
	case wire.Numeric:
		return fmt.Sprintf("%.6g to %.6g", l.min, l.max)
	case wire.Text:
		return fmt.Sprintf("up to %d characters", l.length)
	case wire.Boolean:
		return fmt.Sprintf("true in %d of %d", l.distinct["true"], l.present)
	}
	values := slices.SortedFunc(maps.Keys(l.distinct), func(a, b string) int {
		if l.distinct[a] != l.distinct[b] {
			return int(l.distinct[b] - l.distinct[a])
		}
		return strings.Compare(a, b)
	})
	shown := strings.Join(values[:min(len(values), 4)], ", ")
	if len(values) <= 4 && !l.many {
		return shown
	}
	return fmt.Sprintf("%s and others: %d values", shown, len(values))
}
