// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"math"

	"github.com/cespare/xxhash/v2"
)

// salt keeps choices by the hash of the request id apart from each other, and from that of what is kept.
type salt uint64

// The choices. They never change: all pods and releases choose alike.
const (
	saltShare    salt = 0x9e3779b97f4a7c15 // whether a request is mirrored
	saltReplica  salt = 0xd1b54a32d192ed03 // whether the primary is asked again
	saltInstance salt = 0x8cb92ba72f3d8dd7 // which instance of a batch counts
)

// fraction maps a request id to [0, 1), evenly, and for every salt in another way.
func fraction(requestID string, s salt) float64 {
	h := xxhash.Sum64String(requestID) ^ uint64(s)
	// The finalizer of splitmix64: every bit of the hash changes every bit of the result with probability ½.
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return float64((h^h>>31)>>11) / (1 << 53)
}

// Bounds of the adaptive share of replicas.
const (
	// minTriples is how many second answers are needed before the share is lowered.
	minTriples = 300
	// quietNoise is the self-disagreement below which a primary counts as deterministic.
	quietNoise = 0.001
	// quietShare is the share of replicas of a primary that does.
	quietShare = 0.01
	// noiseLevel is one less the confidence of the bound on self-disagreement.
	noiseLevel = 0.05
)

// replicaShare is the share of replicas, where the last agreed second answers of the primary were all the same as its first. With
// none that differed, the upper bound of self-disagreement is 1-noiseLevel^(1/agreed), which is below quietNoise where
// (1-quietNoise)^agreed is below noiseLevel: from 2,995 on. One that differs starts over, with the share as it was at first.
func replicaShare(configured float64, agreed int64) float64 {
	if agreed >= minTriples && math.Pow(1-quietNoise, float64(agreed)) < noiseLevel {
		return min(configured, quietShare)
	}
	return configured
}
