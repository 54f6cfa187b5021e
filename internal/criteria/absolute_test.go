// SPDX-License-Identifier: Apache-2.0

package criteria

import (
	"math"
	"testing"
)

func TestTheCandidateAlone(t *testing.T) {
	status := func(ok, failed int64) Counts {
		return Counts{Status: [3][3]int64{OK: {OK: ok, Failed: failed}}}
	}
	// Of so many latencies one in ten is ten times as long as the others, which are of about 4 ms.
	tail := func(n int64) Counts {
		fast, slow := int(BucketsPerOctave*math.Log2(4e3)), int(BucketsPerOctave*math.Log2(40e3))
		return Counts{Latency: [2]map[int]int64{1: {fast: n - n/10, slow: n / 10}}}
	}
	errors := func(most float64) Criterion {
		return Criterion{Name: "c", Signal: ShadowErrorRatio, MaxDifference: most}
	}
	p99 := func(q, most float64) Criterion {
		return Criterion{Name: "c", Signal: ShadowLatencySeconds, Quantile: q, MaxDifference: most}
	}
	for name, tt := range map[string]struct {
		c    Criterion
		of   Counts
		want Verdict
	}{
		"no data never passes":                         {errors(0.01), Counts{}, Inconclusive},
		"few errors, and enough of it":                 {errors(0.01), status(5000, 5), Pass},
		"as few as may be tell nothing":                {errors(0.01), status(4950, 50), Inconclusive},
		"many errors":                                  {errors(0.01), status(4700, 300), Fail},
		"no latencies":                                 {p99(0.5, 0.01), Counts{}, Inconclusive},
		"the median is short":                          {p99(0.5, 0.01), tail(1000), Pass},
		"the tail is long":                             {p99(0.99, 0.01), tail(1000), Fail},
		"the tail is within a longer limit":            {p99(0.99, 0.1), tail(5000), Pass},
		"a limit within the bucket of all decides not": {p99(0.5, 4.05e-3), tail(1000), Inconclusive},
		"a limit that is none":                         {p99(0.5, 0), tail(1000), Error},
	} {
		t.Run(name, func(t *testing.T) {
			got, findings := Judge([]Criterion{tt.c}, nil, Evidence{Everything: tt.of}, Policy{MaxWrongPromotion: 0.05, MaxWrongRejection: 0.01})
			if got != tt.want {
				t.Errorf("%s, want %s: %+v", got, tt.want, findings)
			}
			for _, f := range findings {
				if math.IsNaN(f.Estimate+f.Low) || math.IsNaN(f.High) {
					t.Errorf("a number that is none: %+v", f)
				}
			}
		})
	}
}
