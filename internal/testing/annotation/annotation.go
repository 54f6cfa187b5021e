// SPDX-License-Identifier: Apache-2.0

// Package annotation serves an annotation queue with items in it, for tests of what is put before people and programs: the
// page, the API, and a browser that looks at them.
package annotation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/vedette-dev/vedette/internal/feature"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/api"
	"github.com/vedette-dev/vedette/internal/review/auth"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/review/desk"
	"github.com/vedette-dev/vedette/internal/review/page"
	"github.com/vedette-dev/vedette/internal/review/rank"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Now is when the tests take place.
var Now = time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC)

// Password is that of everybody; Token is the bearer token of an admin.
const (
	Password = "a good password"
	Token    = "a-long-and-random-token"
)

// People are the local users, by name.
var People = map[string]review.Role{
	"ada": review.Annotator, "bo": review.Annotator, "cyd": review.Annotator, "rita": review.Reviewer, "max": review.Admin,
}

// Clock is one that tests move.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// Now is the time. Each look at it takes a microsecond, so that what follows is later.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(time.Microsecond)
	return c.t
}

// Set moves the clock.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

// Queue is a queue that is served.
type Queue struct {
	*db.DB
	Clock    *Clock
	Document wire.Review
	Desk     *desk.Desk
	URL      string
	Handler  http.Handler

	t     testing.TB
	files int
	keys  int
}

// New serves an empty queue of two monitors, a classifier and a regression, whose document change may alter.
func New(t testing.TB, change func(*wire.Review)) *Queue {
	t.Helper()
	q := &Queue{Clock: &Clock{t: Now}, Document: document(), t: t}
	if change != nil {
		change(&q.Document)
	}
	var err error
	if q.DB, err = db.Open(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "queue.db"), q.Clock.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.DB.Close(); err != nil {
			t.Error(err)
		}
	})
	q.Desk = desk.New(q.DB, q.Clock.Now)
	q.Configure(q.Document)
	a, err := auth.New(auth.Options{
		Sessions: q.DB, UsersFile: users(t), TokensFile: tokens(t), Clock: q.Clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	pages, err := page.New(page.Options{Desk: q.Desk, Auth: a, Clock: q.Clock.Now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	pages.Register(mux)
	api.New(api.Options{
		Desk: q.Desk, Auth: a, HashKey: func() ([]byte, error) { return []byte("key"), nil }, Clock: q.Clock.Now, Log: log,
	}).Register(mux)
	q.Handler = auth.Headers(mux)
	server := httptest.NewServer(q.Handler)
	t.Cleanup(server.Close)
	q.URL = server.URL
	return q
}

// Configure takes another document.
func (q *Queue) Configure(d wire.Review) {
	q.t.Helper()
	q.Document = d
	if err := q.DB.Configure(context.Background(), d); err != nil {
		q.t.Fatal(err)
	}
	q.Desk.Configure(d, map[string]*outlier.Summary{"fraud": summary()})
}

func users(t testing.TB) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(Password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for name, role := range People {
		fmt.Fprintf(&b, "%s:%s:%s\n", name, hash, role)
	}
	return file(t, "users", b.String())
}

func tokens(t testing.TB) string {
	t.Helper()
	sum := sha256.Sum256([]byte(Token))
	return file(t, "tokens", "ci:"+hex.EncodeToString(sum[:])+":admin\n")
}

func file(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func document() wire.Review {
	return wire.Review{
		Cluster: "eu", Namespace: "payments", Queue: "fraud-desk", Revision: "r1",
		Monitors: []wire.ReviewMonitor{
			{
				Name: "fraud", Weight: 1, Segments: []string{"new-card", "cross-border", "night"}, TraceURL: "https://traces.example/{trace_id}",
				Schema: wire.Schema{
					Features: []wire.Feature{
						{Name: "amount", Type: wire.Numeric}, {Name: "card_age_days", Type: wire.Numeric}, {Name: "hour", Type: wire.Numeric},
						{Name: "country", Type: wire.Categorical}, {Name: "merchant", Type: wire.Categorical}, {Name: "online", Type: wire.Boolean},
						{Name: "email", Type: wire.Categorical}, {Name: "memo", Type: wire.Text},
					},
					Prediction: wire.Prediction{Kind: wire.BinaryClassification, Classes: []string{"genuine", "fraud"}},
					LabelKey:   wire.LabelKey{Path: "request.id", Store: wire.LabelKeyKeyedHash},
				},
			},
			{Name: "price", Weight: 1, Schema: wire.Schema{Prediction: wire.Prediction{Kind: wire.Regression}}},
		},
		Select:   wire.ReviewSelect{Outliers: true, RandomShare: 0.1},
		Priority: wire.ReviewPriority{Uncertainty: 1, OutlierScore: 1, Rarity: 1, Age: 1},
		Budget:   wire.ReviewBudget{ItemsPerDay: 200},
		Overlap:  2, LeaseSeconds: 600, PendingSeconds: 30 * 86400, DoneSeconds: 60 * 86400,
		Redact: []string{"email"},
		Question: wire.ReviewQuestion{
			Text: "Was this payment fraud?", Comment: wire.Optional, CriticalError: wire.Optional, Escalate: wire.Optional,
		},
	}
}

// summary is the baseline of the classifier.
func summary() *outlier.Summary {
	categories := map[string]int64{"AT": 5200, "DE": 2900, "CH": 1500, "IT": 390, "LI": 10}
	return &outlier.Summary{Rows: 10_000, Features: []outlier.FeatureSummary{
		{Name: "amount", Rows: 10_000, Median: 42, MAD: 18, Min: 0.5, Max: 4200},
		{Name: "card_age_days", Rows: 9_990, Missing: 10, Median: 610, MAD: 260, Min: 0, Max: 3650},
		{Name: "hour", Rows: 10_000, Median: 14, MAD: 3, Min: 0, Max: 23},
		{Name: "country", Rows: 10_000, Categories: categories},
		{Name: "merchant", Rows: 10_000, Categories: map[string]int64{"grocery": 4100, "travel": 900, "electronics": 1600, "games": 60}, Other: 3340},
		{Name: "online", Rows: 10_000, Categories: map[string]int64{"true": 3600, "false": 6400}},
		{Name: "memo", Rows: 10_000, Median: 24, MAD: 9, Min: 0, Max: 280},
	}}
}

// Add takes candidates in, as one file of the store.
func (q *Queue) Add(candidates ...db.Candidate) {
	q.t.Helper()
	q.files++
	_, err := q.Ingest(context.Background(), db.Chunk{
		Monitor: "fraud", File: fmt.Sprintf("file-%d", q.files), Rows: int64(len(candidates)), Finished: true, Candidates: candidates,
		Records: map[string]float64{"": 10_000, "new-card": 900, "cross-border": 300, "night": 1200},
	})
	if err != nil {
		q.t.Fatal(err)
	}
}

// Key makes a new key.
func (q *Queue) Key() string {
	q.keys++
	return fmt.Sprintf("key-%d", q.keys)
}

// Say records the answer of a person to an item, whoever holds it.
func (q *Queue) Say(person, item string, l review.Label) {
	q.t.Helper()
	if _, err := q.Record(context.Background(), review.Answer{Key: q.Key(), Item: item, Person: person, Label: l, At: q.Clock.Now()}); err != nil {
		q.t.Fatal(err)
	}
}

// Class is a label.
func Class(class string) review.Label { return review.Label{Class: class, Value: math.NaN()} }

// Payment is a candidate with all that a page can show. Different numbers give different ones.
func Payment(n int) db.Candidate {
	u := func(what string) float64 { return rank.Uniform(what, fmt.Sprint(n)) }
	pick := func(what string, of ...string) string { return of[int(u(what)*float64(len(of)))] }
	score := 0.32 + 0.4*u("score")
	class := "genuine"
	if score > 0.5 {
		class = "fraud"
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "payment %d", n))
	id := hex.EncodeToString(sum[:8])
	number := func(x float64) feature.Value {
		return feature.Value{Kind: feature.Number, Num: math.Round(x*100) / 100}
	}
	text := func(s string) feature.Value { return feature.Value{Kind: feature.String, Str: s} }
	amount, country := 110+math.Exp(8*u("amount")), pick("country", "AT", "DE", "LI", "BR", "CH")
	reasons := []string{"z:amount"}
	if country == "BR" {
		reasons = append([]string{"unseen:country"}, reasons...)
	}
	if score > 0.4 && score < 0.6 {
		reasons = append(reasons, "margin")
	}
	segments := []string{"cross-border"}
	if u("segment") < 0.6 {
		segments = append(segments, "new-card")
	}
	memo := pick("memo", "Second attempt after the first card was declined; ship to a parcel locker in another country.",
		"Birthday present, please send the invoice to my office and call before you deliver.", "Top-up")
	return db.Candidate{
		Item: review.Item{
			ID: id, Monitor: "fraud", Origin: review.Outlier, Reasons: reasons, InclusionProbability: 1,
			Prediction: review.Prediction{
				Time: Now.Add(-time.Duration(20+200*u("age")) * time.Minute), RequestID: "req-" + id[:6], TraceID: hex.EncodeToString(sum[8:24]),
				LabelKey: hex.EncodeToString(sum[16:]), ModelVersion: "2026.11.2", Segments: segments, Class: class, Score: score,
				Confidence: max(score, 1-score), Entropy: 0.96, Margin: math.Abs(2*score - 1), OutlierScore: 3 + 2*u("strange"),
				Features: []review.Feature{
					{Name: "amount", Value: number(amount)}, {Name: "card_age_days", Value: number(math.Floor(40 * u("card")))},
					{Name: "hour", Value: number(math.Floor(24 * u("hour")))}, {Name: "country", Value: text(country)},
					{Name: "merchant", Value: text(pick("merchant", "electronics", "games", "travel"))},
					{Name: "online", Value: feature.Value{Kind: feature.Bool, Num: 1}}, {Name: "memo", Value: text(memo)},
				},
			},
		},
		Factors:     rank.Factors{Uncertainty: 1 - math.Abs(2*score-1), Strangeness: u("strange"), Rarity: 0.5},
		Fingerprint: uint64(rank.Uniform("fingerprint", id) * (1 << 62)),
	}
}
