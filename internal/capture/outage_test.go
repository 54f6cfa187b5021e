// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/testing/freeport"
)

// sidecarVariable makes the test program a sidecar with the options in it, so that one can be killed.
const sidecarVariable = "VEDETTE_TEST_SIDECAR"

func TestMain(m *testing.M) {
	raw := os.Getenv(sidecarVariable)
	if raw == "" {
		goleak.VerifyTestMain(m)
		return
	}
	if err := serveChild(raw); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serveChild(raw string) error {
	o := Options{Clock: time.Now, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if err := json.Unmarshal([]byte(raw), &childOptions{&o}); err != nil {
		return err
	}
	o.started = func(listen, metrics string) { fmt.Println("http://"+listen, "http://"+metrics) }
	return Run(context.Background(), o)
}

// childOptions are those options that can be handed to another process.
type childOptions struct{ *Options }

func (c *childOptions) UnmarshalJSON(raw []byte) error {
	var s [6]string
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	c.Listen, c.Metrics, c.SpoolBytes, c.DrainTimeout = "127.0.0.1:0", "127.0.0.1:0", 64<<20, time.Second
	c.Upstream, c.SpoolDir, c.Credentials, c.PodUID, c.Files.Config, c.Files.Pod = s[0], s[1], s[2], s[3], s[4], s[5]
	return nil
}

// child starts the sidecar as a process of its own, and returns what kills it.
func (b *bench) child() (kill func()) {
	b.t.Helper()
	o := b.options
	raw, err := json.Marshal([6]string{o.Upstream, o.SpoolDir, o.Credentials, o.PodUID, o.Files.Config, o.Files.Pod})
	if err != nil {
		b.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), sidecarVariable+"="+string(raw))
	output, err := c.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.t.Fatal(err)
	}
	var once sync.Once
	kill = func() {
		once.Do(func() {
			_ = c.Process.Kill() // It may have ended; Wait tells no more.
			_ = c.Wait()
		})
	}
	b.t.Cleanup(kill)
	if _, err := fmt.Fscanln(output, &b.url, &b.metrics); err != nil {
		b.t.Fatalf("the sidecar did not say where it listens: %v", err)
	}
	return kill
}

// credentials writes those of an S3 server.
func (b *bench) credentials(key, secret string) {
	b.t.Helper()
	b.options.Credentials = b.path("credentials")
	if err := os.MkdirAll(b.options.Credentials, 0o700); err != nil {
		b.t.Fatal(err)
	}
	b.write("credentials/AWS_ACCESS_KEY_ID", key)
	b.write("credentials/AWS_SECRET_ACCESS_KEY", secret)
}

// TestKilledAndRestarted kills a sidecar that has files in its spool, and lets a successor upload them.
func TestKilledAndRestarted(t *testing.T) {
	b := newBench(t, predict)
	b.credentials("key", "secret")
	c := config("s3://bucket?region=us-east-1&endpoint=" + url.QueryEscape("http://127.0.0.1:1")) // nobody listens there
	c.Capture.FlushSeconds = 0.01
	b.configure(c)
	kill := b.child()
	b.eventually("the configuration", func(v map[string]float64) bool { return v[naming.MetricConfigInfo] == 1 })
	const before = 20
	for range before {
		b.predict(body(`{"score":0.5}`, `{"score":0.6}`))
	}
	b.eventually("all in the spool", func(map[string]float64) bool { return b.spooled("predictions") == 2*before })
	kill()
	b.client.CloseIdleConnections()
	if rows := b.stored(record.Predictions); len(rows) != 0 {
		t.Fatalf("%d rows are stored while there is no store", len(rows))
	}

	c.Store.URL = b.storeURL()
	b.configure(c)
	b.start()
	b.predict(body(`{"score":0.7}`))
	v := b.eventually("the uploads", func(v map[string]float64) bool { return v[naming.MetricRowsStored+"/predictions"] == 2*before+1 })
	if v[naming.MetricSinkUp] != 1 || v[naming.MetricRowsDropped] != 0 {
		t.Errorf("sink up: %v, rows dropped: %v", v[naming.MetricSinkUp], v[naming.MetricRowsDropped])
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	rows := b.stored(record.Predictions)
	for _, row := range rows {
		ids[row.RecordID] = true
	}
	if len(rows) != 2*before+1 || len(ids) != len(rows) {
		t.Errorf("%d rows with %d ids are stored, want %d", len(rows), len(ids), 2*before+1)
	}
}

// spooled is the number of rows of a tier in complete files in the spool, as their names say.
func (b *bench) spooled(tier string) (rows int) {
	b.t.Helper()
	err := filepath.WalkDir(filepath.Join(b.options.SpoolDir, "ready"), func(path string, _ os.DirEntry, err error) error {
		if _, count, ok := strings.Cut(path, ".parquet~"); ok && strings.Contains(path, "/ready/"+tier+"/") {
			var n int
			if _, err := fmt.Sscan(count, &n); err != nil {
				return err
			}
			rows += n
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return rows
}

// s3 is a real S3 server that can be stopped and started again. Its bucket is the store's directory.
type s3 struct {
	t       *testing.T
	program string
	address string
	root    string
	running *exec.Cmd
}

func (s *s3) start() {
	s.t.Helper()
	s.running = exec.Command(s.program, "--port", s.address, "--access", "key", "--secret", "secret", "--quiet", "posix", s.root)
	if err := s.running.Start(); err != nil {
		s.t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		if c, err := net.Dial("tcp", s.address); err == nil {
			c.Close()
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatal("the S3 server did not listen in time")
		}
	}
}

func (s *s3) stop() {
	if s.running != nil {
		_ = s.running.Process.Kill() // Wait tells no more.
		_ = s.running.Wait()
		s.running = nil
	}
}

// TestStoreDownAndBack stops the S3 server under load. No request fails, and when it is back every row arrives.
func TestStoreDownAndBack(t *testing.T) {
	program := os.Getenv("VEDETTE_VERSITYGW")
	if program == "" {
		t.Skip("needs an S3 server: run `make test`, or set VEDETTE_VERSITYGW to a versitygw program")
	}
	b := newBench(t, predict)
	server := &s3{t: t, program: program, address: freeport.Address(t), root: b.dir}
	t.Cleanup(server.stop)
	server.start()
	b.credentials("key", "secret")
	c := config("s3://store?region=us-east-1&endpoint=" + url.QueryEscape("http://"+server.address))
	c.Capture.FlushSeconds = 0.01
	b.configure(c)
	b.start()

	var sent atomic.Int64
	load, endLoad := context.WithCancel(t.Context())
	defer endLoad()
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for load.Err() == nil {
				res, err := b.client.Post(b.url+inference, "", strings.NewReader(body(`{"score":0.5}`, `{"score":0.6}`, `{"score":0.7}`)))
				if err != nil {
					t.Errorf("a request failed: %v", err)
					return
				}
				res.Body.Close()
				if res.StatusCode != http.StatusOK {
					t.Errorf("a request was answered with %d", res.StatusCode)
				}
				sent.Add(3)
			}
		})
	}
	stored := func(v map[string]float64) float64 { return v[naming.MetricRowsStored+"/predictions"] }
	b.eventually("uploads", func(v map[string]float64) bool { return stored(v) > 0 })
	server.stop()
	down := b.eventually("the outage", func(v map[string]float64) bool { up, ok := v[naming.MetricSinkUp]; return ok && up == 0 })
	b.eventually("calls during the outage", func(v map[string]float64) bool {
		return v[naming.MetricRequests] > down[naming.MetricRequests]+500 && v[naming.MetricSpoolBytes] > down[naming.MetricSpoolBytes]
	})
	server.start()
	b.eventually("the recovery", func(v map[string]float64) bool { return stored(v) > stored(down) })
	endLoad()
	clients.Wait()
	b.eventually("all counted", func(v map[string]float64) bool { return v[naming.MetricInstances] == float64(sent.Load()) })
	v, _ := b.series()
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, row := range b.stored(record.Predictions) {
		ids[row.RecordID] = true
	}
	if got := int64(len(ids)) + int64(v[naming.MetricDropped]); got != sent.Load() {
		t.Errorf("%d rows are stored and %v dropped of %d instances", len(ids), v[naming.MetricDropped], sent.Load())
	}
}

// TestStoreHangs keeps every upload waiting. Requests go on, and the end comes in time.
func TestStoreHangs(t *testing.T) {
	hang := make(chan struct{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sink := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})}
	served := make(chan error, 1)
	go func() { served <- sink.Serve(l) }()
	t.Cleanup(func() {
		close(hang)
		sink.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	b := newBench(t, predict)
	b.credentials("key", "secret")
	b.options.DrainTimeout = 2 * time.Second
	c := config("s3://store?region=us-east-1&endpoint=" + url.QueryEscape("http://"+l.Addr().String()))
	c.Capture.FlushSeconds = 0.01
	b.configure(c)
	b.start()
	for range 100 {
		if status, _ := b.predict(body(`{"score":0.5}`)); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
	}
	b.eventually("rows in the spool", func(v map[string]float64) bool { return v[naming.MetricSpoolBytes] > 0 })
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	if rows := b.stored(record.Predictions); len(rows) != 0 {
		t.Errorf("%d rows are stored", len(rows))
	}
}
