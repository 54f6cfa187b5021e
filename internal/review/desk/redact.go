// SPDX-License-Identifier: Apache-2.0

package desk

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/wire"
)

// redaction takes out of items what the queue may not show. Redacted features never enter its database; this is for items
// that were there before a feature was redacted, for what is said about a feature elsewhere, and for label keys that are
// features: the database has those, so that their subjects can be erased.
type redaction struct {
	names   []string
	mention *regexp.Regexp // nil without names
}

func newRedaction(names []string) redaction {
	r := redaction{names: names}
	if len(names) > 0 {
		quoted := make([]string, len(names))
		for i, n := range names {
			quoted[i] = regexp.QuoteMeta(n)
		}
		r.mention = regexp.MustCompile(`\b(?:` + strings.Join(quoted, "|") + `)\b`)
	}
	return r
}

// item is a copy of it without what is redacted: values, and reasons and violations that would tell of them.
func (r redaction) item(it review.Item, schema *wire.Schema) review.Item {
	if r.mention == nil {
		return it
	}
	p := &it.Prediction
	p.Features = keep(p.Features, func(f review.Feature) bool { return !slices.Contains(r.names, f.Name) })
	p.Violations = keep(p.Violations, r.silent)
	it.Reasons = keep(it.Reasons, r.silent)
	if r.isKey(schema) {
		p.LabelKey = ""
	}
	return it
}

// isKey says whether label keys are the values of a redacted feature, or may be: of a monitor that declares none now, nobody
// knows what they were.
func (r redaction) isKey(schema *wire.Schema) bool {
	path := schema.LabelKey.Path
	return path == "" || slices.ContainsFunc(schema.Features, func(f wire.Feature) bool {
		return slices.Contains(r.names, f.Name) && cmp.Or(f.Path, "request."+f.Name) == path
	})
}

func (r redaction) silent(text string) bool { return !r.mention.MatchString(text) }

func keep[T any](all []T, ok func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(all), func(v T) bool { return !ok(v) })
}
