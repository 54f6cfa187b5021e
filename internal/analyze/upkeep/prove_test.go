// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/testing/freeport"
)

var (
	proofDir     = flag.String("proof", "", "the folder to write the results of the long proofs to; without it they do not run")
	proofObjects = flag.Int("objects", 100_000, "about how many objects the store of the proof holds")
)

// Files of one hour in the proof, and what each holds.
const (
	proofPredictions, proofRecords, proofProfiles = 40, 20, 20
	proofRows                                     = 5
	proofKeys                                     = 500
)

// TestProveUpkeepOfALargeStore deletes, compacts and erases in a store of 100,000 objects, with each run killed again and
// again, and compares what is left with what the rules say, computed without the store.
func TestProveUpkeepOfALargeStore(t *testing.T) {
	if *proofDir == "" {
		t.Skip("make prove runs it")
	}
	p := newProof(t)
	hours := max(60, *proofObjects/(proofPredictions+proofRecords+proofProfiles))
	// The youngest hours are as young as can be, and the oldest are past all ages: ages are spread over the hours there are.
	p.step = max(1, 52*24/hours)
	objects := p.fill(hours)
	p.line("objects", "%d, of %d hours", objects, hours)

	for _, stage := range []struct {
		name string
		run  func(f *fixture) (*Report, error)
	}{
		{"retention", func(f *fixture) (*Report, error) { r, _, err := Retention(t.Context(), f.env()); return r, err }},
		{"compaction", func(f *fixture) (*Report, error) { r, _, err := Compact(t.Context(), f.env()); return r, err }},
		{"erasure", func(f *fixture) (*Report, error) {
			p.erased = "key-7"
			r, _, err := Erase(t.Context(), f.env(), erasure.LabelKey, p.erased)
			return r, err
		}},
		{"retention again", func(f *fixture) (*Report, error) { r, _, err := Retention(t.Context(), f.env()); return r, err }},
	} {
		p.stage(stage.name, stage.run)
	}
	p.write(t)
}

// prover is the proof's store and what must be in it.
type prover struct {
	*fixture
	// folder is where the server keeps the objects. Only they are put there without asking it, which takes most of the time.
	folder *store.Bucket
	step   int
	hours  []time.Time
	// retained is when the last retention was run, erased the key of the subject that was erased.
	retained time.Time
	erased   string
	lines    [][2]string
	requests int
}

func newProof(t *testing.T) *prover {
	dir := t.TempDir()
	p := &prover{fixture: &fixture{t: t, now: now}}
	if err := os.Mkdir(filepath.Join(dir, "vedette"), 0o700); err != nil {
		t.Fatal(err)
	}
	url := "file://" + filepath.Join(dir, "vedette")
	var err error
	if p.folder, err = store.Open(t.Context(), url, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.folder.Close() })
	credentials := ""
	if program := os.Getenv("VEDETTE_VERSITYGW"); program != "" {
		url, credentials = serveS3(t, program, dir)
		p.line("store", "a real S3 server (versitygw)")
	} else {
		p.line("store", "a folder")
	}
	bucket, err := store.Open(t.Context(), url, credentials)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bucket.Close() })
	p.bucket = store.Intercept(bucket, func(string, string) error { p.requests++; return nil })
	return p
}

// serveS3 serves a folder as a bucket.
func serveS3(t *testing.T, program, dir string) (rawURL, credentials string) {
	address := freeport.Address(t)
	credentials = t.TempDir()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test-secret"} {
		if err := os.WriteFile(filepath.Join(credentials, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, program, "--port", address, "--access", "test", "--secret", "test-secret", "--quiet", "posix", dir)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = server.Wait() // It is killed.
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			break
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the S3 server does not listen")
		}
	}
	return "s3://vedette?region=us-east-1&endpoint=" + url.QueryEscape("http://"+address), credentials
}

func (p *prover) line(what, format string, args ...any) {
	p.lines = append(p.lines, [2]string{what, fmt.Sprintf(format, args...)})
	p.t.Logf("%s: "+format, append([]any{what}, args...)...)
}

// row is row i of a file of the proof: the same wherever it is asked for.
func proofRow(at time.Time, file string, i int) record.Row {
	row := rowsAt(at, file, i+1)[i]
	row.LabelKey = fmt.Sprintf("key-%d", (at.Hour()*31+at.YearDay()*17+len(file)+int(file[len(file)-1])+i*7)%proofKeys)
	return row
}

func (p *prover) fill(hours int) int {
	p.t.Helper()
	for h := range hours {
		p.hours = append(p.hours, now.Truncate(time.Hour).Add(-time.Duration(h*p.step)*time.Hour))
	}
	served := p.bucket
	p.bucket = p.folder
	defer func() { p.bucket = served }()
	inParallel(p.t, p.hours, func(at time.Time) {
		for folder, files := range map[store.Folder]int{store.Predictions: proofPredictions, store.Records: proofRecords} {
			for n := range files {
				name := fmt.Sprintf("%d-%d", at.Unix(), n)
				rows := make([]record.Row, proofRows)
				for i := range rows {
					rows[i] = proofRow(at, name, i)
				}
				p.rows(folder, "v1", at, name, rows...)
			}
		}
		for n := range proofProfiles {
			p.profiles(at, fmt.Sprintf("%d-%d", at.Unix(), n), 1)
		}
	})
	return hours * (proofPredictions + proofRecords + proofProfiles)
}

// stage runs something, killed at 1, 10, 100, … operations of the store, and then to its end.
func (p *prover) stage(name string, run func(f *fixture) (*Report, error)) {
	p.t.Helper()
	whole, kills := p.bucket, 0
	began := time.Now()
	p.requests = 0
	for limit := 7; limit < 100_000; limit *= 7 {
		left := limit
		p.bucket = store.Intercept(whole, func(string, string) error {
			p.requests++
			if left--; left < 0 {
				return errKilled
			}
			return nil
		})
		if _, err := run(p.fixture); err == nil {
			break
		}
		kills++
		p.now = p.now.Add(leaseLength) // The lease of the killed run expires.
	}
	p.bucket = whole
	if _, err := run(p.fixture); err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
	if strings.HasPrefix(name, "retention") {
		p.retained = p.now
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	p.line(name, "%s in all, killed %d times on the way, %d requests to the store; %d MiB of memory held from the system at its end",
		time.Since(began).Round(time.Second), kills, p.requests, memory.Sys>>20)
	p.compare(name)
}

// kept says whether a tier of an hour must still be there.
func (p *prover) kept(at time.Time, age time.Duration) bool {
	return p.retained.IsZero() || at.Add(time.Hour).After(p.retained.Add(-age))
}

// compare reads the whole store, and compares counts and digests with what the rules say.
func (p *prover) compare(stage string) {
	p.t.Helper()
	var files int
	var adding sync.Mutex
	for _, tier := range []struct {
		folder store.Folder
		files  int
		age    time.Duration
	}{{store.Predictions, proofPredictions, 40 * day}, {store.Records, proofRecords, 20 * day}} {
		want, got := newRowDigest(), newRowDigest()
		for _, at := range p.hours {
			if !p.kept(at, tier.age) {
				continue
			}
			for n := range tier.files {
				for i := range proofRows {
					row := proofRow(at, fmt.Sprintf("%d-%d", at.Unix(), n), i)
					if tier.folder == store.Predictions {
						row.Features, row.Request, row.Response, row.RequestSHA256 = nil, nil, nil, ""
					} else if !p.kept(at, 7*day) {
						row.Request, row.Response = nil, nil
					}
					if row.LabelKey != p.erased {
						want.add(&row)
					}
				}
			}
		}
		keys := p.keys(string(tier.folder) + "/")
		files += len(keys)
		inParallel(p.t, keys, func(key string) {
			of := newRowDigest()
			for row := range rowsOf(p.t, p.fixture, key) {
				of.add(row)
			}
			adding.Lock()
			defer adding.Unlock()
			got.merge(of)
		})
		if want.count != got.count || want.sum() != got.sum() {
			p.t.Errorf("after %s, %s holds %d rows (%s), want %d (%s)", stage, tier.folder, got.count, got.sum(), want.count, want.sum())
		}
		p.line("after "+stage+": "+string(tier.folder), "%d rows, digest %s, as the rules say", got.count, got.sum())
	}
	set := profile.NewSet(features, 1<<40)
	for _, at := range p.hours {
		if p.kept(at, 50*day) {
			for n := range proofProfiles {
				row := rowsAt(at, fmt.Sprintf("%d-%d", at.Unix(), n), 1)[0]
				set.Observe(&row)
			}
		}
	}
	var b bytes.Buffer
	if err := profile.Write(&b, set.Take(now.Add(24*time.Hour))); err != nil {
		p.t.Fatal(err)
	}
	want, got := digestOf(b.Bytes()), p.counts()
	if want != got {
		p.t.Errorf("after %s the profiles count something else than the rules say", stage)
	}
	files += len(p.keys("profiles/"))
	p.line("after "+stage+": profiles", "digest %s, as the rules say; %d objects of all tiers", got[:16], files)
}

// rowDigest is a digest of rows in whatever order they come.
type rowDigest struct {
	count int64
	bytes [sha256.Size]byte
}

func newRowDigest() *rowDigest { return &rowDigest{} }

func (d *rowDigest) add(row *record.Row) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %v %v %v %q %q %q", row.RecordID, row.RequestID, row.LabelKey, row.Time.UnixMicro(), row.Score,
		row.Features, row.Request, row.Response, row.RequestSHA256))
	d.merge(&rowDigest{count: 1, bytes: sum})
}

func (d *rowDigest) merge(other *rowDigest) {
	for i := range d.bytes {
		d.bytes[i] ^= other.bytes[i]
	}
	d.count += other.count
}

func (d *rowDigest) sum() string { return hex.EncodeToString(d.bytes[:8]) }

func (p *prover) write(t *testing.T) {
	if t.Failed() {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Retention, compaction and erasure\n\n`make prove` on %s, %d cores, %s/%s.\n\n| | |\n|---|---|\n", time.Now().UTC().Format("2006-01-02 15:04 MST"),
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	for _, line := range p.lines {
		fmt.Fprintf(&b, "| %s | %s |\n", line[0], line[1])
	}
	name := filepath.Join(*proofDir, time.Now().UTC().Format(time.DateOnly)+"-upkeep.md")
	if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
