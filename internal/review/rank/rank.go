// SPDX-License-Identifier: Apache-2.0

// Package rank owns which item comes first, which items are alike, and which records are of the random slice. It is pure:
// values in, values out.
//
// The order of two items never changes while they wait. What grows with age grows for all of them alike, by Age in the time
// that an item may wait; so the priority that is stored takes off when the item came instead, and the next item is the first
// of an index.
package rank

import (
	"math"
	"time"

	"github.com/vedette-dev/vedette/internal/wire"
)

// Factors are what makes an item come first, each in [0, 1].
type Factors struct {
	Uncertainty, Strangeness, Rarity float64
}

// epoch keeps the part of the priority that stands for age small, and so exact.
var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// Suppressed is taken off the priority of a near-duplicate: it comes after all that are none.
const Suppressed = 1e6

// Priority is that of an outlier that came at added, under the rules of the queue that hold for it. The monitor's weight
// multiplies what the item is, not its age, or the order would change with time.
func Priority(p *wire.ReviewPriority, weight float64, f Factors, rules []string, added time.Time, wait time.Duration) float64 {
	worth := p.Uncertainty*f.Uncertainty + p.OutlierScore*f.Strangeness + p.Rarity*f.Rarity
	for _, name := range rules {
		for _, r := range p.Rules {
			if r.Name == name {
				worth += r.Weight
			}
		}
	}
	return finite(weight*worth) - late(p, added, wait)
}

// RandomPriority is that of an item of the random slice. Nothing of its content counts, so that those that get an answer
// are a random slice, too.
func RandomPriority(p *wire.ReviewPriority, id string, added time.Time, wait time.Duration) float64 {
	return Uniform("order", id) - late(p, added, wait)
}

func late(p *wire.ReviewPriority, added time.Time, wait time.Duration) float64 {
	if wait <= 0 || p.Age <= 0 {
		return 0
	}
	return finite(p.Age * (added.Sub(epoch).Seconds() / wait.Seconds()))
}

// finite keeps what came of absurd weights from spoiling an order.
func finite(x float64) float64 {
	const most = 1e9
	if math.IsNaN(x) {
		return 0
	}
	return max(-most, min(most, x))
}
