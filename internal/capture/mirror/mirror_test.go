// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/capture/proxy"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestWhatIsSent(t *testing.T) {
	var mu sync.Mutex
	got := map[string]*http.Request{}
	bodies := map[string]string{}
	keep := func(side string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			got[side], bodies[side] = r, string(b)
			mu.Unlock()
			score("0.5")(w, r)
		}
	}
	f := newFixture(t, keep("shadow"), keep("primary"))
	f.use(func(m *wire.Mirror) { m.Model, m.Header, m.ReplicaShare = "next", "X-Dry-Run", 1 })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://model"+path+"?a=1&b", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"X-Request-Id": "id", "Traceparent": "00-1-2-00", "Authorization": "Bearer x", "Cookie": "a=b", "Content-Type": "application/json",
		"Connection": "X-Hop", "X-Hop": "1", "Te": "trailers", "Expect": "100-continue",
	} {
		r.Header.Set(name, value)
	}
	f.offerRequest(r, "id", `{"instances":[1]}`).Pair.(*Pair).Answered(answered200(0.5))
	f.finish()
	want := http.Header{
		"X-Request-Id": {"id"}, "Traceparent": {"00-1-2-00"}, "Authorization": {"Bearer x"}, "Cookie": {"a=b"}, "Content-Type": {"application/json"},
		"Content-Length": {"17"}, "X-Dry-Run": {"true"},
	}
	for side, tt := range map[string]struct{ mark, uri string }{
		"shadow": {"true", "/v1/models/next:predict?a=1&b"}, "primary": {"replica", path + "?a=1&b"},
	} {
		want.Set(naming.HeaderShadow, tt.mark)
		r := got[side]
		if d := cmp.Diff(want, r.Header); d != "" || r.RequestURI != tt.uri || r.Host != "model" || r.Method != http.MethodPost || bodies[side] != `{"instances":[1]}` {
			t.Errorf("%s: %s %s of %s, body %q, headers (-want +got):\n%s", side, r.Method, r.RequestURI, r.Host, bodies[side], d)
		}
	}
}

func TestRenaming(t *testing.T) {
	for from, want := range map[string]string{
		"/v1/models/a:predict":             "/v1/models/b%20c:predict",
		"/v2/models/a/infer":               "/v2/models/b%20c/infer",
		"/v2/models/a/versions/3/infer":    "/v2/models/b%20c/versions/3/infer",
		"/serving/v1/models/a%2Fx:predict": "/serving/v1/models/b%20c:predict",
		"/predict":                         "/predict",
	} {
		u, err := url.Parse("http://h" + from)
		if err != nil {
			t.Fatal(err)
		}
		if rename(u, "b c"); u.EscapedPath() != want {
			t.Errorf("%s becomes %s, want %s", from, u.EscapedPath(), want)
		}
	}
}

func TestWhatIsNotMirrored(t *testing.T) {
	f := newFixture(t, func(http.ResponseWriter, *http.Request) { t.Error("the shadow was asked") }, score(""))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://model"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.Wants(r) {
		t.Error("a request is wanted without a document")
	}
	f.use(func(m *wire.Mirror) { m.Share = 0 })
	if ex := f.offer("id", "{}"); ex.Pair != nil || ex.Offers {
		t.Errorf("a share of 0 makes a pair: %+v", ex)
	}
	f.use(nil)
	r.Header.Set(naming.HeaderShadow, "true")
	if f.Wants(r) {
		t.Error("a copy is wanted")
	}
	f.Use(nil)
	r.Header.Del(naming.HeaderShadow)
	if f.Wants(r) {
		t.Error("a request is wanted after the document vanished")
	}
	if len(f.Take()) > 0 {
		t.Error("there are pairs")
	}
}

// TestAHungShadowTakesNoMoreThanItsBounds holds that copies in flight and bytes are bounded, that what is beyond is dropped, and
// that the end loses what is still out.
func TestAHungShadowTakesNoMoreThanItsBounds(t *testing.T) {
	release := make(chan struct{})
	f := newFixture(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // It is not looked at.
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}, score(""))
	defer close(release)
	const bound = 16 << 10
	f.use(func(m *wire.Mirror) { m.MaxInFlight, m.MaxBytes = 100, bound })
	body := `{"instances":[1]}` + strings.Repeat(" ", 1000)
	for range 200 {
		f.offer("id", body).Pair.(*Pair).Answered(answered200(0.5))
		if held := f.Held(); held > bound {
			t.Fatalf("%d bytes are held, the bound is %d", held, bound)
		}
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	f.Drain(over)
	outcomes := map[record.PairOutcome]int{}
	for _, p := range f.Take() {
		for _, row := range p.Finish() {
			outcomes[row.Outcome]++
		}
	}
	// A pair holds its body of 1,017 bytes, its head and path of 34, 1 KiB, and 256 bytes of the primary's answer; the last may be
	// lost for lack of those.
	if outcomes[record.PairDropped]+outcomes[record.PairLost] != 200 || outcomes[record.PairLost] < 7 || outcomes[record.PairLost] > 8 {
		t.Errorf("outcomes %v", outcomes)
	}
	if f.Held() != 0 {
		t.Errorf("%d bytes are held", f.Held())
	}
	if p := f.offer("id", body).Pair.(*Pair); p.sent {
		t.Error("a copy is sent after the end")
	}
}

func TestAPrimaryThatDisagreesWithItselfIsAskedMore(t *testing.T) {
	f := newFixture(t, score("0.5"), score("0.75"))
	f.use(func(m *wire.Mirror) { m.ReplicaShare = 1 })
	f.current.Load().agreed.Store(5000)
	f.use(func(m *wire.Mirror) { m.ReplicaShare, m.Share = 1, 0.99 }) // the same primary: what is known of it holds
	if got := f.counts()["_replica_share"]; got != 0.01 {
		t.Errorf("the share is %v after 5000 that agreed", got)
	}
	p := &Pair{mirror: f.Mirror, target: f.current.Load(), plan: f.plan}
	p.learn(finding{outcome: record.PairCompared, replicated: true, rows: []record.Pair{{
		ReplicaSame: new(true), Primary: record.Answer{Score: 0.75}, Replica: record.Answer{Score: 0.8},
	}}})
	if got := f.counts()["_replica_share"]; got != 1 {
		t.Errorf("the share is %v after one that differed", got)
	}
}

func TestAFaultOfOursIsCaught(t *testing.T) {
	f := newFixture(t, score("0.5"), score(""))
	f.use(nil)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://model"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	ex := proxy.NewExchange(f.budget, 4<<10, false)
	ex.RequestID, ex.Plan = "id", "no plan"
	f.Offer(r, ex)
	if ex.Pair != nil {
		t.Error("there is a pair")
	}
	f.Clock = func() time.Time { panic("a fault") }
	p := &Pair{mirror: f.Mirror, target: f.current.Load(), plan: f.plan}
	f.ask(p, &p.shadow, copyOf(r, nil, "127.0.0.1:1", ""))
	if p.shadow.result != notAsked {
		t.Errorf("the side is %+v", p.shadow)
	}
	f.Clock = time.Now
}
