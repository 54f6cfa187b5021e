// SPDX-License-Identifier: Apache-2.0

package db_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/testing/postgres"
	"github.com/vedette-dev/vedette/internal/wire"
)

var (
	kills    = flag.Int("kills", 3, "how often TestKilledUnderLoad kills the server")
	proofDir = flag.String("proof", "", "the folder to write the results of the long proofs to; without it they do not run")
)

// serveURL names the variable that makes the test binary a server of the database at that address.
const serveURL = "VEDETTE_TEST_SERVE"

// killLease is short, so that what the dead held is free soon.
const killLease = 2 * time.Second

func killDocument() wire.Review {
	doc := document()
	doc.LeaseSeconds = killLease.Seconds()
	return doc
}

// serve is the server that is killed: a queue over HTTP, as the real one is.
func serve(url string) error {
	ctx := context.Background()
	d, err := db.Open(ctx, url, time.Now)
	if err != nil {
		return err
	}
	if err := d.Configure(ctx, killDocument()); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	answer := func(w http.ResponseWriter, id string, err error) {
		switch {
		case err == nil:
			fmt.Fprint(w, id)
		case errors.Is(err, review.ErrEmpty):
			w.WriteHeader(http.StatusNoContent)
		case errors.Is(err, review.ErrLease), errors.Is(err, review.ErrAnswered), errors.Is(err, review.ErrNothingToUndo):
			http.Error(w, err.Error(), http.StatusConflict)
		default:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /next", func(w http.ResponseWriter, r *http.Request) {
		c, err := d.Next(r.Context(), r.FormValue("person"))
		answer(w, c.Item.ID, err)
	})
	mux.HandleFunc("POST /answer", func(w http.ResponseWriter, r *http.Request) {
		it, err := d.Answer(r.Context(), review.Answer{Key: r.FormValue("key"), Item: r.FormValue("item"), Person: r.FormValue("person"), Label: says("a")})
		answer(w, it.ID, err)
	})
	mux.HandleFunc("POST /undo", func(w http.ResponseWriter, r *http.Request) {
		it, err := d.Undo(r.Context(), r.FormValue("person"), r.FormValue("key"))
		answer(w, it.ID, err)
	})
	fmt.Println("listening on", l.Addr())
	return http.Serve(l, mux) //nolint:gosec // a test's, on the loopback
}

// victim is a server in a process of its own, which comes back after each kill.
type victim struct {
	t       *testing.T
	url     string
	address atomic.Value // of the running process
	cmd     *exec.Cmd
}

func (v *victim) start() {
	v.t.Helper()
	v.cmd = exec.Command(os.Args[0], "-test.run=^$")
	v.cmd.Env = append(os.Environ(), serveURL+"="+v.url)
	v.cmd.Stderr = os.Stderr
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		v.t.Fatalf("the server did not start: %v", err)
	}
	v.address.Store(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]))
}

func (v *victim) kill() {
	v.t.Helper()
	if err := v.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		v.t.Fatal(err)
	}
	_ = v.cmd.Wait() // It was killed.
}

// oracle is what clients were told, outside of the database.
type oracle struct {
	mu sync.Mutex
	// answers are the acknowledged answers that were not taken back: item → people.
	answers map[string][]string
	acked   atomic.Int64
}

// annotator works until nothing is left. A request that was cut off is sent again, with its key, until there is an answer.
type annotator struct {
	name    string
	servers []*victim
	oracle  *oracle
	rand    *rand.Rand
	keys    int
	last    string // the item answered last, which an undo takes back
}

func (a *annotator) send(ctx context.Context, path, form string) (int, string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		server := a.servers[a.rand.IntN(len(a.servers))].address.Load().(string)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+server+path, strings.NewReader(form+"&person="+a.name))
		if err != nil {
			panic(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if resp, err := http.DefaultClient.Do(r); err == nil {
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err == nil && resp.StatusCode < http.StatusInternalServerError {
				return resp.StatusCode, string(body)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return 0, ""
}

func (a *annotator) key() string {
	a.keys++
	return fmt.Sprintf("key=%s-%d", a.name, a.keys)
}

// step does one thing: it takes an item and answers it, leaves it, or takes the last answer back. It reports false when there is
// nothing to take now.
func (a *annotator) step(ctx context.Context) bool {
	if a.last != "" && a.rand.IntN(10) == 0 {
		code, id := a.send(ctx, "/undo", a.key())
		if code == http.StatusOK {
			a.oracle.undone(id, a.name)
		}
		a.last = ""
		return true
	}
	code, id := a.send(ctx, "/next", "")
	if code != http.StatusOK || a.rand.IntN(20) == 0 { // Now and then somebody goes home in the middle.
		if code == http.StatusOK {
			a.name += "'" // and comes back as somebody else
			a.last = ""
		}
		return code == http.StatusOK
	}
	if code, _ := a.send(ctx, "/answer", a.key()+"&item="+id); code == http.StatusOK {
		a.oracle.answered(id, a.name)
		a.last = id
	}
	return true
}

func (o *oracle) answered(item, person string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers[item] = append(o.answers[item], person)
	o.acked.Add(1)
}

func (o *oracle) undone(item, person string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.answers[item]
	for i, p := range list {
		if p == person {
			o.answers[item] = append(list[:i:i], list[i+1:]...)
			return
		}
	}
	o.answers[item] = append(list, "taken back what "+person+" had not answered")
}

func TestKilledUnderLoad(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { killed(t, sqliteURL(t), 1) })
	t.Run("Postgres", func(t *testing.T) { killed(t, postgres.URL(t), 2) })
}

const annotators = 8

func killed(t *testing.T, url string, replicas int) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	setup, err := db.Open(ctx, url, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := setup.Configure(ctx, killDocument()); err != nil {
		t.Fatal(err)
	}
	items := 150 * *kills
	for from := 0; from < items; from += 150 {
		var c []db.Candidate
		for i := from; i < from+150; i++ {
			c = append(c, candidate(fmt.Sprintf("item-%05d", i), rand.Float64(), "new"))
		}
		if _, err := setup.Ingest(ctx, db.Chunk{Monitor: "fraud", File: fmt.Sprint(from), Rows: 150, Finished: true, Candidates: c}); err != nil {
			t.Fatal(err)
		}
	}
	if err := setup.Close(); err != nil {
		t.Fatal(err)
	}

	var servers []*victim
	for range replicas {
		v := &victim{t: t, url: url}
		v.start()
		defer v.kill()
		servers = append(servers, v)
	}
	o := &oracle{answers: map[string][]string{}}
	var wg sync.WaitGroup
	for i := range annotators {
		a := &annotator{name: fmt.Sprintf("p%d", i), servers: servers, oracle: o, rand: rand.New(rand.NewPCG(uint64(i), 1))}
		wg.Go(func() { work(ctx, a) })
	}
	start := time.Now()
	for i := range *kills {
		await(t, func() bool { return o.acked.Load() >= int64(i*120+10+rand.IntN(100)) })
		v := servers[i%replicas]
		v.kill()
		v.start()
	}
	wg.Wait()
	took := time.Since(start)
	for _, v := range servers {
		v.kill()
		v.start() // There is one to kill at the end.
	}
	verdict := audit(t, url, o, items)
	if *proofDir != "" && !t.Failed() {
		keep(t, "review-kills-"+strings.ToLower(t.Name()[strings.LastIndexByte(t.Name(), '/')+1:]), "The queue is killed under load: "+t.Name(), [][2]string{
			{"servers", fmt.Sprint(replicas)},
			{"annotators at once", fmt.Sprint(annotators)},
			{"kills (SIGKILL)", fmt.Sprint(*kills)},
			{"items, all of them answered in the end", fmt.Sprint(items)},
			{"answers acknowledged, with those taken back later", fmt.Sprint(o.acked.Load())},
			{"acknowledged answers that are not in the database", fmt.Sprint(verdict.lost)},
			{"answers in the database that nobody gave, or twice", fmt.Sprint(verdict.extra)},
			{"labels in the outbox", fmt.Sprintf("%d, one of each item", verdict.labels)},
			{"lease, and items still held by the dead after it", killLease.String() + ", none"},
			{"took", took.Round(time.Second).String()},
		})
	}
}

// work goes on until every item is answered. What the dead hold comes back when its lease ends.
func work(ctx context.Context, a *annotator) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for empty := 0; ctx.Err() == nil; {
		if a.step(ctx) {
			empty = 0
			continue
		}
		if empty++; time.Duration(empty)*50*time.Millisecond > 2*killLease { // Nothing came for as long as any lease lasts.
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

func await(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the test ended before")
		}
	}
}

type verdict struct{ lost, extra, labels int }

// audit compares the database with what the clients were told.
func audit(t *testing.T, url string, o *oracle, items int) verdict {
	t.Helper()
	d, err := db.Open(t.Context(), url, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Configure(t.Context(), killDocument()); err != nil {
		t.Fatal(err)
	}
	var v verdict
	done := 0
	for after := ""; ; {
		list, next, err := d.List(t.Context(), db.Filter{State: review.Done, After: after, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range list {
			done++
			answers, err := d.Answers(t.Context(), it.ID)
			if err != nil {
				t.Fatal(err)
			}
			told := o.answers[it.ID]
			if len(answers) != 1 || len(told) != 1 || answers[0].Person != told[0] {
				t.Errorf("%s: the clients were told of answers by %q, the database holds %+v", it.ID, told, answers)
				v.lost, v.extra = v.lost+max(0, len(told)-len(answers)), v.extra+max(0, len(answers)-len(told))
			}
		}
		if after = next; after == "" {
			break
		}
	}
	if done != items {
		t.Errorf("%d of %d items are done: the others are stuck", done, items)
	}
	if _, err := d.Freeze(t.Context(), 0, 10*items); err != nil {
		t.Fatal(err)
	}
	batches, err := d.Frozen(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]int{}
	for _, b := range batches {
		for _, r := range b.Rows {
			labels[r.RecordID]++
		}
	}
	for id, n := range labels {
		if v.labels += n; n != 1 {
			t.Errorf("%s has %d labels", id, n)
		}
	}
	if len(labels) != items {
		t.Errorf("%d of %d items have a label", len(labels), items)
	}
	if _, err := d.Next(t.Context(), "somebody"); !errors.Is(err, review.ErrEmpty) {
		t.Errorf("something is left: %v", err)
	}
	return v
}

// keep writes a result.
func keep(t *testing.T, name, title string, lines [][2]string) {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n`make prove` on %s.\n\n| | |\n|---|---|\n", title, time.Now().UTC().Format("2006-01-02 15:04 MST"))
	for _, l := range lines {
		fmt.Fprintf(&b, "| %s | %s |\n", l[0], l[1])
	}
	path := fmt.Sprintf("%s/%s-%s.md", *proofDir, time.Now().UTC().Format("2006-01-02"), name)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Log(b.String())
}
