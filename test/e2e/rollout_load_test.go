// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/test/replay/traffic"
)

// drive sends flights at a rate until rest is called.
func (s *rolloutScene) drive(rate float64) {
	s.Helper()
	s.send(traffic.Config{Rate: rate, Concurrency: 4})
}

// rounds is how often the flights are sent: no load comes to their end.
const rounds = 30

// send sends flights as a configuration says until rest is called.
func (s *rolloutScene) send(c traffic.Config) {
	s.Helper()
	ctx, stop := context.WithCancel(s.Context())
	s.stop = stop
	c.Flights = slices.Repeat(s.june(), rounds)
	if c.Transport == nil {
		c.Transport = api
	}
	c.Transport = finishing{c.Transport}
	s.load.Go(func() {
		r, err := s.tryReplay(ctx, c)
		if !errors.Is(err, context.Canceled) {
			s.Errorf("the load ended before its time: %v", err)
		}
		s.results <- r
	})
	s.Cleanup(func() { stop(); s.load.Wait() })
}

// rest ends the load, and fails unless every request was answered with 200.
func (s *rolloutScene) rest() traffic.Result {
	s.Helper()
	s.stop()
	s.load.Wait()
	r := <-s.results
	if !r.OK() || r.Requests == 0 {
		s.Errorf("of %d requests not every one was answered with 200: %+v", r.Requests, r)
	}
	return r
}

// finishing sends requests that are answered even when the load is stopped meanwhile.
type finishing struct{ via http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (f finishing) RoundTrip(r *http.Request) (*http.Response, error) {
	return f.via.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
}

// laps is a client whose requests are observed lap by lap.
type laps struct{ now atomic.Pointer[observed] }

func newLaps(via http.RoundTripper) *laps {
	l := new(laps)
	l.now.Store(observe(via))
	return l
}

// RoundTrip implements http.RoundTripper.
func (l *laps) RoundTrip(r *http.Request) (*http.Response, error) { return l.now.Load().RoundTrip(r) }

// next ends a lap and begins another. A request belongs to the lap that it was sent in.
func (l *laps) next() *observed {
	o := l.now.Swap(observe(l.now.Load().via))
	o.until = time.Now()
	return o
}

// count is how many requests were answered, or failed, so far.
func (o *observed) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sent
}

// rate is how many requests were sent per second.
func (o *observed) rate() float64 { return float64(o.sent) / o.until.Sub(o.since).Seconds() }

// describe says what clients saw.
func (o *observed) describe() string {
	return fmt.Sprintf("%d requests in %s, %.0f a second; %d failed; %s",
		o.sent, o.until.Sub(o.since).Round(time.Second), o.rate(), o.sent-len(o.answered), o.quantiles())
}

// direct is the address of the model's Service within the cluster, which this machine reaches where it is the node.
func (s *scene) direct() string {
	s.Helper()
	service := &corev1.Service{}
	if err := cluster.Get(s.Context(), client.ObjectKeyFromObject(s.service), service); err != nil {
		s.Fatal(err)
	}
	return "http://" + service.Spec.ClusterIP
}
