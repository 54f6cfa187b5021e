// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

// TestProveRolloutUnderLoad takes a version that only those who wait for its answers find slow through a whole rollout under load: it is
// tried, promoted, watched, and rolled back by a threshold of the monitor. No request may fail.
func TestProveRolloutUnderLoad(t *testing.T) {
	proof(t)
	const wanted, least = 250, 200 // requests per second: a machine that is busy with the cluster does not send all that it is told to
	s := newRolloutScene(t, "prove-load", func(s *rolloutScene) {
		s.monitor.Spec.Thresholds = []v1alpha1.Threshold{{Name: "median", Signal: v1alpha1.SignalLatencySeconds, Quantile: "0.5", Max: "0.25", Window: "1m"}}
		s.rollout.Spec.Bake.Duration = "1h"
	})
	s.judge(s.prometheus)
	// Each worker waits for its answer.
	config := traffic.Config{Rate: wanted, Concurrency: wanted}
	way := "the API server's proxy"
	clients := newLaps(api)
	if cluster.Local {
		way = "the Service's cluster IP, every second one over a new connection, the others over connections that are kept"
		clients = newLaps(&mixed{kept: &http.Transport{MaxIdleConnsPerHost: config.Concurrency}, fresh: &http.Transport{DisableKeepAlives: true}})
		config.URL = s.direct()
	}
	config.Transport = clients
	s.send(config)

	lines := [][2]string{{"load", fmt.Sprintf("%d requests per second at least, through %s; every request is copied to the shadow", least, way)}}
	var all []*observed
	lap := func(what string) {
		all = append(all, clients.next())
		lines = append(lines, [2]string{what, ""})
	}
	s.until(startTimeout, "the load", func(context.Context) (bool, string, error) {
		return clients.now.Load().count() >= 30*least, "too few requests were answered", nil
	})
	lap("without a shadow")
	s.try("2001-02", "--serving-delay=400ms")
	s.waitStatus(verdictTimeout, "evidence", compared)
	lap("start of the shadow")
	s.waitRollout(verdictTimeout, v1alpha1.ConditionProgressing, metav1.ConditionTrue, v1alpha1.ReasonRollingOut)
	lap("analysis")
	s.waitStatus(verdictTimeout, "a bake", baking)
	lap("promotion")
	s.waitRollout(verdictTimeout, v1alpha1.ConditionCandidateFit, metav1.ConditionFalse, v1alpha1.ReasonBakeFailed, "violates median")
	lap("bake, of a version that takes 400ms once it serves")
	s.serving(first)
	s.readyPods()
	lap("rollback, as it violated the threshold")
	sent := s.rest()

	for i, o := range all {
		lines[i+1][1] = o.describe()
		if o.rate() < least {
			s.Errorf("%s: %.0f requests a second were sent, want at least %d", lines[i+1][0], o.rate(), least)
		}
	}
	s.keep("rollout-load", "A rollout under load", append(lines,
		[2]string{"in all", fmt.Sprintf("%d requests, %d of them answered with 200", sent.Requests, sent.Responses[http.StatusOK])}))
}

// mixed sends every second request over a new connection, and the others over connections that are kept.
type mixed struct {
	kept, fresh http.RoundTripper
	sent        atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (m *mixed) RoundTrip(r *http.Request) (*http.Response, error) {
	if m.sent.Add(1)%2 == 0 {
		return m.fresh.RoundTrip(r)
	}
	return m.kept.RoundTrip(r)
}
