// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/wire"
)

// maxLabelled bounds the segments in status: all that a monitor may have, and all traffic.
const maxLabelled = wire.MaxLabelSegments

// Patterns of what names a trial: what does not match, the API server would refuse in status.
var (
	objectName   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	revisionHash = regexp.MustCompile(`^[0-9a-f]{10}$`)
)

// labelledPairs are those of the trial that a run has counted; of no attempt where it names none.
func labelledPairs(v wire.Verdict) v1alpha1.LabelledPairs {
	if v.Trial == nil || len(v.Trial.Rollout) > 253 || !objectName.MatchString(v.Trial.Rollout) || !revisionHash.MatchString(v.Trial.Candidate) {
		return v1alpha1.LabelledPairs{}
	}
	attempt, err := strconv.ParseInt(v.Trial.Attempt, 10, 64)
	if err != nil || attempt < 1 {
		return v1alpha1.LabelledPairs{}
	}
	pairs := v1alpha1.LabelledPairs{
		RolloutName: v1alpha1.ObjectName(v.Trial.Rollout), Revision: v1alpha1.Revision(v.Trial.Candidate), Attempt: attempt,
	}
	for _, p := range v.Pairs {
		segment := v1alpha1.ItemName(cmp.Or(p.Segment, naming.SegmentAll))
		known := slices.ContainsFunc(pairs.Segments, func(s v1alpha1.SegmentPairs) bool { return s.Segment == segment })
		if known || !itemName.MatchString(string(segment)) || slices.Min(p.Counts[:]) < 0 || len(pairs.Segments) == maxLabelled {
			continue
		}
		pairs.Segments = append(pairs.Segments, v1alpha1.SegmentPairs{
			Segment: segment, BothCorrect: new(p.Counts[0]), OnlyPrimaryCorrect: new(p.Counts[1]), OnlyShadowCorrect: new(p.Counts[2]), NeitherCorrect: new(p.Counts[3]),
		})
	}
	return pairs
}
