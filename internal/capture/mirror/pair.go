// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"math"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/record"
)

// Pair is a request that was chosen to be mirrored.
type Pair struct {
	mirror *Mirror
	target *target
	plan   *plan.Plan

	requestID, path string
	// arrived is when the head of the request was read, whole when its body was complete.
	arrived, whole time.Time
	// sent says that copies were sent; probability is that with which the primary was asked again, 0 if it was not.
	sent        bool
	probability float64
	// missed says that the body of the request never was complete.
	missed bool

	// request is what the copies of the request take, until they have ended.
	request int64
	// held is what the pair takes of the mirror's memory; the mirror's lock guards it.
	held int64
	// waiting counts who has not reported yet: the primary, and the goroutine of the copies.
	waiting         atomic.Int32
	shadow, replica side
	primary         Primary
	// lost says that what the primary answered is not known.
	lost bool
}

// Primary is what the primary answered.
type Primary struct {
	Outcome record.Outcome
	// Status is that of the answer, 0 if there was none. Whole says that it arrived as it was sent.
	Status int
	Whole  bool
	// End is when its end did.
	End time.Time
	// Instances are those of the request, with what was predicted of them; one of which nothing is known if it could not be decoded.
	Instances []Instance
}

// readable says whether it is known what was predicted of every instance.
func (p *Primary) readable() bool {
	if p.Outcome != record.OutcomeOK {
		return false
	}
	for i := range p.Instances {
		if in := &p.Instances[i]; in.Prediction == "" && math.IsNaN(in.Score) {
			return false
		}
	}
	return true
}

// Instance is one of the request.
type Instance struct {
	// RecordID is that of its row.
	RecordID string
	Segments []string
	// Prediction, Score, Confidence and Entropy are as in record.Row.
	Prediction                 string
	Score, Confidence, Entropy float64
}

// Unknown is an instance of which nothing is known but the id that its row has, or would have had.
func Unknown(id string) Instance {
	return Instance{RecordID: id, Score: nan, Confidence: nan, Entropy: nan}
}

// Plan is the plan of the request.
func (p *Pair) Plan() *plan.Plan { return p.plan }

// Answered hands over what the primary answered. It does not wait for the shadow.
func (p *Pair) Answered(primary Primary) {
	size := int64(len(primary.Instances)) * instanceOverhead
	if p.sent && !p.mirror.take(p, size) {
		p.Lose(primary.Instances[0].RecordID)
		return
	}
	p.primary = primary
	p.arrive()
}

// Lose says that what the primary answered was lost. The id is that of the row that there would have been.
func (p *Pair) Lose(id string) {
	p.lost = true
	p.primary.Instances = []Instance{Unknown(id)}
	p.arrive()
}

func (p *Pair) arrive() {
	if p.waiting.Add(-1) == 0 {
		p.mirror.finishable(p)
	}
}

// Finish compares and counts, and returns the rows.
func (p *Pair) Finish() []record.Pair {
	f := p.judge()
	p.count(f)
	p.release()
	return f.rows
}

// Spoil counts a pair that cannot be finished: as lost, and so is its row.
func (p *Pair) Spoil() {
	outcome := record.PairLost
	if !p.sent {
		outcome = record.PairDropped
	}
	p.target.series.Outcome(all, string(outcome))
	p.mirror.Metrics.Current().Row(string(record.Pairs))
	p.mirror.Metrics.Lost(string(record.Pairs), 1)
	p.release()
}

func (p *Pair) release() {
	p.mirror.mu.Lock()
	defer p.mirror.mu.Unlock()
	p.mirror.held -= p.held
	p.held = 0
}

// Ends of a side, as they are counted.
const (
	endOK      = "ok"
	endInvalid = "invalid"
	endError   = "error"
)

// end is how the primary ended.
func (p *Primary) end() string {
	switch {
	case p.Outcome == record.OutcomeOK, p.Outcome == record.OutcomeUndecodable:
		return endOK
	case p.Outcome == record.OutcomeError && p.Whole && p.Status < http.StatusInternalServerError:
		return endInvalid
	}
	return endError
}

// end is how a copy ended.
func (s *side) end() string {
	switch {
	case s.result != answered || s.gaveUp() || s.status >= http.StatusInternalServerError:
		return endError
	case s.status >= http.StatusBadRequest:
		return endInvalid
	}
	return endOK
}

// gaveUp says that the server answered that it, or something behind it, took too long.
func (s *side) gaveUp() bool {
	return s.result == answered && (s.status == http.StatusRequestTimeout || s.status == http.StatusGatewayTimeout)
}

// timed says that the latency is one: the side answered, or it did not in time.
func (s *side) timed() bool { return s.result == answered || s.result == timedOut }

// outcome is what became of the pair, but for whether the answers can be compared.
func (p *Pair) outcome() record.PairOutcome {
	primary, shadow := p.primary.end(), p.shadow.end()
	switch {
	case p.missed && p.primary.Outcome == record.OutcomeCancelled:
		return record.PairCancelled
	case !p.sent || p.shadow.dropped || p.replica.dropped, p.shadow.cut && shadow == endOK:
		return record.PairDropped
	case p.lost, p.shadow.result == notAsked, p.probability > 0 && p.replica.result == notAsked:
		return record.PairLost
	case p.primary.Outcome == record.OutcomeCancelled:
		return record.PairCancelled
	case primary != endOK && shadow != endOK:
		return record.PairBothError
	case primary != endOK:
		return record.PairPrimaryError
	case p.shadow.result == timedOut, p.shadow.gaveUp():
		return record.PairShadowTimeout
	case p.shadow.result == unreachable:
		return record.PairShadowUnreachable
	case shadow != endOK:
		return record.PairShadowError
	}
	return record.PairCompared
}
