// SPDX-License-Identifier: Apache-2.0

package desk

import (
	"regexp"
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/internal/review"
)

// redaction takes out of items what the queue may not show. Redacted features never enter its database; this is for items
// that were there before a feature was redacted, and for what is said about a feature elsewhere.
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
func (r redaction) item(it review.Item) review.Item {
	if r.mention == nil {
		return it
	}
	p := &it.Prediction
	p.Features = keep(p.Features, func(f review.Feature) bool { return !slices.Contains(r.names, f.Name) })
	p.Violations = keep(p.Violations, r.silent)
	it.Reasons = keep(it.Reasons, r.silent)
	return it
}

func (r redaction) silent(text string) bool { return !r.mention.MatchString(text) }

func keep[T any](all []T, ok func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(all), func(v T) bool { return !ok(v) })
}
