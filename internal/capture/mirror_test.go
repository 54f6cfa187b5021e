// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// TestMirroringCountsEveryRequestOnce sends requests of all kinds, and holds that each has one outcome, that rows and counters
// agree in every segment, and that nothing of the ordinary record changes.
func TestMirroringCountsEveryRequestOnce(t *testing.T) {
	b := newBench(t, predict)
	s := newShadow(t)
	b.configure(config(b.storeURL()))
	m := mirrorTo(strings.TrimPrefix(s.URL, "http://"))
	m.TimeoutSeconds, m.ReplicaShare = 60, 0.5 // no machine is so slow that a shadow that answers is out of time
	b.mirrors(m)
	b.start()

	r := rand.New(rand.NewPCG(3, 4))
	want := map[string]int{}
	const n = 200
	var others, replicas int
	for range n {
		var instances []string
		for range 1 + r.IntN(3) {
			score := 0.1 + 0.8*r.Float64()
			instances = append(instances, fmt.Sprintf(`{"distance":%d,"origin":%q,"score":%g}`, r.IntN(2000), []string{"ATL", "LAX"}[r.IntN(2)], score))
		}
		outcome := record.PairCompared
		switch r.IntN(8) {
		case 0:
			instances, outcome = append(instances, `{"status":500}`), record.PairPrimaryError
		case 1:
			instances, outcome = append(instances, `{"shadow":500}`), record.PairShadowError
		case 2:
			instances, outcome = append(instances, `{"status":400,"shadow":400}`), record.PairBothError
		case 3:
			instances, outcome = append(instances, `{"broken":true}`), record.PairIncomparable
		case 4:
			instances, outcome = []string{`{"origin":"` + strings.Repeat("x", 17<<10) + `"}`}, record.PairDropped
		case 5:
			instances = []string{`{"origin":"ATL","score":0.25,"shift":0.5}`}
			others++
		}
		b.predict(body(instances...))
		want["all/"+string(outcome)]++
	}
	counts := func(n int) func(map[string]float64) bool {
		return func(map[string]float64) bool { return total(b.pairs(naming.MetricPairs, "segment", "outcome")) == n }
	}
	b.eventually("all that are answered", counts(n))
	m.TimeoutSeconds, m.ReplicaShare = 0.5, 0
	b.mirrors(m)
	b.eventually("the short time", func(v map[string]float64) bool { return v[naming.MetricPairReplicaShare] == 0 })
	b.predict(body(`{"origin":"ATL","hang":true}`))
	want["all/"+string(record.PairShadowTimeout)]++
	b.eventually("all pairs", counts(n+1))
	counted := b.pairs(naming.MetricPairs, "segment", "outcome")
	agreement := b.pairs(naming.MetricPairAgreement, "segment", "shadow")
	triples := b.pairs(naming.MetricPairAgreement, "segment", "replica")
	latencies := b.pairs(naming.MetricPairLatency, "segment", "side")
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	all := map[string]int{}
	for key, c := range counted {
		if strings.HasPrefix(key, "all/") {
			all[key] = c
		}
	}
	if d := cmp.Diff(want, all); d != "" {
		t.Errorf("outcomes (-want +got):\n%s", d)
	}
	rows := b.pairRows()
	if d := cmp.Diff(counted, inRows(rows)); d != "" {
		t.Errorf("pairs in metrics and in rows (-metrics +rows):\n%s", d)
	}
	asked := 0
	for _, row := range rows {
		if row.Instance == 0 && row.ReplicaProbability > 0 {
			asked++
		}
		if row.Instance == 0 && row.ReplicaSame != nil {
			replicas++
			if !*row.ReplicaSame || row.ReplicaProbability != 0.5 {
				t.Errorf("a row is %+v", row)
			}
		}
	}
	if agreement["all/other"] != others || triples["all/same"] != replicas || triples["all/other"] != 0 || replicas == 0 {
		t.Errorf("agreement %v and %v; want %d others, %d replicas", agreement, triples, others, replicas)
	}
	if latencies["all/primary"] != n+1-want["all/dropped"]-asked || latencies["all/shadow"] != latencies["all/primary"] || latencies["ATL/shadow"] == 0 || latencies["far/shadow"] != 0 {
		t.Errorf("latencies %v", latencies)
	}
	if got := len(b.stored(record.Predictions)); got == 0 {
		t.Error("there are no predictions")
	}
}

// TestAHungShadowDelaysNobody holds that requests are answered and recorded as always while no copy is, and that the end waits for
// the copies no longer than its time.
func TestAHungShadowDelaysNobody(t *testing.T) {
	b := newBench(t, predict)
	s := newShadow(t)
	b.configure(config(b.storeURL()))
	m := mirrorTo(strings.TrimPrefix(s.URL, "http://"))
	m.MaxInFlight, m.TimeoutSeconds = 5, 600
	b.mirrors(m)
	b.options.DrainTimeout = 20 * time.Second // of which the copies get a part, and the uploads what is left
	b.start()
	const n = 40
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range n / 4 {
				res, err := http.Post(b.url+inference, "application/json", strings.NewReader(body(`{"origin":"ATL","score":0.25,"hang":true}`)))
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, res.Body) //nolint:errcheck // The status tells.
				if res.Body.Close(); res.StatusCode != http.StatusOK {
					t.Errorf("status %d", res.StatusCode)
				}
			}
		})
	}
	clients.Wait()
	http.DefaultClient.CloseIdleConnections()
	b.eventually("all calls decoded", func(v map[string]float64) bool { return v[naming.MetricProfiled] == n })
	b.eventually("the copies at the shadow", func(map[string]float64) bool { return s.asked.Load() == 5 })
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	if got := len(b.stored(record.Predictions)); got != n {
		t.Errorf("%d predictions are recorded, want %d", got, n)
	}
	if d := cmp.Diff(map[string]int{"all/dropped": n - 5, "all/lost": 5, "ATL/dropped": n - 5, "ATL/lost": 5}, inRows(b.pairRows())); d != "" {
		t.Errorf("pairs (-want +got):\n%s", d)
	}
	if got := s.asked.Load(); got != 5 {
		t.Errorf("the shadow was asked %d times", got)
	}
}

func TestADeadShadow(t *testing.T) {
	b := newBench(t, predict)
	b.configure(config(b.storeURL()))
	b.mirrors(mirrorTo("127.0.0.1:1"))
	b.start()
	for range 20 {
		if status, _ := b.predict(body(`{"score":0.25}`)); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
	}
	b.eventually("all pairs", func(map[string]float64) bool {
		return b.pairs(naming.MetricPairs, "segment", "outcome")["all/shadow_unreachable"] == 20
	})
}

// TestMirroringStartsAndStops holds that documents and labels take effect while requests are answered, without a restart.
func TestMirroringStartsAndStops(t *testing.T) {
	b := newBench(t, predict)
	s := newShadow(t)
	c := config(b.storeURL())
	b.configure(c)
	b.start()
	ctx := t.Context()
	traffic := make(chan struct{})
	var clients sync.WaitGroup
	clients.Go(func() {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for {
			select {
			case <-traffic:
				return
			default:
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url+inference, strings.NewReader(body(`{"origin":"ATL","score":0.25}`)))
			if err != nil {
				t.Error(err)
				return
			}
			res, err := client.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			io.Copy(io.Discard, res.Body) //nolint:errcheck // The status tells.
			if res.Body.Close(); res.StatusCode != http.StatusOK {
				t.Errorf("status %d", res.StatusCode)
			}
		}
	})
	address := strings.TrimPrefix(s.URL, "http://")
	remove := func() {
		if err := os.Remove(b.path("config/mirror.v1.json")); err != nil {
			t.Fatal(err)
		}
	}
	other := mirrorTo(address)
	other.Primary = "0000000009"
	foreign := mirrorTo(address)
	foreign.Monitor = "others"
	passing := c
	passing.Mode = wire.ModePassThrough
	for _, step := range []struct {
		name string
		do   func()
		want bool
	}{
		{"a document", func() { b.mirrors(mirrorTo(address)) }, true},
		{"it vanishes", remove, false},
		{"it is back", func() { b.mirrors(mirrorTo(address)) }, true},
		{"some are asked twice", func() { m := mirrorTo(address); m.ReplicaShare = 0.1; b.mirrors(m) }, true},
		{"a broken document: the previous one holds", func() { b.write("config/mirror.v1.json", "{") }, true},
		{"one for pods of another revision", func() { b.mirrors(other) }, false},
		{"one of another monitor", func() { b.mirrors(foreign) }, false},
		{"one for all pods of the monitor", func() { m := mirrorTo(address); m.AllPods = true; b.mirrors(m) }, true},
		{"one for all pods of another monitor", func() { m := foreign; m.AllPods = true; b.mirrors(m) }, false},
		{"and again", func() { b.mirrors(mirrorTo(address)) }, true},
		{"the mode is PassThrough", func() { b.configure(passing) }, false},
		{"and no more", func() { b.configure(c) }, true},
		{"the end", remove, false},
	} {
		step.do()
		before := s.asked.Load()
		if step.want {
			b.eventually(step.name, func(map[string]float64) bool { return s.asked.Load() > before+3 })
			continue
		}
		// Mirroring has ended once as many requests as there are between two looks at the documents bring no copy.
		last, calls := int64(-1), 0.0
		b.eventually(step.name, func(v map[string]float64) bool {
			now, served := s.asked.Load(), v[naming.MetricRequests]+v[naming.MetricOtherRequests]
			if now != last {
				last, calls = now, served
			}
			return served > calls+50
		})
	}
	close(traffic)
	clients.Wait()
	counted := map[string]int{}
	b.eventually("as many pairs as copies", func(map[string]float64) bool {
		counted = b.pairs(naming.MetricPairs, "segment", "outcome")
		return int64(counted["all/compared"]) == s.asked.Load()
	})
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(counted, inRows(b.pairRows())); d != "" {
		t.Errorf("pairs in metrics and in rows (-metrics +rows):\n%s", d)
	}
}
