// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/crypto/bcrypt"

	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// bench is a folder with all that the program is given.
type bench struct {
	t       *testing.T
	dir     string
	options Options
	ended   chan error
	stop    context.CancelFunc
	// pages and metrics are where it listens.
	pages, metrics string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	b.write("users", "ada:"+string(hash)+":annotator\n")
	b.configure(b.document())
	b.options = Options{
		Listen: "127.0.0.1:0", Metrics: "127.0.0.1:0", Config: b.path("review.v1.json"), Database: "sqlite:" + b.path("queue.db"),
		Users: b.path("users"), DrainTimeout: 10 * time.Second, Clock: time.Now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name, content string) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(b.path(name)), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(b.path(name), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) document() wire.Review {
	return wire.Review{
		Cluster: "eu", Namespace: "payments", Queue: "desk", Store: wire.Store{URL: "file://" + b.path("store")},
		Monitors: []wire.ReviewMonitor{{Name: "fraud", Weight: 1, Baseline: "may", Schema: wire.Schema{
			Prediction: wire.Prediction{Kind: wire.BinaryClassification, Classes: []string{"genuine", "fraud"}},
		}}},
		Overlap: 1, LeaseSeconds: 60, PendingSeconds: 86400, DoneSeconds: 86400,
		Access: wire.ReviewAccess{Local: true},
	}
}

func (b *bench) configure(d wire.Review) {
	b.t.Helper()
	text, err := wire.EncodeReview(d)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.MkdirAll(b.path("store"), 0o700); err != nil {
		b.t.Fatal(err)
	}
	b.write("review.v1.json", string(text))
}

func (b *bench) start() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	b.stop, b.ended = cancel, make(chan error, 1)
	b.t.Cleanup(cancel)
	started := make(chan struct{})
	b.options.started = func(pages, metrics string) {
		b.pages, b.metrics = "http://"+pages, "http://"+metrics
		close(started)
	}
	go func() { b.ended <- Run(ctx, b.options) }()
	select {
	case <-started:
	case err := <-b.ended:
		b.t.Fatalf("it does not start: %v", err)
	}
}

func (b *bench) end() {
	b.t.Helper()
	b.stop()
	if err := <-b.ended; err != nil {
		b.t.Fatalf("it ends with %v", err)
	}
}

func (b *bench) get(url string) (int, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestItServesAndEnds(t *testing.T) {
	b := newBench(t)
	b.start()
	for url, want := range map[string]string{
		b.pages + "/": "Sign in", b.pages + "/sign-in": "to the queue desk", b.metrics + "/readyz": "", b.metrics + "/healthz": "",
		b.metrics + "/metrics": naming.MetricQueuePublished + `{queue="desk"} 0`,
	} {
		if status, text := b.get(url); status != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", url, status, text)
		}
	}
	for url, want := range map[string]int{
		b.pages + "/api/v1/items": http.StatusUnauthorized, b.pages + "/metrics": http.StatusOK, b.metrics + "/": http.StatusNotFound,
	} {
		if status, text := b.get(url); status != want || strings.Contains(text, naming.MetricQueuePublished) && !strings.HasPrefix(url, b.metrics) {
			t.Errorf("%s: %d, want %d", url, status, want)
		}
	}
	b.end()
	b.start() // with the database of before
	b.end()
}

func TestItSaysWhyItDoesNotStart(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*bench)
		want   string
	}{
		"no document":               {func(b *bench) { b.options.Config = b.path("none") }, "reading the document of the queue"},
		"a document of another age": {func(b *bench) { b.write("review.v1.json", `{"version":9}`) }, "unsupported version"},
		"no such database":          {func(b *bench) { b.options.Database = "oracle:" }, `must start with "sqlite:"`},
		"no file with its address":  {func(b *bench) { b.options.DatabaseFile = b.path("none") }, "reading the address of the database"},
		"nobody can sign in":        {func(b *bench) { b.options.Users = "" }, "nobody could sign in"},
		"a store of no kind": {func(b *bench) {
			d := b.document()
			d.Store.URL = "ftp://x"
			b.configure(d)
		}, "not supported"},
		"a port that is taken": {func(b *bench) {
			taken, err := new(net.ListenConfig).Listen(b.t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				b.t.Fatal(err)
			}
			b.t.Cleanup(func() { taken.Close() })
			b.options.Listen = taken.Addr().String()
		}, "listening for people"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			c.change(b)
			if err := Run(t.Context(), b.options); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestTheDatabasesAddressComesFromAFile(t *testing.T) {
	b := newBench(t)
	b.write("url", b.options.Database+"\n")
	b.options.Database, b.options.DatabaseFile = "", b.path("url")
	b.start()
	b.end()
}

func TestADocumentAndABaselineAreTakenOver(t *testing.T) {
	b := newBench(t)
	s, err := open(t.Context(), b.options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close() //nolint:errcheck // the test is about something else
	if err := s.config.readBaselines(t.Context()); err != nil {
		t.Errorf("a baseline that is yet to be made: %v", err)
	}
	text, err := outlier.Encode(outlier.Summary{Rows: 7})
	if err != nil {
		t.Fatal(err)
	}
	key := store.Layout{Cluster: "eu", Namespace: "payments", Monitor: "fraud"}.Baseline("may", outlier.SummaryFile)
	b.write("store/"+key, string(text))
	if err := s.config.readBaselines(t.Context()); err != nil || s.config.summaries["fraud"].Rows != 7 {
		t.Fatalf("the baseline is %v, %v", s.config.summaries, err)
	}
	b.write("store/"+key, "{")
	if err := s.config.readBaselines(t.Context()); err == nil || s.config.summaries["fraud"].Rows != 7 {
		t.Errorf("a broken baseline replaces the one before: %v, %v", s.config.summaries, err)
	}

	d := b.document()
	d.Question.Text = "Well?"
	b.configure(d)
	if err := s.config.reload(t.Context()); err != nil || s.desk.Document().Question.Text != "Well?" {
		t.Errorf("the document is %+v, %v", s.desk.Document(), err)
	}
	b.write("review.v1.json", "{")
	if err := s.config.reload(t.Context()); err == nil || s.desk.Document().Question.Text != "Well?" {
		t.Errorf("a broken document is taken over: %v", err)
	}
	problems, err := testutil.GatherAndLint(s.metrics.registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}
