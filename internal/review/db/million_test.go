// SPDX-License-Identifier: Apache-2.0

package db_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/testing/postgres"
	"github.com/vedette-dev/vedette/internal/wire"
)

var (
	proofDir   = flag.String("proof", "", "the folder to write the results of the long proofs to; without it they do not run")
	proofItems = flag.Int("items", 1_000_000, "how many items the queue of the proof holds")
)

// step is a step of a plan that looks at items, in the words of SQLite or of Postgres; allowed are those that go straight to one
// item, or to the first of a band.
var (
	step    = regexp.MustCompile(`(SCAN|SEARCH) (items|[bi])\b|(?i:scan)\b.* on items`)
	allowed = regexp.MustCompile(`USING (COVERING )?INDEX items_next|USING INDEX sqlite_autoindex_items_1 \(id=\?\)|using items_(next|pkey) on items`)
)

// The next item is found along an index, however many wait: that is what keeps it fast. It is so before the database has
// looked at how its values are distributed, and after.
func TestTheNextItemIsFoundByAnIndex(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Select.RandomShare = 1 })
		s := newTraffic(t)
		s.file(2000)
		if stats, err := readAll(t.Context(), s.reader(q.DB, q), &q.doc); err != nil || stats.Items != 2000 {
			t.Fatalf("%+v, %v", stats, err)
		}
		for _, when := range []string{"before", "after"} {
			plan, err := q.PlanOfNext(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if steps := step.FindAllString(plan, -1); len(steps) < 4 { // Postgres does not tell of the second step of the walk.
				t.Errorf("%d steps look at items, want 5: two to walk, one for the best, one for its priority, one to take it:\n%s", len(steps), plan)
			}
			for line := range strings.Lines(plan) {
				if step.MatchString(line) && !allowed.MatchString(line) {
					t.Errorf("%s ANALYZE, a step may read all items: %s", when, line)
				}
			}
			if err := q.Analyze(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

const (
	// asked is how often the next item is asked for.
	asked = 2000
	// proofFile is how many records a file holds.
	proofFile = 5000
	// wantNext bounds the 99th percentile of the time that the next item takes.
	wantNext = 50 * time.Millisecond
)

// TestProveMillion asks for the next item of a million.
func TestProveMillion(t *testing.T) {
	if *proofDir == "" {
		t.Skip("make prove runs it")
	}
	now := time.Now().UTC()
	var doc strings.Builder
	fmt.Fprintf(&doc, "# %d items in the queue\n\n`make prove` on %s, %d cores, %s/%s.\n", *proofItems, now.Format("2006-01-02 15:04 MST"), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	prove := func(name, url string) {
		t.Run(name, func(t *testing.T) {
			fmt.Fprintf(&doc, "\n## %s\n\n| | |\n|---|---|\n", name)
			for _, l := range measure(t, url) {
				fmt.Fprintf(&doc, "| %s | %s |\n", l[0], l[1])
			}
		})
	}
	prove("SQLite", sqliteURL(t))
	prove("Postgres", postgres.URL(t))
	t.Log(doc.String())
	if t.Failed() {
		return
	}
	if err := os.WriteFile(filepath.Join(*proofDir, now.Format("2006-01-02")+"-review-million.md"), []byte(doc.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func measure(t *testing.T, url string) [][2]string {
	throughput, syncs := disk(t)
	q := open(t, url, document())
	q.configure(func(r *wire.Review) {
		r.Budget = wire.ReviewBudget{ItemsPerDay: *proofItems, ItemsPerSegmentDay: *proofItems}
		r.Select.RandomShare = 1
	})
	s := newTraffic(t)
	for s.rows < *proofItems {
		s.file(min(proofFile, *proofItems-s.rows))
	}
	start := time.Now()
	if stats, err := readAll(t.Context(), s.reader(q.DB, q), &q.doc); err != nil || stats.Items != int64(*proofItems) {
		t.Fatalf("%+v, %v", stats, err)
	}
	ingest := time.Since(start)
	before := load(t)
	t.Logf("%d items came in %s; load %s", *proofItems, ingest, before)
	next, answer := q.work("ada", asked)
	if p := at(next, 0.99); p >= wantNext {
		t.Errorf("the 99th percentile of the next item is %s, want below %s; load %s before, %s after", p, wantNext, before, load(t))
	}
	var mu sync.Mutex
	var together []time.Duration
	var people sync.WaitGroup
	for i := range 8 {
		people.Go(func() {
			took, _ := q.work(fmt.Sprint("person-", i), asked/8)
			mu.Lock()
			defer mu.Unlock()
			together = append(together, took...)
		})
	}
	people.Wait()
	start = time.Now()
	if _, err := q.Health(t.Context()); err != nil {
		t.Fatal(err)
	}
	health := time.Since(start)
	return [][2]string{
		{"items waiting", fmt.Sprintf("%d, in 64 bands", *proofItems)},
		{"next item", quantiles(next)},
		{"answer", quantiles(answer)},
		{"next item, with 8 annotators at once", quantiles(together)},
		{"health of the queue", health.Round(time.Millisecond).String()},
		{"taken in", fmt.Sprintf("%.0f a second, by one reader, from files of %d records with ten features", float64(*proofItems)/ingest.Seconds(), proofFile)},
		{"the disk by itself", fmt.Sprintf("%.0f MB/s written in one piece; %.0f times a second, 4 KiB written and synced", throughput, syncs)},
		{"load of the machine (1, 5, 15 minutes)", fmt.Sprintf("%s before the first item, %s at the end", before, load(t))},
	}
}

// work takes items and answers them, and says how long each step took.
func (q *queue) work(person string, items int) (next, answer []time.Duration) {
	for i := range items {
		start := time.Now()
		c, err := q.Next(context.Background(), person)
		next = append(next, time.Since(start))
		if err != nil {
			q.Error(err)
			return next, answer
		}
		start = time.Now()
		_, err = q.Answer(context.Background(), review.Answer{Key: fmt.Sprint("work-", i), Item: c.Item.ID, Person: person, Label: says("a")})
		answer = append(answer, time.Since(start))
		if err != nil {
			q.Error(err)
			return next, answer
		}
	}
	return next, answer
}

func at(took []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[int(p*float64(len(sorted)-1))]
}

func quantiles(took []time.Duration) string {
	ms := func(p float64) string { return fmt.Sprintf("%.1f ms", float64(at(took, p))/float64(time.Millisecond)) }
	return fmt.Sprintf("p50 %s, p99 %s, max %s, of %d", ms(0.5), ms(0.99), ms(1), len(took))
}

// load is that of the machine.
func load(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown" // Only Linux says it.
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

// disk is how many megabytes a second the disk of the tests takes in one piece, and how many small writes it syncs.
func disk(t *testing.T) (throughput, syncs float64) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "speed"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(rand.Uint32())
	}
	const megabytes, small = 512, 500
	write := func(b []byte, n int, each bool) time.Duration {
		start := time.Now()
		for range n {
			if _, err := f.Write(b); err != nil {
				t.Fatal(err)
			}
			if each {
				if err := f.Sync(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		return time.Since(start)
	}
	throughput = megabytes / write(block, megabytes, false).Seconds()
	syncs = small / write(block[:4096], small, true).Seconds()
	return throughput, syncs
}
