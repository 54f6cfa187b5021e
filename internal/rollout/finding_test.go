// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"testing"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/criteria"
)

// TestNeedsAreInRequestsOfTheWholeTrial: of a segment that one request in fifty is of, it takes fifty times as many.
func TestNeedsAreInRequestsOfTheWholeTrial(t *testing.T) {
	big := func(pairs int64) v1alpha1.RolloutFinding {
		r, m, e := judged()
		r.Spec.Analysis.Criteria = r.Spec.Analysis.Criteria[:1]
		evidence := criteria.Evidence{}
		for scope, n := range map[string]int64{criteria.Everything: pairs, "big": pairs / 50} {
			c := criteria.Counts{Same: n}
			c.Status[criteria.OK][criteria.OK] = n
			evidence[scope] = c
		}
		for _, f := range Judge(r, m, e, evidence, nil).Findings {
			if f.Segment == "big" {
				return f
			}
		}
		t.Fatal("nothing was found in the segment")
		return v1alpha1.RolloutFinding{}
	}
	early := big(10_000)
	total := 10_000 + early.Need
	if early.Verdict != v1alpha1.VerdictInconclusive || early.Samples != 200 || big(total/2).Verdict != v1alpha1.VerdictInconclusive || big(total*2).Verdict != v1alpha1.VerdictPass {
		t.Errorf("of 10000 requests it needs %d more: %+v, then %+v and %+v", early.Need, early, big(total/2), big(total*2))
	}
}

func TestANeedIsAShareOfWhatIsCompared(t *testing.T) {
	for name, tt := range map[string]struct {
		n, need, pairs, want int64
	}{
		"every request counts":              {n: 800, need: 300, pairs: 800, want: 300},
		"one in fifty does":                 {n: 200, need: 300, pairs: 10_000, want: 15_000},
		"a third of one is one":             {n: 3000, need: 1, pairs: 1000, want: 1},
		"some have failed":                  {n: 1000, need: 100, pairs: 500, want: 50},
		"none counted yet":                  {need: 100, pairs: 5000},
		"none was compared":                 {n: 100, need: 100},
		"nothing more is needed":            {n: 5000, pairs: 5000},
		"nobody will ever wait for as much": {n: 1, need: 1e12, pairs: 1e9},
	} {
		t.Run(name, func(t *testing.T) {
			if got := finding(criteria.Finding{N: tt.n, Need: tt.need}, tt.pairs).Need; got != tt.want {
				t.Errorf("it needs %d more, want %d", got, tt.want)
			}
		})
	}
}
