// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// PairsReport is how often a primary and its shadow were right, on the requests of a trial of which it is known what was.
type PairsReport struct {
	Rollout   string `json:"rollout"`
	Candidate string `json:"candidate"`
	Attempt   string `json:"attempt"`
	// From and To bound the requests: from the start of the trial up to those whose labels have arrived.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Segments are those in which a criterion asks for it, all traffic first.
	Segments []SegmentPairs `json:"segments"`
	// Damaged files of predictions and pairs were read up to the damage.
	Damaged []string `json:"damaged,omitempty"`
}

// SegmentPairs counts the labelled pairs of a segment, by who was right; "" is all traffic.
type SegmentPairs struct {
	Segment            string `json:"segment"`
	BothCorrect        int64  `json:"bothCorrect"`
	OnlyPrimaryCorrect int64  `json:"onlyPrimaryCorrect"`
	OnlyShadowCorrect  int64  `json:"onlyShadowCorrect"`
	NeitherCorrect     int64  `json:"neitherCorrect"`
}

// maxTrial is longer than any trial may last: what began before never did.
const maxTrial = 100 * 24 * time.Hour

// labelledPairs counts who was right since the trial that goes on began; nil when nobody asks for it. It counts anew each time: labels
// come late, and are corrected. Requests whose labels still arrive are left for later, as those that are fast are not like the others.
func labelledPairs(ctx context.Context, e *Env) (*PairsReport, error) {
	t := e.Trial
	if t == nil || len(t.LabelSegments) == 0 || e.Config.Schema.Prediction.Kind == wire.Regression {
		return nil, nil
	}
	start, err := strconv.ParseInt(t.Attempt, 10, 64)
	if err != nil {
		return nil, InvalidConfig(fmt.Errorf("the attempt of the mirror document is %.20q, want Unix seconds", t.Attempt))
	}
	w := Window{From: time.Unix(start, 0).UTC().Truncate(profile.Window), To: e.PerformanceWindow(0, time.Time{}).To}
	if oldest := w.To.Add(-maxTrial); w.From.Before(oldest) {
		w.From = oldest
	}
	c := newPairCounter(t)
	var damaged []string
	if !w.Empty() {
		if damaged, err = c.count(ctx, e, w); err != nil {
			return nil, fmt.Errorf("counting labelled pairs: %w", err)
		}
	}
	return &PairsReport{
		Rollout: t.Rollout, Candidate: t.Candidate, Attempt: t.Attempt, From: w.From, To: w.To, Segments: c.results(), Damaged: damaged,
	}, nil
}

// pairCounter counts pairs by scope: those segments of the trial that are asked for, by their names.
type pairCounter struct {
	trial  *wire.Mirror
	scopes []string
	// counts are by scope and by who was right.
	counts []SegmentPairs
}

func newPairCounter(t *wire.Mirror) *pairCounter {
	c := &pairCounter{trial: t, scopes: slices.Clone(t.LabelSegments)}
	// All traffic comes first: whatever is cut from a verdict, it is not that.
	if i := slices.Index(c.scopes, naming.SegmentAll); i > 0 {
		c.scopes[0], c.scopes[i] = c.scopes[i], c.scopes[0]
	}
	c.counts = make([]SegmentPairs, len(c.scopes))
	return c
}

func (c *pairCounter) results() []SegmentPairs {
	for i, s := range c.scopes {
		if s != naming.SegmentAll {
			c.counts[i].Segment = s
		}
	}
	return c.counts
}

// count counts the pairs of a window part by part, as Performance joins labels.
func (c *pairCounter) count(ctx context.Context, e *Env, w Window) (damaged []string, err error) {
	parts, err := slicesOf(ctx, e, w)
	if err != nil {
		return nil, err
	}
	j := &joiner{e: e, names: newClassNames(e.Config.Schema.Prediction), asOf: e.Now}
	for i, part := range parts {
		bad, err := c.part(ctx, e, j, part, i == 0)
		if err != nil {
			return nil, err
		}
		damaged = append(damaged, bad...)
	}
	return damaged, nil
}

func (c *pairCounter) part(ctx context.Context, e *Env, j *joiner, w Window, first bool) (damaged []string, err error) {
	x, err := newIndex(ctx, e, w, wire.Seconds(e.Config.Labels.KeyToleranceSeconds))
	if err != nil {
		return nil, err
	}
	known, err := j.join(ctx, x, first)
	if err != nil {
		return nil, err
	}
	if err := fair(ctx, e, x, known); err != nil {
		return nil, err
	}
	var judged []judgedPair
	bad, err := eachPair(ctx, e, w, c.trial, func(p *record.Pair) {
		found := entriesOf(x.records, xxhash.Sum64String(p.PairID))
		if len(found) == 0 {
			return
		}
		if truth := known.of(found[0].row); truth != nil {
			if pair, ok := c.judge(p, truth, j.names); ok {
				judged = append(judged, pair)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	c.add(judged)
	return append(x.damaged, bad...), nil
}

// fair leaves of the truths those that were not chosen for what the prediction looked like: ground truth from elsewhere, and what people
// said of the random slice. What they said of outliers is about outliers.
func fair(ctx context.Context, e *Env, x *index, known *truths) error {
	reviewed := func(t truth) bool { return !t.external }
	known.truths = slices.DeleteFunc(known.truths, func(t truth) bool { return reviewed(t) && !(t.selection > 0) })
	if !slices.ContainsFunc(known.truths, reviewed) {
		return nil
	}
	outliers := map[int32]bool{}
	_, err := eachRow(ctx, e, store.Predictions, x.window, []string{"keep_reason"}, func(r *record.Row) error {
		if r.KeepReason != record.KeepOutlier {
			return nil
		}
		for _, found := range entriesOf(x.records, xxhash.Sum64String(r.RecordID)) {
			outliers[found.row] = true
		}
		return nil
	})
	known.truths = slices.DeleteFunc(known.truths, func(t truth) bool { return reviewed(t) && outliers[t.row] })
	return err
}

// eachPair visits the pairs of a trial whose time is in the window. One that is in several files may be visited more than once.
func eachPair(ctx context.Context, e *Env, w Window, t *wire.Mirror, visit func(*record.Pair)) (damaged []string, err error) {
	var out rowsRead
	for folder, err := range foldersOf(e.Bucket.PairsBetween(ctx, e.layout(), t.Rollout, t.Candidate, w.From, w.To)) {
		if err != nil {
			return nil, err
		}
		err := out.folder(ctx, e, folder, func(key string) error {
			object, err := e.Bucket.Open(ctx, key)
			if err != nil {
				return err
			}
			for p, err := range record.ReadPairs(object, object.Size()) {
				if err != nil {
					return err
				}
				if p.Attempt == t.Attempt && p.CandidateRevision == t.Candidate && !p.Time.Before(w.From) && p.Time.Before(w.To) {
					visit(p)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out.damaged, nil
}

// judgedPair is a labelled pair.
type judgedPair struct {
	// request and id are hashes: of the request that it is an instance of, and of its own.
	request, id uint64
	// scopes has a bit for each scope that it is in.
	scopes          uint64
	primary, shadow bool
}

// judge says who was right, of pairs that both sides answered: who fails less is for ErrorRatio to say, and labels of requests that
// failed are rare. A side whose answer cannot be read was not right, whichever it is.
func (c *pairCounter) judge(p *record.Pair, known *truth, names *classNames) (judgedPair, bool) {
	switch p.Outcome {
	case record.PairCompared, record.PairIncomparable:
	default:
		return judgedPair{}, false
	}
	j := judgedPair{
		request: xxhash.Sum64String(requestOf(p.PairID)), id: xxhash.Sum64String(p.PairID),
		primary: names.of(p.Primary.Prediction) == known.class, shadow: names.of(p.Shadow.Prediction) == known.class,
	}
	for i, s := range c.scopes {
		if s == naming.SegmentAll || slices.Contains(p.Segments, s) {
			j.scopes |= 1 << i
		}
	}
	return j, true
}

// requestOf is what the ids of the instances of a request have in common: all but their numbers, with which sidecars end them.
func requestOf(recordID string) string {
	if i := strings.LastIndexByte(recordID, '-'); i > 0 {
		return recordID[:i]
	}
	return recordID
}

// add counts of each request one labelled pair in each scope, whichever has the least hash: instances of a request are no independent
// evidence. So one that was visited twice counts once.
func (c *pairCounter) add(pairs []judgedPair) {
	slices.SortFunc(pairs, func(a, b judgedPair) int {
		return cmp.Or(cmp.Compare(a.request, b.request), cmp.Compare(a.id, b.id))
	})
	var counted uint64
	for i, p := range pairs {
		if i == 0 || pairs[i-1].request != p.request {
			counted = 0
		}
		for s := range c.counts {
			if bit := uint64(1) << s; p.scopes&^counted&bit != 0 {
				*c.counts[s].of(p.primary, p.shadow)++
			}
		}
		counted |= p.scopes
	}
}

func (s *SegmentPairs) of(primary, shadow bool) *int64 {
	switch {
	case primary && shadow:
		return &s.BothCorrect
	case primary:
		return &s.OnlyPrimaryCorrect
	case shadow:
		return &s.OnlyShadowCorrect
	}
	return &s.NeitherCorrect
}

// report puts the pairs of a trial into a verdict.
func (r *PairsReport) report(v *wire.Verdict) {
	if r == nil {
		return
	}
	v.Trial = &wire.Trial{Rollout: r.Rollout, Candidate: r.Candidate, Attempt: r.Attempt}
	for _, s := range r.Segments {
		v.Pairs = append(v.Pairs, wire.LabelledPairs{
			Segment: s.Segment, Counts: [4]int64{s.BothCorrect, s.OnlyPrimaryCorrect, s.OnlyShadowCorrect, s.NeitherCorrect},
		})
	}
}
