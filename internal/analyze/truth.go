// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/wire"
)

// topicTruth is the topic of facts that tell what was right; the others are the numbers of events, from 1.
const topicTruth = 0

// maxEvents and maxClasses bound the names that are told apart. More events are counted together, and more classes are no
// classes.
const (
	maxEvents  = 62
	maxClasses = 1000
)

// fact is what one row of labels tells of one prediction.
type fact struct {
	row      int32
	topic    uint8
	external bool // not from people who were asked
	retracts bool
	class    int16
	subject  uint64
	received int64 // in microseconds
	id       [16]byte
	// value is the right number of a regression, or what an event amounts to.
	value float64
	// selection is the probability with which the prediction was put before people; NaN where that is not known.
	selection float64
}

// truth is what was right of one prediction.
type truth struct {
	row   int32
	class int16
	// external says that it is known from elsewhere than from people who were asked.
	external bool
	value    float64
	// selection is that of the people's answer, where there is nothing else.
	selection float64
	// delay is how long after the prediction the first word of it came, in seconds.
	delay float64
}

// event is what came of one prediction.
type event struct {
	row       int32
	topic     uint8
	external  bool
	amount    float64
	selection float64
}

// truths are what is known of the predictions of an index, in the order of their rows.
type truths struct {
	truths []truth
	events []event
}

// of is what was right of a row; nil when that is not known.
func (t *truths) of(row int32) *truth {
	i, ok := slices.BinarySearchFunc(t.truths, row, func(x truth, r int32) int { return cmp.Compare(x.row, r) })
	if !ok {
		return nil
	}
	return &t.truths[i]
}

// eventsOf are what came of a row.
func (t *truths) eventsOf(row int32) []event {
	from, _ := slices.BinarySearchFunc(t.events, row, func(x event, r int32) int { return cmp.Compare(x.row, r) })
	to := from
	for to < len(t.events) && t.events[to].row == row {
		to++
	}
	return t.events[from:to]
}

// joiner reads labels, and finds the predictions that they are about.
type joiner struct {
	e       *Env
	names   *classNames
	events  []string
	asOf    time.Time
	counts  JoinCounts
	facts   []fact
	current *index
}

// join reads the labels that were received up to asOf, and tells what is known of the predictions of an index.
func (j *joiner) join(ctx context.Context, x *index, first bool) (*truths, error) {
	j.current, j.facts = x, j.facts[:0]
	counts := JoinCounts{}
	for item, err := range j.e.Bucket.LabelsBetween(ctx, j.e.layout(), x.window.From, j.asOf) {
		if err != nil {
			return nil, err
		}
		if err := j.read(ctx, item.Key, &counts); errors.Is(err, label.ErrDamaged) {
			j.e.Log.Warn("a damaged file of labels is read only up to the damage", "file", item.Key, "error", err)
			if first {
				j.counts.Damaged = append(j.counts.Damaged, item.Key)
			}
		} else if err != nil {
			return nil, err
		}
	}
	t := j.resolve(&counts)
	j.add(counts, first)
	return t, nil
}

// add adds up the counts of a slice of the window. Labels are read once for each slice: what a slice does not know, another
// may.
func (j *joiner) add(c JoinCounts, first bool) {
	if first {
		j.counts.Read = c.Read
		j.counts.Elsewhere = c.Read
	}
	j.counts.Matched += c.Matched
	j.counts.Unknown += c.Unknown
	j.counts.AmbiguousRequest += c.AmbiguousRequest
	j.counts.AmbiguousKey += c.AmbiguousKey
	j.counts.AmbiguousTime += c.AmbiguousTime
	j.counts.Elsewhere -= c.Matched + c.Unknown + c.AmbiguousRequest + c.AmbiguousKey + c.AmbiguousTime
	j.counts.Repeated += c.Repeated
	j.counts.Duplicated += c.Duplicated
	j.counts.Corrected += c.Corrected
	j.counts.Retracted += c.Retracted
	j.counts.Late += c.Late
	j.counts.Unusable += c.Unusable
}

func (j *joiner) read(ctx context.Context, key string, c *JoinCounts) error {
	object, err := j.e.Bucket.Open(ctx, key)
	if err != nil {
		return err
	}
	tolerance := wire.Seconds(j.e.Config.Labels.KeyToleranceSeconds)
	for r, err := range label.Read(object, object.Size()) {
		if err != nil {
			return err
		}
		// What is less than a second is the place of a row in its file, and no time.
		if r.Received.Truncate(time.Second).After(j.asOf) {
			continue
		}
		c.Read++
		topic := j.topicOf(r)
		row := j.current.match(r, tolerance, c)
		if row < 0 {
			continue
		}
		c.Matched++
		if f, ok := j.fact(r, row, topic); ok {
			j.facts = append(j.facts, f)
		} else {
			c.Unusable++
		}
	}
	return nil
}

// topicOf numbers events in the order in which they are met.
func (j *joiner) topicOf(r *label.Row) uint8 {
	if r.Kind != label.Event {
		return topicTruth
	}
	at := slices.Index(j.events, r.Event)
	if at < 0 && len(j.events) < maxEvents {
		at = len(j.events)
		j.events = append(j.events, r.Event)
	}
	if at < 0 {
		at = maxEvents
	}
	return uint8(at + 1)
}

func (j *joiner) fact(r *label.Row, row int32, topic uint8) (fact, bool) {
	f := fact{
		row: row, topic: topic, external: r.Source != label.SourceReview, retracts: r.Retracted, class: noClass,
		subject: subjectOf(r), received: r.Received.UnixMicro(), value: r.Amount, selection: r.Selection,
	}
	if id, err := hex.DecodeString(r.ID); err == nil && len(id) == len(f.id) {
		copy(f.id[:], id)
	} else {
		// Of another writer: any 16 bytes that follow from the ID do.
		copy(f.id[:8], strconv.AppendUint(nil, xxhash.Sum64String(r.ID), 36))
		copy(f.id[8:], strconv.AppendUint(nil, xxhash.Sum64String(r.ID+"."), 36))
	}
	if topic != topicTruth || r.Retracted {
		return f, true
	}
	if j.names.regression {
		f.value = r.Value
		return f, !math.IsNaN(r.Value)
	}
	f.class = j.names.ofTruth(r)
	return f, f.class != noClass
}

func subjectOf(r *label.Row) uint64 {
	s := r.Subject()
	return xxhash.Sum64String(fmt.Sprintf("%s\x00%s\x00%s\x00%d\x00%d", s.RecordID, s.RequestID, s.LabelKey, s.Instance, s.PredictionTime.UnixMicro()))
}

// resolve decides which facts hold. Of one subject and topic it is the one that was received last, and nothing if that
// takes it back; where a prediction was spoken of under several ids, again the last of those that hold.
func (j *joiner) resolve(c *JoinCounts) *truths {
	slices.SortFunc(j.facts, func(a, b fact) int {
		return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.topic, b.topic), cmp.Compare(a.subject, b.subject),
			cmp.Compare(a.received, b.received), bytes.Compare(a.id[:], b.id[:]))
	})
	made := make([]int64, j.current.rows)
	for _, e := range j.current.records {
		made[e.row] = e.at
	}
	mature := wire.Seconds(j.e.Config.Labels.MatureSeconds).Microseconds()
	var out truths
	for from := 0; from < len(j.facts); {
		to := from
		for to < len(j.facts) && j.facts[to].row == j.facts[from].row && j.facts[to].topic == j.facts[from].topic {
			to++
		}
		h := held(j.facts[from:to], c)
		from = to
		if h.last == nil {
			continue
		}
		f := h.last
		at := made[f.row]
		if mature > 0 && h.first-at > mature {
			c.Late++
		}
		if f.topic != topicTruth {
			out.events = append(out.events, event{f.row, f.topic, h.external, f.value, h.selection})
			continue
		}
		out.truths = append(out.truths, truth{f.row, f.class, h.external, f.value, h.selection, float64(h.first-at) / 1e6})
	}
	return &out
}

// holding is what holds of one prediction and topic.
type holding struct {
	last *fact
	// first is when the first word of it came.
	first     int64
	external  bool
	selection float64
}

func held(facts []fact, c *JoinCounts) holding {
	h := holding{selection: math.NaN(), first: math.MaxInt64}
	ids := map[[16]byte]bool{}
	for from := 0; from < len(facts); {
		to := from
		var last *fact
		for ; to < len(facts) && facts[to].subject == facts[from].subject; to++ {
			f := &facts[to]
			if len(facts) > 1 {
				if ids[f.id] {
					c.Repeated++
					continue
				}
				ids[f.id] = true
			}
			last = replace(last, f, c)
		}
		from = to
		if last == nil || last.retracts {
			continue
		}
		h.first = min(h.first, last.received)
		h.external = h.external || last.external
		if !last.external {
			h.selection = last.selection
		}
		if h.last != nil && cmp.Or(cmp.Compare(h.last.received, last.received), bytes.Compare(h.last.id[:], last.id[:])) > 0 {
			last, h.last = h.last, last
		}
		h.last = replace(h.last, last, c)
	}
	return h
}

// replace counts what it means that a fact follows another one.
func replace(before, f *fact, c *JoinCounts) *fact {
	switch {
	case before == nil:
	case f.retracts:
		c.Retracted++
	case before.retracts:
	case before.class == f.class && (before.value == f.value || math.IsNaN(before.value) && math.IsNaN(f.value)):
		c.Duplicated++
	default:
		c.Corrected++
	}
	return f
}

// noClass is the number of what is no class.
const noClass = -1

// classNames numbers the classes of a monitor: the declared ones in their order, and where none are declared, all that
// occur.
type classNames struct {
	schema     wire.Prediction
	regression bool
	names      []string
	numbers    map[string]int16
}

func newClassNames(p wire.Prediction) *classNames {
	c := &classNames{schema: p, regression: p.Kind == wire.Regression, numbers: map[string]int16{}}
	for _, name := range p.Classes {
		c.add(name)
	}
	if p.Kind == wire.BinaryClassification && len(p.Classes) == 0 {
		c.add("0")
		c.add("1")
	}
	return c
}

func (c *classNames) add(name string) int16 {
	if len(c.names) >= maxClasses {
		return noClass
	}
	c.names = append(c.names, name)
	c.numbers[name] = int16(len(c.names) - 1)
	return c.numbers[name]
}

// of is the number of a class by its name.
func (c *classNames) of(name string) int16 {
	if n, ok := c.numbers[name]; ok {
		return n
	}
	if name == "" || len(c.schema.Classes) > 0 || c.schema.Kind == wire.BinaryClassification {
		return noClass
	}
	return c.add(name)
}

// ofTruth is the number of the class that a label names: by its name, or as the index of a declared class.
func (c *classNames) ofTruth(r *label.Row) int16 {
	name := r.Class
	if name == "" && r.Value == math.Trunc(r.Value) && math.Abs(r.Value) < maxClasses {
		name = strconv.Itoa(int(r.Value))
	}
	if n := c.of(name); n != noClass {
		return n
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(c.schema.Classes) {
		return int16(i)
	}
	return noClass
}
