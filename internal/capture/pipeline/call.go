// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/vedette-dev/vedette/internal/capture/decode"
	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/capture/proxy"
	"github.com/vedette-dev/vedette/internal/capture/telemetry"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/record"
)

// call is an exchange that was taken apart, before anything of it is counted.
type call struct {
	plan *plan.Plan
	// skip is why no instance is profiled; empty if they are.
	skip telemetry.SkipReason
	rows []instance
	// segments are the indexes of those that any instance is in.
	segments []int
	counted  telemetry.Call
	// reached says that the model server saw the call.
	reached bool
	// faults counts expressions that failed; unhashed the label keys that could not be written.
	faults, unhashed int
}

type instance struct {
	record.Row
	segments []int
	outlier  bool
	class    outlier.Class
}

// build takes an exchange apart. It changes nothing but its result.
func (w *worker) build(it item) *call {
	ex := it.ex
	p := ex.Plan.(*plan.Plan)
	c := &call{plan: p, counted: callOf(ex), reached: ex.Result != proxy.Unreachable}
	outcome := outcomeOf(ex)
	decoded, outcome, skip := decodeCall(p, ex, outcome)
	c.skip = skip

	base := w.base(p, it, outcome)
	if decoded == nil {
		base.Score = math.NaN()
		c.rows = []instance{{Row: base}}
		return c
	}
	c.rows = make([]instance, len(decoded.Instances))
	bodies := plan.NewBodies(decoded)
	for i := range decoded.Instances {
		in := &decoded.Instances[i]
		row := &c.rows[i]
		row.Row = base
		row.RecordID += "-" + strconv.Itoa(i)
		row.Features, row.Prediction, row.Score, row.Scores = in.Features, in.Label, in.Score, in.Scores
		if in.LabelKey != "" {
			var ok bool
			if row.LabelKey, ok = p.LabelKey(in.LabelKey); !ok {
				c.unhashed++
			}
		}
		j := p.Judge(&row.Row, in, bodies, outcome == record.OutcomeOK)
		row.segments, row.outlier, row.class = j.Segments, j.Outlier, j.Class
		c.faults += j.Faults
		for _, s := range j.Segments {
			if !slices.Contains(c.segments, s) {
				c.segments = append(c.segments, s)
			}
		}
	}
	return c
}

// decodeCall decodes what can be decoded; nil stands for one instance of which nothing is known.
func decodeCall(p *plan.Plan, ex *proxy.Exchange, outcome record.Outcome) (*decode.Call, record.Outcome, telemetry.SkipReason) {
	if ex.Request.Truncated || ex.Response.Truncated {
		if outcome == record.OutcomeOK {
			outcome = record.OutcomeUndecodable
		}
		return nil, outcome, telemetry.SkipLimit
	}
	request := payload(&ex.Request, ex.RequestContent)
	if outcome != record.OutcomeOK {
		c, err := p.Decoder.Request(ex.Path, request)
		if err != nil || len(c.Instances) == 0 {
			return nil, outcome, telemetry.SkipNoAnswer
		}
		return &c, outcome, telemetry.SkipNoAnswer
	}
	c, err := p.Decoder.Decode(ex.Path, request, payload(&ex.Response, ex.ResponseContent))
	if errors.Is(err, decode.ErrLimit) {
		return nil, record.OutcomeUndecodable, telemetry.SkipLimit
	}
	if err != nil {
		return nil, record.OutcomeUndecodable, telemetry.SkipUndecodable
	}
	return &c, outcome, ""
}

func payload(b *proxy.Body, c proxy.Content) decode.Payload {
	return decode.Payload{Bytes: b.Bytes, Encoding: c.Encoding, JSONLength: c.JSONLength}
}

func outcomeOf(ex *proxy.Exchange) record.Outcome {
	switch {
	case ex.Result == proxy.Cancelled:
		return record.OutcomeCancelled
	case isTimeout(ex):
		return record.OutcomeTimeout
	case ex.Result != proxy.Answered, ex.Status >= http.StatusBadRequest:
		return record.OutcomeError
	}
	return record.OutcomeOK
}

// base is what all rows of a call have in common.
func (w *worker) base(p *plan.Plan, it item, outcome record.Outcome) record.Row {
	ex := it.ex
	return record.Row{
		RecordID:        w.recordID(it.sequence),
		RequestID:       ex.RequestID,
		TraceID:         ex.TraceID,
		SpanID:          ex.SpanID,
		Time:            ex.Start.UTC(),
		LatencyMS:       milliseconds(ex.Latency),
		TTFBMS:          milliseconds(ex.FirstByte),
		Status:          int32(ex.Status),
		Outcome:         outcome,
		Monitor:         p.Config.Monitor,
		Model:           p.Config.Monitor,
		ModelVersion:    p.Versions.Model,
		CodeVersion:     p.Versions.Code,
		FeaturesVersion: p.Versions.Features,
		DatasetVersion:  p.Versions.Dataset,
		ConfigRevision:  p.Config.Revision,
		BaselineDigest:  p.BaselineDigest,
		Role:            rolePrimary,
		Pod:             w.Pod,
		Score:           math.NaN(),
		Confidence:      math.NaN(),
		Entropy:         math.NaN(),
		Margin:          math.NaN(),
		OutlierScore:    math.NaN(),
		RequestBytes:    ex.Request.Length,
		ResponseBytes:   ex.Response.Length,
		Truncated:       ex.Request.Truncated || ex.Response.Truncated,
	}
}

// rolePrimary marks the answers that clients got.
const rolePrimary = "primary"

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
