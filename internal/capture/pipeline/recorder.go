// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"net/http"
	"runtime/debug"

	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/capture/proxy"
	"github.com/vedette-dev/vedette/internal/capture/telemetry"
)

// Begin implements proxy.Recorder.
func (p *Pipeline) Begin(r *http.Request) *proxy.Exchange {
	current := p.current.Load()
	if current == nil || !current.Decoder.Matches(r.Method, r.URL.Path) {
		p.Metrics.Current().Other()
		return nil
	}
	ex := proxy.NewExchange(p.Budget, current.Config.Capture.BodyLimitBytes, current.Config.Capture.Keep.Bodies > 0)
	ex.Plan = current
	ex.Offers = p.Mirror.Wants(r)
	return ex
}

// Offer implements proxy.Recorder.
func (p *Pipeline) Offer(r *http.Request, ex *proxy.Exchange) { p.Mirror.Offer(r, ex) }

// End implements proxy.Recorder: it counts the call and hands it to the worker.
func (p *Pipeline) End(ex *proxy.Exchange) {
	bound := ex.Plan.(*plan.Plan).Metrics
	if ex.Result == proxy.Unreachable {
		bound.Unreachable()
	} else {
		bound.Call(callOf(ex))
	}
	if ex.Offers && ex.Pair == nil {
		p.Mirror.Missed(ex)
	}
	sequenced := item{ex: ex, sequence: p.sequence.Add(1)}
	if !ex.Starved() {
		select {
		case p.queue <- sequenced:
			return
		default:
		}
	}
	p.drop(bound, telemetry.DropQueue)
	p.worker.lose(sequenced)
	ex.Release()
}

// Panicked implements proxy.Recorder.
func (p *Pipeline) Panicked(v any) {
	p.Log.Error("a fault in capture: the request went on without it", "fault", v, "stack", string(debug.Stack()))
	p.drop(p.Metrics.Current(), telemetry.DropInternal)
}

// drop counts a call that is lost before it was decoded.
func (p *Pipeline) drop(bound *telemetry.Bound, reason telemetry.DropReason) {
	bound.Skipped(telemetry.SkipDropped, 1)
	bound.Dropped(reason, 1)
	p.dropped.Add(1)
	bound.Instances(1)
}

// item is a call in the queue. Its number counts all calls, also dropped ones: a gap in what is stored is a loss.
type item struct {
	ex       *proxy.Exchange
	sequence uint64
}

// The status codes that stand for the end of a call that has none.
const (
	statusClientClosed = 499
	statusBroken       = http.StatusBadGateway
)

// callOf says what is counted of an exchange.
func callOf(ex *proxy.Exchange) telemetry.Call {
	status := ex.Status
	switch {
	case ex.Result == proxy.Broken:
		status = max(status, statusBroken)
	case ex.Result == proxy.Cancelled && status == 0:
		status = statusClientClosed
	}
	return telemetry.Call{
		Status:        status,
		Timeout:       isTimeout(ex),
		Cancelled:     ex.Result == proxy.Cancelled,
		Latency:       ex.Latency,
		RequestBytes:  ex.Request.Length,
		ResponseBytes: ex.Response.Length,
	}
}

func isTimeout(ex *proxy.Exchange) bool {
	return ex.Result == proxy.Answered && (ex.Status == http.StatusRequestTimeout || ex.Status == http.StatusGatewayTimeout)
}
