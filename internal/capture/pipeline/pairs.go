// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"time"

	"github.com/vedette-dev/vedette/internal/capture/mirror"
	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/capture/proxy"
	"github.com/vedette-dev/vedette/internal/record"
)

// hand hands to the pair of a call, if it has one, what the primary answered.
func (w *worker) hand(c *call, it item) {
	ex := it.ex
	pair, ok := ex.Pair.(*mirror.Pair)
	if !ok {
		return
	}
	primary := mirror.Primary{
		Outcome: record.OutcomeUndecodable, Status: ex.Status, Whole: ex.Result == proxy.Answered, End: ex.Start.Add(ex.Latency),
		Instances: make([]mirror.Instance, len(c.rows)),
	}
	if len(c.rows) > 0 {
		primary.Outcome = c.rows[0].Outcome
	} else { // A request of no instances is a pair all the same.
		primary.Instances = []mirror.Instance{mirror.Unknown(w.recordID(it.sequence))}
	}
	for i := range c.rows {
		row := &c.rows[i].Row
		primary.Instances[i] = mirror.Instance{
			RecordID: row.RecordID, Segments: row.Segments,
			Prediction: row.Prediction, Score: row.Score, Confidence: row.Confidence, Entropy: row.Entropy,
		}
	}
	pair.Answered(primary)
}

// lose tells the pair of a call, if it has one, that the call was lost.
func (w *worker) lose(it item) {
	if pair, ok := it.ex.Pair.(*mirror.Pair); ok {
		pair.Lose(w.recordID(it.sequence))
	}
}

// recordID begins those of the rows of a call.
func (w *worker) recordID(sequence uint64) string {
	return fmt.Sprintf("%s-%d", w.recordPrefix, sequence)
}

// writePairs writes the rows of a pair.
func (w *worker) writePairs(p *plan.Plan, rows []record.Pair) {
	if w.plan == nil {
		w.use(p) // Every call so far was lost before it was decoded.
	}
	for i := range rows {
		row := &rows[i]
		w.Metrics.Current().Row(string(record.Pairs))
		k := fileKey{tier: record.Pairs, version: row.CandidateRevision, rollout: row.Rollout, hour: row.Time.Truncate(time.Hour)}
		w.add(p, k, func(f writer) error { return f.(*record.PairWriter).Write(row) })
	}
}
