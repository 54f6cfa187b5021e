// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"github.com/cespare/xxhash/v2"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// fraction maps a request id to [0, 1), evenly, and the same in every process and release: all who see the same
// request keep it or leave it together, and a smaller share is part of a larger one.
func fraction(requestID string) float64 {
	return float64(xxhash.Sum64String(requestID)>>11) / (1 << 53)
}

// choose decides what is kept of an instance: the shares of the tiers, and every outlier in the first two.
func choose(keep wire.Keep, u float64, outlier bool) (predictions, records kept, bodies bool) {
	// Bodies are columns of the records tier: it holds at least their share.
	share := max(keep.Features, keep.Bodies)
	return keepTier(keep.Predictions, u, outlier), keepTier(share, u, outlier), u < keep.Bodies
}

// kept is how a tier keeps an instance; a probability of 0 means that it does not.
type kept struct {
	probability float64
	reason      record.KeepReason
}

func keepTier(share, u float64, outlier bool) kept {
	switch {
	case outlier:
		return kept{1, record.KeepOutlier}
	case u < share:
		return kept{share, record.KeepSampled}
	}
	return kept{}
}
