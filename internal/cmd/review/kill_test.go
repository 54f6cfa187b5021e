// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/review/publish"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/testing/freeport"
	"github.com/vedette-dev/vedette/internal/testing/postgres"
	"github.com/vedette-dev/vedette/internal/wire"
)

var proofDir = flag.String("proof", "", "the folder to write the results of the long proofs to; without it they do not run")

// isProgram names the variable that makes the test binary the program, so that a test can kill it.
const isProgram = "VEDETTE_TEST_IS_REVIEW"

func TestMain(m *testing.M) {
	if os.Getenv(isProgram) != "" {
		main()
	}
	postgres.Main(m)
}

// TestKilledUnderLoad kills the program again and again while records come, people answer, and labels leave.
func TestKilledUnderLoad(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { newSeries(t, "sqlite:"+filepath.Join(t.TempDir(), "queue.db"), 1, 5).run() })
	t.Run("Postgres", func(t *testing.T) { newSeries(t, postgres.URL(t), 2, 5).run() })
}

// TestProveKilledUnderLoad does it for longer, and keeps the result.
func TestProveKilledUnderLoad(t *testing.T) {
	if *proofDir == "" {
		t.Skip("make prove runs it")
	}
	now := time.Now().UTC()
	var doc strings.Builder
	fmt.Fprintf(&doc, "# A queue is killed under load\n\n`make prove` on %s, %d cores, %s/%s.\n", now.Format("2006-01-02 15:04 MST"), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	prove := func(name, url string, replicas int) {
		t.Run(name, func(t *testing.T) {
			s := newSeries(t, url, replicas, 30)
			s.run()
			fmt.Fprintf(&doc, "\n## %s\n\n| | |\n|---|---|\n", name)
			for _, l := range s.lines() {
				fmt.Fprintf(&doc, "| %s | %s |\n", l[0], l[1])
			}
		})
	}
	prove("SQLite", "sqlite:"+filepath.Join(t.TempDir(), "queue.db"), 1)
	prove("Postgres", postgres.URL(t), 2)
	if t.Failed() {
		return
	}
	if err := os.WriteFile(filepath.Join(*proofDir, now.Format("2006-01-02")+"-review-kills.md"), []byte(doc.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Log(doc.String())
}

const (
	annotators = 8
	// perKill is how many items come, and about how many answers are given, from one kill to the next.
	perKill = 40
	// killLease is short, so that what people left behind is soon there for others.
	killLease = 2 * time.Second
)

// series is one series of kills. What clients were told is kept outside of the database, and compared with it at the end.
type series struct {
	t        *testing.T
	ctx      context.Context
	dir, url string
	kills    int
	doc      wire.Review
	layout   store.Layout
	bucket   *store.Bucket
	servers  []*victim

	mu sync.Mutex
	// told are the acknowledged answers that were not taken back: item → "token:person: class", as the program names people.
	// holds are the leases told last.
	told         map[string][]string
	holds        map[string]hold
	items, given int
	undone, left int
	errors       int
	took         time.Duration
	rows         int
}

type hold struct {
	person   string
	from, to time.Time
}

func newSeries(t *testing.T, url string, replicas, kills int) *series {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(kills)*20*time.Second)
	t.Cleanup(cancel)
	s := &series{t: t, ctx: ctx, dir: t.TempDir(), url: url, kills: kills, told: map[string][]string{}, holds: map[string]hold{}}
	folder := filepath.Join(s.dir, "store")
	s.doc = wire.Review{
		Cluster: "eu", Namespace: "payments", Queue: "desk", Store: wire.Store{URL: "file://" + folder},
		Monitors: []wire.ReviewMonitor{{Name: "fraud", Weight: 1, Schema: wire.Schema{
			Prediction: wire.Prediction{Kind: wire.BinaryClassification, Classes: []string{"genuine", "fraud"}},
		}}},
		Select: wire.ReviewSelect{Outliers: true}, Overlap: 1, LeaseSeconds: killLease.Seconds(), PendingSeconds: 86400, DoneSeconds: 86400,
	}
	s.layout = store.Layout{Cluster: s.doc.Cluster, Namespace: s.doc.Namespace, Monitor: "fraud"}
	text, err := wire.EncodeReview(s.doc)
	s.must(err)
	s.must(os.Mkdir(folder, 0o700))
	s.must(os.WriteFile(filepath.Join(s.dir, "review.v1.json"), text, 0o600))
	var tokens bytes.Buffer
	for i := range annotators {
		fmt.Fprintf(&tokens, "%s:%x:annotator\n", person(i), sha256.Sum256([]byte(person(i))))
	}
	for i := range kills {
		fmt.Fprintf(&tokens, "%s:%x:annotator\n", leaver(i), sha256.Sum256([]byte(leaver(i))))
	}
	s.must(os.WriteFile(filepath.Join(s.dir, "tokens"), tokens.Bytes(), 0o600))
	s.bucket, err = store.Open(ctx, s.doc.Store.URL, "")
	s.must(err)
	t.Cleanup(func() { _ = s.bucket.Close() })
	for range replicas {
		s.servers = append(s.servers, newVictim(s))
	}
	return s
}

func person(i int) string { return fmt.Sprintf("person-%d", i) }
func leaver(i int) string { return fmt.Sprintf("leaver-%d", i) }

func (s *series) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// run kills, waits until everything is answered, and looks at what there is.
func (s *series) run() {
	s.records(0)
	for _, v := range s.servers {
		v.start()
	}
	start := time.Now()
	var people sync.WaitGroup
	for i := range annotators {
		a := &annotator{series: s, name: person(i), rand: rand.New(rand.NewPCG(uint64(i), 1))}
		people.Go(a.work)
	}
	for i := range s.kills {
		s.await(i*perKill + rand.IntN(perKill))
		s.records(i + 1)
		(&annotator{series: s, name: leaver(i), rand: rand.New(rand.NewPCG(uint64(i), 2))}).leave()
		v := s.servers[i%len(s.servers)]
		v.kill()
		v.start()
	}
	people.Wait()
	s.took = time.Since(start)
	if s.ctx.Err() != nil {
		s.t.Fatalf("%d of %d items are answered, and no more: the others are stuck or lost", s.answered(), s.items)
	}
	for _, v := range s.servers {
		v.kill()
	}
	s.checkDatabase()
	s.checkStore()
}

// records puts a file of outliers into the store.
func (s *series) records(file int) {
	s.t.Helper()
	var b bytes.Buffer
	w, err := record.NewWriter(&b, record.Records, nil, nil)
	s.must(err)
	now := time.Now()
	for i := range perKill {
		s.must(w.Write(&record.Row{
			RecordID: fmt.Sprintf("record-%03d-%03d", file, i), Time: now, Outcome: record.OutcomeOK, Monitor: "fraud", ModelVersion: "v1",
			KeepProbability: 1, KeepReason: record.KeepOutlier, Prediction: "fraud", Score: rand.Float64(), Confidence: 0.6, Entropy: rand.Float64(),
			Margin: 0.2, OutlierScore: 4, OutlierReasons: []string{"margin"},
		}))
	}
	s.must(w.Close())
	s.mu.Lock()
	s.items += perKill
	s.mu.Unlock()
	s.must(s.bucket.Create(s.ctx, s.layout.Rows(store.Records, "v1", now, fmt.Sprintf("file-%d", file)), &b))
}

// await waits until so many answers were acknowledged.
func (s *series) await(n int) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.ctx.Err() == nil {
		s.mu.Lock()
		given := s.given
		s.mu.Unlock()
		if given >= n {
			return
		}
		<-tick.C
	}
}

// answered is how many items have an answer, as far as the clients know.
func (s *series) answered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.told {
		n += min(1, len(a))
	}
	return n
}

func (s *series) done() bool { return s.answered() == (s.kills+1)*perKill }

// held notes a lease, and finds out when two people were given the same item for the same time.
func (s *series) held(item, person string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, before := hold{person, until.Add(-killLease), until}, s.holds[item]
	if before.person != person && before.from.Before(now.to) && now.from.Before(before.to) {
		s.t.Errorf("%s is held by %+v and by %+v", item, before, now)
	}
	if now.to.After(before.to) {
		s.holds[item] = now
	}
}

// victim is the program in a process of its own. It comes back at the same address after each kill.
type victim struct {
	*series
	address string
	cmd     *exec.Cmd
}

func newVictim(s *series) *victim {
	v := &victim{series: s, address: freeport.Address(s.t)}
	s.t.Cleanup(v.kill)
	return v
}

func (v *victim) start() {
	v.t.Helper()
	v.cmd = exec.Command(os.Args[0], "serve", "--listen", v.address, "--metrics", "127.0.0.1:0", "--config", filepath.Join(v.dir, "review.v1.json"),
		"--database", v.url, "--tokens", filepath.Join(v.dir, "tokens"))
	v.cmd.Env = append(os.Environ(), isProgram+"=yes")
	v.cmd.Stderr = v.t.Output()
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	v.must(v.cmd.Start())
}

func (v *victim) kill() {
	if v.cmd == nil {
		return
	}
	if err := v.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		v.t.Errorf("the program ended by itself: %v", err)
	}
	_ = v.cmd.Wait() // It was killed.
	v.cmd = nil
}

// checkDatabase compares all answers with what the clients were told.
func (s *series) checkDatabase() {
	d, err := db.Open(s.ctx, s.url, time.Now)
	s.must(err)
	defer d.Close()
	s.must(d.Configure(s.ctx, s.doc))
	done := 0
	for after, more := "", true; more; more = after != "" {
		var items []review.Item
		items, after, err = d.List(s.ctx, db.Filter{State: review.Done, After: after, Limit: 1000})
		s.must(err)
		done += len(items)
		for _, it := range items {
			answers, err := d.Answers(s.ctx, it.ID)
			s.must(err)
			var found []string
			for _, a := range answers {
				found = append(found, a.Person+": "+a.Label.Class)
			}
			if told := s.told[it.ID]; len(told) != 1 || !slices.Equal(found, told) {
				s.t.Errorf("%s: acknowledged were %q, the database holds %q", it.ID, told, found)
			}
		}
	}
	if done != s.items {
		s.t.Errorf("%d of %d items are done", done, s.items)
	}
	if _, err := d.Next(s.ctx, "somebody"); !errors.Is(err, review.ErrEmpty) {
		s.t.Errorf("something is left: %v", err)
	}
	// What the program had no time left to publish is published now.
	p := publish.Publisher{Outbox: d, Store: s.bucket, Cluster: s.doc.Cluster, Namespace: s.doc.Namespace}
	for {
		n, err := p.Pass(s.ctx)
		s.must(err)
		if n == 0 {
			return
		}
	}
}

// checkStore compares the labels in the store with what the clients were told.
func (s *series) checkStore() {
	seen, current := map[string]bool{}, label.NewCurrent()
	for f, err := range s.bucket.List(s.ctx, s.layout.AllLabels()) {
		s.must(err)
		content, err := s.bucket.Get(s.ctx, f.Key, 1<<30)
		s.must(err)
		for r, err := range label.Read(bytes.NewReader(content), int64(len(content))) {
			s.must(err)
			if s.rows++; seen[r.ID] {
				s.t.Errorf("the row %s of %s is in the store twice", r.ID, r.RecordID)
			}
			seen[r.ID] = true
			current.Add(*r)
		}
	}
	labels := 0
	for _, r := range current.Rows() {
		if r.Retracted {
			continue
		}
		labels++
		if got := strings.Join(r.Annotators, ",") + ": " + r.Class; !slices.Equal([]string{got}, s.told[r.RecordID]) || math.Abs(r.Agreement-1) > 0 {
			s.t.Errorf("%s: acknowledged was %q, the label in the store is %q", r.RecordID, s.told[r.RecordID], got)
		}
	}
	if labels != s.items {
		s.t.Errorf("%d of %d items have a label in the store", labels, s.items)
	}
}

// lines are the result of a series that went well.
func (s *series) lines() [][2]string {
	return [][2]string{
		{"programs", fmt.Sprintf("%d, with %d annotators at once, over REST", len(s.servers), annotators)},
		{"SIGKILLs", fmt.Sprintf("%d in %s, each with a new file of records in the store", s.kills, s.took.Round(time.Second))},
		{"items", fmt.Sprintf("%d, each there once and answered in the end", s.items)},
		{"answers acknowledged", fmt.Sprintf("%d, of which %d were taken back", s.given, s.undone)},
		{"acknowledged answers lost, doubled or changed", "0, in the database and in the store"},
		{"labels in the store", fmt.Sprintf("%d rows, no row twice; one label of each item holds", s.rows)},
		{"items that people left behind", fmt.Sprintf("%d, each answered by others once the lease of %s was over; no item held by two at once", s.left, killLease)},
		{"requests answered with an error of the program", fmt.Sprint(s.errors)},
	}
}
