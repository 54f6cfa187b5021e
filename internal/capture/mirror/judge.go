// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/internal/capture/decode"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

var nan = math.NaN()

// all is the segment of all traffic.
const all = naming.SegmentAll

// finding is what a pair shows, before anything of it is counted.
type finding struct {
	rows    []record.Pair
	outcome record.PairOutcome
	// replicated says that the primary's second answer can be compared with its first.
	replicated bool
	// spoiled says that the shadow's answer cannot be read, and that the primary's can: whoever asked would have got nothing of use.
	spoiled bool
}

// judge decodes what the copies answered, and compares.
func (p *Pair) judge() finding {
	f := finding{outcome: p.outcome()}
	n := len(p.primary.Instances)
	shadow, shadowRead := p.read(&p.shadow, n)
	replica, replicaRead := p.read(&p.replica, n)
	f.rows = make([]record.Pair, n)
	f.replicated = replicaRead
	readable := shadowRead && p.primary.Outcome == record.OutcomeOK
	for i := range f.rows {
		row := p.row(i, shadow[i], replica[i])
		if f.outcome == record.PairCompared {
			row.Same = same(row.Primary, row.Shadow, p.target.Tolerance)
			row.ReplicaSame = same(row.Primary, row.Replica, p.target.Tolerance)
			readable = readable && row.Same != nil
			f.replicated = f.replicated && row.ReplicaSame != nil
		}
		f.rows[i] = row
	}
	if f.outcome == record.PairCompared && !readable {
		f.spoiled = p.primary.readable()
		f.outcome, f.replicated = record.PairIncomparable, false
	}
	for i := range f.rows {
		f.rows[i].Outcome = f.outcome
		if f.outcome != record.PairCompared {
			f.rows[i].Same, f.rows[i].ReplicaSame = nil, nil
		}
	}
	return f
}

// read decodes the answer of a copy to n instances. Where it cannot, nothing is known of their predictions.
func (p *Pair) read(s *side, n int) (answers []record.Answer, ok bool) {
	answers = make([]record.Answer, n)
	for i := range answers {
		answers[i] = record.Answer{Status: int32(s.status), LatencyMS: nan, Score: nan, Confidence: nan, Entropy: nan}
		if s.result != notAsked {
			answers[i].LatencyMS = milliseconds(s.latency)
		}
	}
	if s.result != answered || s.end() != endOK || s.cut || p.lost {
		return answers, false
	}
	payload := decode.Payload{Bytes: s.body, Encoding: s.encoding, JSONLength: s.length}
	predictions, err := p.plan.Decoder.Response(p.path, payload, n)
	if err != nil {
		return answers, false
	}
	for i, prediction := range predictions {
		a := &answers[i]
		a.Prediction, a.Score = prediction.Label, prediction.Score
		a.Confidence, a.Entropy, _ = outlier.Certainty(p.plan.Config.Schema.Prediction.Kind, &record.Row{Score: prediction.Score, Scores: prediction.Scores})
	}
	return answers, true
}

// row is that of an instance, but for what the comparison shows.
func (p *Pair) row(i int, shadow, replica record.Answer) record.Pair {
	in := &p.primary.Instances[i]
	primary := record.Answer{
		Status: int32(p.primary.Status), LatencyMS: nan,
		Prediction: in.Prediction, Score: in.Score, Confidence: in.Confidence, Entropy: in.Entropy,
	}
	if !p.lost && !p.missed {
		primary.LatencyMS = milliseconds(p.primary.End.Sub(p.whole))
	}
	return record.Pair{
		PairID: in.RecordID, RequestID: p.requestID, Time: p.arrived.UTC(),
		Rollout: p.target.Rollout, PrimaryRevision: p.target.Primary, CandidateRevision: p.target.Candidate, Attempt: p.target.Attempt,
		PrimaryVersion: p.plan.Versions.Model, ShadowVersion: cmp.Or(p.target.ShadowVersion, wire.UnknownVersion),
		Instance: int32(i), Segments: in.Segments, ReplicaProbability: p.probability,
		Primary: primary, Shadow: shadow, Replica: replica,
	}
}

// same says whether two answers are: by the class where both have one, else by the number. It is nil where they cannot be compared.
func same(a, b record.Answer, t wire.Tolerance) *bool {
	switch {
	case a.Prediction != "" && b.Prediction != "":
		return new(a.Prediction == b.Prediction)
	case a.Prediction != "" || b.Prediction != "" || math.IsNaN(a.Score) || math.IsNaN(b.Score):
		return nil
	}
	return new(near(a.Score, b.Score, t))
}

// near says whether two numbers are the same within the tolerance. Two that are unknown are.
func near(a, b float64, t wire.Tolerance) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.IsNaN(a) && math.IsNaN(b)
	}
	return math.Abs(a-b) <= t.Absolute+t.Relative*math.Abs(a)
}

// count counts a finding in every segment that the request is in. All traffic comes last: who reads a number of pairs there finds
// all of them in the other counts.
func (p *Pair) count(f finding) {
	p.learn(f)
	var segments []string
	for i := range f.rows {
		for _, s := range f.rows[i].Segments {
			if !slices.Contains(segments, s) {
				segments = append(segments, s)
			}
		}
	}
	for _, s := range segments {
		var in []record.Pair
		for i := range f.rows {
			if slices.Contains(f.rows[i].Segments, s) {
				in = append(in, f.rows[i])
			}
		}
		p.countIn(s, f, in)
	}
	p.countIn(all, f, f.rows)
}

// countIn counts one of the instances: those of a request are no independent evidence.
func (p *Pair) countIn(segment string, f finding, instances []record.Pair) {
	series := p.target.series
	switch f.outcome {
	case record.PairDropped, record.PairLost, record.PairCancelled:
	case record.PairShadowUnreachable: // a pod of the shadow that is not there, drained or preempted, says nothing about the candidate
	default:
		series.Status(segment, p.primary.end(), p.shadow.end())
		// A primary that answers a second time at the same moment is slower than it would be.
		alone := p.probability == 0
		if alone && p.primary.Whole && p.shadow.timed() && (segment == all || slices.Contains(p.target.LatencySegments, segment)) {
			series.Latency(segment, "primary", p.primary.End.Sub(p.whole))
			series.Latency(segment, "shadow", p.shadow.latency)
		}
	}
	if f.spoiled {
		series.Agreement(segment, "other", "none")
	}
	if f.outcome == record.PairCompared {
		one := &instances[int(fraction(p.requestID, saltInstance)*float64(len(instances)))]
		replica := "none"
		if f.replicated {
			replica = agreement(one.ReplicaSame)
		}
		series.Agreement(segment, agreement(one.Same), replica)
		score := one.Shadow.Score - one.Primary.Score
		series.Difference(segment, "score", score)
		if p.plan.Config.Schema.Prediction.Kind == wire.BinaryClassification { // of several classes there is no one score
			series.Scores(segment, one.Primary.Score, one.Shadow.Score)
		}
		series.Difference(segment, "confidence", one.Shadow.Confidence-one.Primary.Confidence)
		series.Difference(segment, "entropy", one.Shadow.Entropy-one.Primary.Entropy)
		series.Difference(segment, "excess", p.excess(f, one, math.Abs(score)))
	}
	series.Outcome(segment, string(f.outcome))
}

// excess is how much further the shadow is from the primary than the primary from itself. Pairs whose primary was asked again
// stand for those whose was not, so their noise is weighed by one over the probability to ask. Where it was asked in vain, nothing
// is known.
func (p *Pair) excess(f finding, one *record.Pair, distance float64) float64 {
	switch {
	case p.probability == 0:
		return distance
	case !f.replicated:
		return nan
	}
	return distance - math.Abs(one.Replica.Score-one.Primary.Score)/p.probability
}

// learn keeps what the pair shows of how far the primary disagrees with itself, in any instance, by class or by number.
func (p *Pair) learn(f finding) {
	if !f.replicated || f.outcome != record.PairCompared {
		return
	}
	t := p.target
	t.agreed.Add(1)
	for i := range f.rows {
		row := &f.rows[i]
		if !*row.ReplicaSame || !near(row.Primary.Score, row.Replica.Score, t.Tolerance) {
			t.agreed.Store(0)
			break
		}
	}
	t.series.ReplicaShare(t.replicaShare())
}

func agreement(same *bool) string {
	if *same {
		return "same"
	}
	return "other"
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
