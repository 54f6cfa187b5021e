// SPDX-License-Identifier: Apache-2.0

package rank

import (
	"encoding/binary"
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/vedette-dev/vedette/internal/record"
)

// What counts as the most extreme: a score of one in a million, and a segment of one record in a thousand.
const (
	mostStrange = 6
	mostRare    = 3
)

// Uncertainty is how unsure the model was, in [0, 1]: by entropy, else by margin, else by confidence; 0 when none is known.
func Uncertainty(r *record.Row) float64 {
	switch {
	case !math.IsNaN(r.Entropy):
		return unit(r.Entropy)
	case !math.IsNaN(r.Margin):
		return unit(1 - r.Margin)
	case !math.IsNaN(r.Confidence):
		return unit(1 - r.Confidence)
	}
	return 0
}

// Strangeness is how strange the record is beside the baseline, in [0, 1]; 0 when that is not known.
func Strangeness(r *record.Row) float64 {
	if math.IsNaN(r.OutlierScore) {
		return 0
	}
	return unit(r.OutlierScore / mostStrange)
}

// Rarity is how rare the rarest segment is that the record is in, in [0, 1]. Share is a segment's share of all records; a
// segment of which it knows nothing counts as not rare.
func Rarity(segments []string, share func(segment string) float64) float64 {
	var rarity float64
	for _, s := range segments {
		if v := share(s); v > 0 && v < 1 {
			rarity = max(rarity, unit(-math.Log10(v)/mostRare))
		}
	}
	return rarity
}

func unit(x float64) float64 { return max(0, min(1, x)) }

// Uniform is a number in [0, 1) that depends on the id alone, independent for each purpose.
func Uniform(purpose, id string) float64 {
	h := xxhash.New()
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(purpose)))
	_, _ = h.Write(length[:])
	_, _ = h.WriteString(purpose)
	_, _ = h.WriteString(id)
	return float64(mix(h.Sum64())>>11) / (1 << 53)
}

// mix spreads what little differs between ids that are counted up over all bits.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// InSlice says whether a sampled record is of the random slice of the queue. It is the same for every replica, and for
// whoever computes it again from the store.
func InSlice(queue, id string, share float64) bool { return Uniform("slice/"+queue, id) < share }
