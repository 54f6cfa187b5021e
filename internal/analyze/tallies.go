// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"math"
	"slices"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/stats"
	"github.com/vedette-dev/vedette/internal/wire"
)

// stratum is how a prediction came to be labelled, or could have been. Labelled rows of a stratum stand for all of its
// predictions: their weights are scaled to its total, so that what people were shown more often does not count more.
type stratum int

const (
	// stratumTruth are the predictions whose truth is known from elsewhere than from people who were asked.
	stratumTruth stratum = iota
	// stratumOutlier are the other outliers, which are put before people first, and stratumRandom the rest, of which a random
	// slice is.
	stratumOutlier
	stratumRandom
	strata
)

var stratumNames = [strata]string{"groundTruth", "reviewedOutliers", "reviewedAtRandom"}

func stratumOf(r *record.Row, known *truth) stratum {
	switch {
	case known != nil && known.external:
		return stratumTruth
	case r.KeepReason == record.KeepOutlier:
		return stratumOutlier
	}
	return stratumRandom
}

// group is a segment and a version; "" is all of them.
type group struct{ segment, version string }

const (
	// maxVersions bounds the versions that are told apart; those beyond are one.
	maxVersions  = 32
	otherVersion = "other"
)

// tallyOf adds up the predictions of one group.
type tallyOf struct {
	// predictions are all that were answered, by stratum; labelled those with a usable label, by their design weights.
	predictions [strata]stats.Weights
	labelled    [strata]stats.Weights
	// covered are the labelled ones by the weights of all predictions.
	covered   stats.Weights
	confusion [strata]stats.Confusion
	// losses are means to be: log loss and Brier score, or absolute, squared, signed and relative error; and the cost.
	losses [strata][lossKinds]stats.Moments
	// events are weighed apart: by topic, then those that are known from elsewhere, those of outliers, and those at random.
	events map[uint8]*[strata]eventSums
}

type eventSums struct {
	stats.Weights
	amount float64
}

// Kinds of losses.
const (
	lossLog = iota
	lossBrier
	lossAbsolute
	lossSquared
	lossSigned
	lossRelative
	lossCost
	lossKinds
)

// scored is a labelled prediction of a binary classification, for the area under the curve.
type scored struct {
	score, weight float64
	stratum       stratum
	positive      bool
	version       uint8
	// segments has a bit for each segment of the configuration.
	segments uint64
}

// tallies add up the predictions of a window by group.
type tallies struct {
	config   wire.Config
	names    *classNames
	positive int16
	costs    map[[2]int16]float64

	groups   map[group]*tallyOf
	versions []string
	scored   []scored
	delays   []float64
	// reviewable are all predictions by whether they are outliers, and reviewed those that people answered for: the events of
	// these stand for those of all.
	reviewable, reviewed [strata]stats.Weights
	// unanswered were predictions without an answer, such as failed calls.
	unanswered int64
}

func newTallies(config wire.Config, names *classNames) *tallies {
	t := &tallies{config: config, names: names, positive: noClass, groups: map[group]*tallyOf{}, costs: map[[2]int16]float64{}}
	if config.Schema.Prediction.Kind == wire.BinaryClassification {
		t.positive = 1
		if c := config.Labels.PositiveClass; c != "" {
			t.positive = names.of(c)
		}
	}
	for _, c := range config.Labels.Costs {
		t.costs[[2]int16{names.of(c.Actual), names.of(c.Predicted)}] = c.Cost
	}
	return t
}

// add adds one prediction, with what is known of it.
func (t *tallies) add(r *record.Row, known *truth, events []event) {
	predicted := int16(noClass)
	if !t.names.regression {
		predicted = t.names.of(r.Prediction)
	}
	if r.Outcome != record.OutcomeOK && r.Outcome != "" || predicted == noClass && (!t.names.regression || math.IsNaN(r.Score)) {
		t.unanswered++
		return
	}
	s := stratumOf(r, known)
	kept := 1.0
	if r.KeepProbability > 0 && r.KeepProbability < 1 {
		kept = 1 / r.KeepProbability
	}
	weight := kept
	if known != nil && !known.external && known.selection > 0 {
		weight = 1 / known.selection
	}
	t.reviewable[reviewStratum(r)].Add(kept)
	version := t.versionOf(r.ModelVersion)
	for _, g := range t.groupsOf(r, version) {
		g.predictions[s].Add(kept)
		if known != nil {
			g.labelled[s].Add(weight)
			g.covered.Add(kept)
			t.judge(g, r, known, predicted, s, weight)
		}
		for _, ev := range events {
			g.event(ev, r, kept)
		}
	}
	if known == nil {
		return
	}
	t.delays = append(t.delays, known.delay)
	if !known.external || !math.IsNaN(known.selection) {
		t.reviewed[reviewStratum(r)].Add(reviewWeight(known.selection, kept))
	}
	if t.positive != noClass && !math.IsNaN(r.Score) {
		t.scored = append(t.scored, scored{t.scoreOf(r), weight, s, known.class == t.positive, version, t.segmentsOf(r)})
	}
}

// scoreOf is the probability of the positive class.
func (t *tallies) scoreOf(r *record.Row) float64 {
	if t.positive == 0 {
		return 1 - r.Score
	}
	return r.Score
}

// judge compares an answer with what was right.
func (t *tallies) judge(g *tallyOf, r *record.Row, known *truth, predicted int16, s stratum, weight float64) {
	losses := &g.losses[s]
	if t.names.regression {
		d := r.Score - known.value
		losses[lossAbsolute].Observe(math.Abs(d), weight)
		losses[lossSquared].Observe(d*d, weight)
		losses[lossSigned].Observe(d, weight)
		if known.value != 0 {
			losses[lossRelative].Observe(math.Abs(d/known.value), weight)
		}
		return
	}
	g.confusion[s].Add(int(known.class), int(predicted), weight)
	losses[lossCost].Observe(t.costs[[2]int16{known.class, predicted}], weight)
	switch {
	case t.positive != noClass && !math.IsNaN(r.Score):
		p := r.Score
		losses[lossBrier].Observe(stats.Brier(p, known.class == 1), weight)
		if known.class == 0 {
			p = 1 - p
		}
		losses[lossLog].Observe(stats.LogLoss(p), weight)
	case t.positive == noClass && int(known.class) < len(r.Scores):
		losses[lossLog].Observe(stats.LogLoss(r.Scores[known.class]), weight)
	}
}

// reviewStratum is the stratum of a prediction among all that people could be shown.
func reviewStratum(r *record.Row) stratum {
	if r.KeepReason == record.KeepOutlier {
		return stratumOutlier
	}
	return stratumRandom
}

func reviewWeight(selection, kept float64) float64 {
	if selection > 0 {
		return 1 / selection
	}
	return kept
}

func (g *tallyOf) event(ev event, r *record.Row, kept float64) {
	if g.events == nil {
		g.events = map[uint8]*[strata]eventSums{}
	}
	sums := g.events[ev.topic]
	if sums == nil {
		sums = new([strata]eventSums)
		g.events[ev.topic] = sums
	}
	s, weight := stratumTruth, kept
	if !ev.external {
		s, weight = reviewStratum(r), reviewWeight(ev.selection, kept)
	}
	sums[s].Add(weight)
	if !math.IsNaN(ev.amount) {
		sums[s].amount += weight * ev.amount
	}
}

func (t *tallies) versionOf(version string) uint8 {
	if version == "" {
		version = wire.UnknownVersion
	}
	at := slices.Index(t.versions, version)
	if at < 0 && len(t.versions) < maxVersions {
		at = len(t.versions)
		t.versions = append(t.versions, version)
	}
	if at < 0 {
		at = maxVersions
	}
	return uint8(at)
}

func (t *tallies) versionName(v uint8) string {
	if int(v) < len(t.versions) {
		return t.versions[v]
	}
	return otherVersion
}

// groupsOf are the groups that a prediction is in: all of it, its segments, and each of these of its version.
func (t *tallies) groupsOf(r *record.Row, version uint8) []*tallyOf {
	names := make([]string, 1, 1+len(r.Segments))
	for i, s := range t.config.Segments {
		if t.segmentsOf(r)&(1<<i) != 0 {
			names = append(names, s.Name)
		}
	}
	out := make([]*tallyOf, 0, 2*len(names))
	for _, segment := range names {
		for _, v := range []string{"", t.versionName(version)} {
			g := group{segment, v}
			if t.groups[g] == nil {
				t.groups[g] = new(tallyOf)
			}
			out = append(out, t.groups[g])
		}
	}
	return out
}

// segmentsOf are the segments of the configuration that a prediction is in, one bit each. Segments that are no longer
// declared are left out.
func (t *tallies) segmentsOf(r *record.Row) (bits uint64) {
	for i, s := range t.config.Segments[:min(len(t.config.Segments), 64)] {
		if slices.Contains(r.Segments, s.Name) {
			bits |= 1 << i
		}
	}
	return bits
}

// sortScores puts scores into the order in which the areas under curves are computed.
func (t *tallies) sortScores() {
	slices.SortFunc(t.scored, func(a, b scored) int { return cmp.Compare(a.score, b.score) })
}
