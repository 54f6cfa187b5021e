// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"fmt"
	"math"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// TestChoicesAreIndependent holds that what is mirrored, asked again and counted is chosen evenly, and neither by what is kept nor
// by each other.
func TestChoicesAreIndependent(t *testing.T) {
	const n = 40_000
	kept := func(id string) float64 { return float64(xxhash.Sum64String(id)>>11) / (1 << 53) }
	choices := map[string]func(string) float64{
		"kept":       kept,
		"mirrored":   func(id string) float64 { return fraction(id, saltShare) },
		"replicated": func(id string) float64 { return fraction(id, saltReplica) },
		"counted":    func(id string) float64 { return fraction(id, saltInstance) },
	}
	for a, of := range choices {
		for b, and := range choices {
			both := 0
			for i := range n {
				if id := fmt.Sprintf("request-%d", i); of(id) < 0.25 && and(id) < 0.25 {
					both++
				}
			}
			want := 0.0625
			if a == b {
				want = 0.25
			}
			// Five standard deviations: of fixed ids, this never fails by chance.
			if got := float64(both) / n; math.Abs(got-want) > 5*math.Sqrt(want*(1-want)/n) {
				t.Errorf("%s and %s: %.4f of the requests, want %.4f", a, b, got, want)
			}
		}
	}
}

func TestChoicesAreFixed(t *testing.T) {
	for s, want := range map[salt]string{saltShare: "0.651935", saltReplica: "0.638458", saltInstance: "0.600851"} {
		if got := fmt.Sprintf("%.6f", fraction("f3b0c6f2-0a3d-4a37-9a57-7d21b5e8a001", s)); got != want {
			t.Errorf("salt %x gives %s, want %s: pods of another release would choose otherwise", uint64(s), got, want)
		}
	}
}

func TestTheShareOfReplicas(t *testing.T) {
	for name, tt := range map[string]struct {
		configured float64
		agreed     int64
		want       float64
	}{
		"at first":                             {0.25, 0, 0.25},
		"after 300 that agreed, which is weak": {0.25, 300, 0.25},
		"one before the bound is low enough":   {0.25, 2994, 0.25},
		"a deterministic model":                {0.25, 2995, 0.01},
		"less than that was asked for":         {0.005, 5000, 0.005},
		"never":                                {0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := replicaShare(tt.configured, tt.agreed); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
