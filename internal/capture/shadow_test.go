// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

// shadow is a model server whose answers the instances of a request ask for: another score, a status, or none at all.
type shadow struct {
	*httptest.Server
	asked atomic.Int64
}

func newShadow(t *testing.T) *shadow {
	s := &shadow{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if r.Header.Get(naming.HeaderShadow) != naming.ShadowCopy || r.Header.Get("X-Request-Id") == "" {
			t.Errorf("the shadow is asked with headers %v", r.Header)
		}
		var req struct {
			Instances []struct {
				Score, Shift float64
				Shadow       int
				Hang         bool
			} `json:"instances"`
		}
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		predictions := []map[string]float64{}
		for _, in := range req.Instances {
			if in.Hang {
				<-r.Context().Done()
				return
			}
			if in.Shadow != 0 {
				w.WriteHeader(in.Shadow)
				return
			}
			predictions = append(predictions, map[string]float64{"score": in.Score + in.Shift})
		}
		json.NewEncoder(w).Encode(map[string]any{"predictions": predictions}) //nolint:errcheck // The sidecar checks.
	}))
	t.Cleanup(s.Close)
	return s
}

const primaryRevision = "0000000001"

func mirrorTo(address string) wire.Mirror {
	return wire.Mirror{
		Namespace: "ml", Monitor: monitor, Rollout: "flights", Primary: primaryRevision, Candidate: "0000000002", Attempt: "1760000000",
		Address: address, Share: 1, TimeoutSeconds: 30, MaxInFlight: 64, MaxBytes: 8 << 20, LatencySegments: []string{"ATL"},
	}
}

// mirrors writes the mirror document and the labels of a pod that it is for.
func (b *bench) mirrors(m wire.Mirror) {
	b.t.Helper()
	raw, err := wire.EncodeMirror(m)
	if err != nil {
		b.t.Fatal(err)
	}
	own := fmt.Sprintf("%s=\"flights\"\n%s=%q\n", naming.LabelRollout, naming.LabelRevision, primaryRevision)
	if m.AllPods { // then they are the user's, who knows of no revision
		own = ""
	}
	b.write("pod/labels", "version=\"7\"\n"+own)
	b.write("config/mirror.v1.json", string(raw))
}

// pairs are the counters of a metric of pairs, by the values of some labels.
func (b *bench) pairs(metric string, labels ...string) map[string]int {
	b.t.Helper()
	counts := map[string]int{}
	for _, m := range b.families()[metric].GetMetric() {
		var key []string
		for _, name := range labels {
			for _, l := range m.GetLabel() {
				if l.GetName() == name {
					key = append(key, l.GetValue())
				}
			}
		}
		counts[strings.Join(key, "/")] += int(m.GetCounter().GetValue())
	}
	return counts
}

// pairRows are the rows of pairs in the store.
func (b *bench) pairRows() []record.Pair {
	b.t.Helper()
	var rows []record.Pair
	b.each("pairs", func(content []byte) {
		for p, err := range record.ReadPairs(bytes.NewReader(content), int64(len(content))) {
			if err != nil {
				b.t.Fatal(err)
			}
			row := *p
			row.Segments = append([]string(nil), p.Segments...)
			rows = append(rows, row)
		}
	})
	return rows
}

// inRows counts the requests of rows by segment and outcome, as the metric does.
func inRows(rows []record.Pair) map[string]int {
	counts, seen := map[string]int{}, map[string]bool{}
	for _, row := range rows {
		request := row.PairID
		if i := strings.LastIndexByte(request, '-'); strings.Count(request, "-") > 1 {
			request = request[:i]
		}
		for _, segment := range append(row.Segments, "all") {
			if key := request + "/" + segment; !seen[key] {
				seen[key] = true
				counts[segment+"/"+string(row.Outcome)]++
			}
		}
	}
	return counts
}

func total(counts map[string]int) (n int) {
	for key, c := range counts {
		if strings.HasPrefix(key, "all/") {
			n += c
		}
	}
	return n
}
