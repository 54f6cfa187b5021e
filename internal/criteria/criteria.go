// SPDX-License-Identifier: Apache-2.0

package criteria

// Everything is the scope of all requests.
const Everything = "all"

// BucketsPerOctave is how finely latencies are counted: bucket n holds those whose binary logarithm, in microseconds, is
// at least n/16 and below (n+1)/16.
const BucketsPerOctave = 16

// Quantity is something whose differences between the two sides are summed up.
type Quantity string

// The quantities. Excess is the size of the difference of the scores, less that of the model from itself, weighted by the
// inverse of the chance of being asked twice (Horvitz and Thompson 1952): its mean is the difference beyond noise.
const (
	Score      Quantity = "score"
	Confidence Quantity = "confidence"
	Entropy    Quantity = "entropy"
	Excess     Quantity = "excess"
)

// Moments are the sums of N differences, of the candidate less the model: of the positive ones, of the negative ones with
// their sign turned, and of the squares of both.
type Moments struct {
	N                 int64
	Up, Down, Squares float64
}

// Status is how a side of a pair ended.
type Status int

// The ways to end. Invalid is the caller's fault, and Failed the side's.
const (
	OK Status = iota
	Invalid
	Failed
)

// Counts are the pairs of one scope.
type Counts struct {
	// Outcomes counts them by what became of them.
	Outcomes map[string]int64
	// Status counts those that were sent by [primary][shadow].
	Status [3][3]int64
	// Same and Other count those that were compared, and not asked for twice, by whether the candidate agreed.
	Same, Other int64
	// Triples counts those that were compared and asked for twice, by [the candidate differs][the model differs from itself].
	Triples [2][2]int64
	// Labelled counts those of which it is known what was right, by [the model was right][the candidate was].
	Labelled [2][2]int64
	// Differences are by what differs.
	Differences map[Quantity]Moments
	// Scored is how many of those that were compared tell, by Crossings, of which cuts lie between their two scores.
	Scored int64
	// Crossings are by the cut of the score, at most Cuts.
	Crossings map[string]Crossings
	// Latency counts [0] the model's and [1] the candidate's latencies, by bucket.
	Latency [2]map[int]int64
}

// Compared is how many pairs were compared.
func (c Counts) Compared() int64 {
	return c.Same + c.Other + c.triples()
}

func (c Counts) triples() int64 {
	return c.Triples[0][0] + c.Triples[0][1] + c.Triples[1][0] + c.Triples[1][1]
}

// Evidence is the counts by scope: Everything, and the segments.
type Evidence map[string]Counts

// Signal is what a criterion judges.
type Signal string

// The signals. What the candidate has more of is bad in the first four, and what it has less of in Accuracy; in the others, by how
// much it is elsewhere.
const (
	ErrorRatio        Signal = "ErrorRatio"
	InvalidInputRatio Signal = "InvalidInputRatio"
	Disagreement      Signal = "Disagreement"
	LatencySeconds    Signal = "LatencySeconds"
	ScoreDifference   Signal = "ScoreDifference"
	ScoreShift        Signal = "ScoreShift"
	ScoreDistribution Signal = "ScoreDistribution"
	MeanConfidence    Signal = "MeanConfidence"
	MeanEntropy       Signal = "MeanEntropy"
	Accuracy          Signal = "Accuracy"
)

// Criterion is what a candidate must hold.
type Criterion struct {
	Name   string
	Signal Signal
	// Quantile is of LatencySeconds alone.
	Quantile float64
	// MaxRatio is the margin of LatencySeconds, MaxDifference that of the others.
	MaxRatio, MaxDifference float64
	// Segments are the scopes that it must hold in; none are Everything and every segment there is.
	Segments []string
	// MinSamples is how many pairs a scope needs for a verdict; of Accuracy, labelled ones.
	MinSamples int64
}

// Verdict is what follows from the evidence.
type Verdict string

// The verdicts. Error says that the evidence itself, or the question, is at fault: it decides nothing.
const (
	Pass         Verdict = "Pass"
	Fail         Verdict = "Fail"
	Inconclusive Verdict = "Inconclusive"
	Error        Verdict = "Error"
)

// Finding is a criterion's verdict in one scope. No number in it is a NaN.
type Finding struct {
	Criterion, Segment string
	Verdict            Verdict
	// Estimate is the difference, or the ratio, that was seen; 0 when N is.
	Estimate float64
	// Low and High are the bounds that the verdict follows from: it passes when High is at most the margin, and fails when Low
	// exceeds it. They are at different levels: Low at that of a rejection, High at that of a promotion; of a signed signal
	// both are at the latter. What is not known yet is infinite; of a ratio, Low is then 0.
	Low, High float64
	// N is how many pairs it rests on.
	N int64
	// Need is roughly how many more of those, counted as N is, it takes for a verdict if things go on as they are; 0 when that cannot
	// be said.
	Need int64
}

// Policy is how much may go wrong.
type Policy struct {
	// MaxWrongPromotion bounds the probability that a candidate beyond a margin is ever promoted, MaxWrongRejection that
	// one within all margins is ever rejected.
	MaxWrongPromotion, MaxWrongRejection float64
	// Probability says that scores are probabilities, and entropies normalised.
	Probability bool
}

func (p Policy) valid() bool {
	return p.MaxWrongPromotion > 0 && p.MaxWrongPromotion < 1 && p.MaxWrongRejection > 0 && p.MaxWrongRejection < 1
}
