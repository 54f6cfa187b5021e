// SPDX-License-Identifier: Apache-2.0

package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestTheBestItemComesFirstAndStaysUntilItIsAnswered(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.empty("ada", review.ErrEmpty)
		q.add(candidate("low", 0.1), candidate("high", 0.9), candidate("mid", 0.5))
		if got := []string{q.next("ada"), q.next("ada"), q.next("bo")}; !slices.Equal(got, []string{"high", "high", "mid"}) {
			t.Fatalf("ada, ada and bo get %q", got)
		}
		it := q.answer("ada", "high", "b")
		want := says("b")
		if it.State != review.Done || !cmp.Equal(it.Label, &want, cmpopts.EquateNaNs()) {
			t.Errorf("the item is %q with %+v", it.State, it.Label)
		}
		if got := q.next("ada"); got != "low" {
			t.Errorf("then ada gets %q", got)
		}
		q.empty("cyd", review.ErrEmpty) // the others are held
	})
}

func TestWhatWasPutInComesOut(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		c := candidate("one", 0.4, "new", "rich")
		c.Item.Rules, c.Item.Prediction.Scores = []string{"big"}, []float64{0.2, 0.8, nan}
		c.Item.Prediction.TraceID, c.Item.Prediction.Violations = "t1", []string{"amount:range"}
		c.Item.Prediction.Features = append(c.Item.Prediction.Features, review.Feature{Name: "note"})
		c.Item.Prediction.Features[0].Value.Str = ""
		q.add(c)
		got := q.state("one", review.Pending)
		want := c.Item
		want.State, want.Priority, want.Added = got.State, got.Priority, got.Added // The queue decides on these.
		if d := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateApproxTime(time.Microsecond)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if _, err := q.Item(t.Context(), "two"); !errors.Is(err, review.ErrNotFound) {
			t.Errorf("an item that is not there: %v", err)
		}
	})
}

func TestAgeCountsLikeTheRest(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.add(candidate("old", 0.5))
		q.pass(10 * 24 * time.Hour) // a third of the time that an item may wait
		q.add(candidate("new", 0.8), candidate("newer", 0.9))
		if got := []string{q.next("ada"), q.next("bo"), q.next("cyd")}; !slices.Equal(got, []string{"newer", "old", "new"}) {
			t.Errorf("they get %q", got)
		}
	})
}

func TestALeaseEnds(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.add(candidate("one", 0.5))
		q.next("ada")
		q.empty("bo", review.ErrEmpty)
		q.pass(11 * time.Minute)
		if got := q.next("bo"); got != "one" {
			t.Fatalf("bo gets %q after ada's lease ran out", got)
		}
		if _, err := q.Answer(t.Context(), review.Answer{Key: q.key(), Item: "one", Person: "ada", Label: says("a")}); !errors.Is(err, review.ErrLease) {
			t.Errorf("ada answers what bo holds: %v", err)
		}
		q.pass(11 * time.Minute)
		q.answer("bo", "one", "a") // it ran out, but nobody wanted the item
		q.state("one", review.Done)
	})
}

func TestNobodyAnswersWhatTheyDoNotHoldOrWhatDoesNotFit(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Question.CriticalError = wire.Hidden })
		q.add(candidate("one", 0.5), candidate("two", 0.4))
		q.next("ada")
		answer := func(change func(*review.Answer)) review.Answer {
			a := review.Answer{Key: q.key(), Item: "one", Person: "ada", Label: says("a")}
			change(&a)
			return a
		}
		for name, tc := range map[string]struct {
			answer review.Answer
			want   error
		}{
			"another's item":              {answer(func(a *review.Answer) { a.Person = "bo" }), review.ErrLease},
			"an item that is not held":    {answer(func(a *review.Answer) { a.Item = "two" }), review.ErrLease},
			"no such item":                {answer(func(a *review.Answer) { a.Item = "three" }), review.ErrNotFound},
			"no such label":               {answer(func(a *review.Answer) { a.Label.Class = "z" }), review.ErrInvalid},
			"a number instead of a label": {answer(func(a *review.Answer) { a.Label = review.Label{Value: 1} }), review.ErrInvalid},
			"nothing":                     {answer(func(a *review.Answer) { a.Label = says("") }), review.ErrInvalid},
			"what the queue hides":        {answer(func(a *review.Answer) { a.Label.Critical = true }), review.ErrInvalid},
			"without a key":               {answer(func(a *review.Answer) { a.Key = "" }), review.ErrInvalid},
			"with an endless key":         {answer(func(a *review.Answer) { a.Key = strings.Repeat("k", 129) }), review.ErrInvalid},
			"a person without a name":     {answer(func(a *review.Answer) { a.Person = "" }), review.ErrInvalid},
		} {
			if _, err := q.Answer(t.Context(), tc.answer); !errors.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", name, err, tc.want)
			}
		}
		q.state("one", review.Pending)
		if list, err := q.Answers(t.Context(), "one"); err != nil || len(list) != 0 {
			t.Errorf("the refused answers left %v, %v", list, err)
		}
	})
}

func TestARepeatedRequestCountsOnce(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.add(candidate("one", 0.5), candidate("two", 0.4))
		q.next("ada")
		a := review.Answer{Key: "same", Item: "one", Person: "ada", Label: says("a")}
		for range 3 {
			if it, err := q.Answer(t.Context(), a); err != nil || it.State != review.Done {
				t.Fatalf("the item is %q, %v", it.State, err)
			}
		}
		a.Label.Class = "b"
		if _, err := q.Answer(t.Context(), a); !errors.Is(err, db.ErrKeyReused) {
			t.Errorf("the same key with another answer: %v", err)
		}
		for range 3 {
			if _, err := q.Undo(t.Context(), "ada", "undo"); err != nil {
				t.Fatal(err)
			}
		}
		q.state("one", review.Pending)
		if h, err := q.Health(t.Context()); err != nil || !cmp.Equal(h.Answers, map[string]int64{"answer": 1, "undo": 1}) {
			t.Errorf("counted %v, %v", h.Answers, err)
		}
	})
}

func TestManyAtOnceNeverShareAnItem(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		const items, people = 60, 12
		var all []db.Candidate
		for i := range items {
			all = append(all, candidate(fmt.Sprintf("i%03d", i), float64(i)/items))
		}
		q.add(all...)
		replicas := []*db.DB{q.DB, q.again()}
		var mu sync.Mutex
		var wg sync.WaitGroup
		got := map[string]int{}
		for p := range people {
			d, person := replicas[p%2], fmt.Sprintf("p%02d", p)
			wg.Go(func() {
				for n := 0; ; n++ {
					c, err := d.Next(context.Background(), person)
					if errors.Is(err, review.ErrEmpty) {
						return
					}
					if err == nil {
						_, err = d.Answer(context.Background(), review.Answer{Key: fmt.Sprint(n), Item: c.Item.ID, Person: person, Label: says("a")})
					}
					if err != nil {
						t.Errorf("%s: %v", person, err)
						return
					}
					mu.Lock()
					got[c.Item.ID]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for id, n := range got {
			if n != 1 {
				t.Errorf("%s was answered %d times", id, n)
			}
		}
		if len(got) != items {
			t.Errorf("%d of %d items were answered", len(got), items)
		}
	})
}

func TestOverlap(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Overlap = 3 })
		q.add(candidate("one", 0.9), candidate("two", 0.1))
		for _, person := range []string{"ada", "bo", "cyd"} {
			if got := q.next(person); got != "one" {
				t.Fatalf("%s gets %q", person, got)
			}
		}
		if got := q.next("dee"); got != "two" {
			t.Fatalf("the fourth gets %q: three hold the first", got)
		}
		q.answer("ada", "one", "a")
		if got := q.next("ada"); got != "two" {
			t.Fatalf("ada gets %q after she answered the first", got)
		}
		q.answer("bo", "one", "b")
		q.state("one", review.Pending)
		it := q.answer("cyd", "one", "b")
		if it.State != review.Done || it.Label.Class != "b" {
			t.Errorf("two of three say b: %q, %+v", it.State, it.Label)
		}
	})
}

func TestAConflictIsSettledByAReviewer(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Overlap = 2 })
		q.add(candidate("one", 0.9))
		q.next("ada")
		q.next("bo")
		q.answer("ada", "one", "a")
		q.answer("bo", "one", "b")
		q.state("one", review.Conflict)
		q.empty("cyd", review.ErrEmpty)
		list, next, err := q.List(t.Context(), db.Filter{State: review.Conflict, Limit: 10})
		if err != nil || len(list) != 1 || next != "" {
			t.Fatalf("conflicts: %v, %q, %v", list, next, err)
		}
		settle := review.Answer{Key: "s", Item: "one", Person: "bo", Label: says("a")}
		if it, err := q.Settle(t.Context(), settle); err != nil || it.State != review.Done || it.Label.Class != "a" {
			t.Fatalf("settled as %q %+v, %v", it.State, it.Label, err)
		}
		settle.Key = "again"
		if _, err := q.Settle(t.Context(), settle); !errors.Is(err, review.ErrAnswered) {
			t.Errorf("settled twice: %v", err)
		}
		if _, err := q.Undo(t.Context(), "ada", "u"); !errors.Is(err, review.ErrNothingToUndo) {
			t.Errorf("ada takes back what was settled: %v", err)
		}
		if it, err := q.Undo(t.Context(), "bo", "u"); err != nil || it.State != review.Conflict {
			t.Errorf("the reviewer takes the word back: %q, %v", it.State, err)
		}
		list, _, _ = q.List(t.Context(), db.Filter{State: review.Conflict, Limit: 10})
		if len(list) != 1 {
			t.Errorf("conflicts then: %v", list)
		}
	})
}

func TestSkipsAndEscalations(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.add(candidate("hard", 0.9), candidate("easy", 0.1))
		skip := func(person string) review.Item {
			t.Helper()
			it, err := q.Answer(t.Context(), review.Answer{Key: q.key(), Item: q.next(person), Person: person, Skipped: true})
			if err != nil {
				t.Fatal(err)
			}
			return it
		}
		skip("ada")
		if got := q.next("ada"); got != "easy" {
			t.Errorf("after the skip ada gets %q", got)
		}
		skip("bo")
		if it := skip("cyd"); it.ID != "hard" || it.State != review.Conflict {
			t.Errorf("three people skipped %q, it is %q", it.ID, it.State)
		}
		a := review.Answer{Key: q.key(), Item: "easy", Person: "ada", Label: says("")}
		a.Label.Escalated = true
		if it, err := q.Answer(t.Context(), a); err != nil || it.State != review.Conflict {
			t.Errorf("the escalated item is %q, %v", it.State, err)
		}
	})
}

func TestUndoGivesTheItemBack(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.add(candidate("one", 0.9), candidate("two", 0.5), candidate("three", 0.1))
		if _, err := q.Undo(t.Context(), "ada", "nothing"); !errors.Is(err, review.ErrNothingToUndo) {
			t.Errorf("nothing was answered: %v", err)
		}
		q.answer("ada", q.next("ada"), "a")
		q.answer("ada", q.next("ada"), "b")
		q.next("ada")
		for i, want := range []string{"two", "one"} {
			it, err := q.Undo(t.Context(), "ada", fmt.Sprint("undo", i))
			if err != nil || it.ID != want || it.State != review.Pending || it.Label != nil {
				t.Fatalf("taken back: %q, %q, %v; want %q", it.ID, it.State, err, want)
			}
			if got := q.next("ada"); got != want {
				t.Fatalf("then ada gets %q, want %q", got, want)
			}
		}
		q.answer("ada", "one", "c")
		if it := q.state("one", review.Done); it.Label.Class != "c" {
			t.Errorf("answered anew: %+v", it.Label)
		}
	})
}

func TestTheBudgetBoundsWhatIsBegun(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Overlap, r.Budget.ItemsPerDay = 2, 3 })
		var all []db.Candidate
		for i := range 6 {
			all = append(all, candidate(fmt.Sprint(i), float64(i)/10))
		}
		q.add(all...)
		for range 3 {
			q.answer("ada", q.next("ada"), "a")
		}
		q.empty("ada", review.ErrBudget)
		if got := q.next("bo"); got != "5" {
			t.Errorf("bo goes on with %q, want what was begun", got)
		}
		h, err := q.Health(t.Context())
		if err != nil || h.BudgetLeft != 0 || h.Offered != 3 {
			t.Errorf("offered %d, left %d, %v", h.Offered, h.BudgetLeft, err)
		}
		q.pass(12 * time.Hour) // the next day, UTC
		q.next("ada")
	})
}

func TestTheBudgetOfASegmentLeavesTheRestOpen(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Budget.ItemsPerSegmentDay = 1 })
		q.add(candidate("a", 0.9, "new"), candidate("b", 0.8, "new", "rich"), candidate("c", 0.7, "rich"), candidate("d", 0.1))
		var got []string
		for range 3 {
			id := q.next("ada")
			got = append(got, id)
			q.answer("ada", id, "a")
		}
		if !slices.Equal(got, []string{"a", "c", "d"}) {
			t.Errorf("ada gets %q", got)
		}
		q.empty("ada", review.ErrBudget)
	})
}

func TestTheBudgetHoldsWhenManyAskAtOnce(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Budget.ItemsPerDay = 5 })
		var all []db.Candidate
		for i := range 20 {
			c := candidate(fmt.Sprint(i), 0.5)
			if i%2 == 0 {
				c.Item.Origin = review.Random
			}
			all = append(all, c)
		}
		q.add(all...)
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := map[string]bool{}
		for p := range 12 {
			wg.Go(func() {
				c, err := q.Next(context.Background(), fmt.Sprint("p", p))
				if err != nil && !errors.Is(err, review.ErrBudget) {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					got[c.Item.ID] = true
				}
			})
		}
		wg.Wait()
		if len(got) != 5 {
			t.Errorf("%d items were begun with a budget of 5", len(got))
		}
	})
}

func TestTheRandomSliceComesEveryFifthTime(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		var all []db.Candidate
		for i := range 20 {
			c := candidate(fmt.Sprint("r", i), 0.5)
			c.Item.Origin = review.Random
			all = append(all, candidate(fmt.Sprint("o", i), 0.5), c)
		}
		q.add(all...)
		var got strings.Builder
		for range 25 {
			id := q.next("ada")
			got.WriteByte(id[0])
			q.answer("ada", id, "a")
		}
		if want := strings.Repeat("oooor", 5); got.String() != want {
			t.Errorf("they come as %s, want %s", got.String(), want)
		}
	})
}

func TestWhatWasBegunIsFinishedFirst(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Overlap = 2 })
		var all []db.Candidate
		for i := range 20 {
			c := candidate(fmt.Sprint("r", i), 0.1)
			c.Item.Origin = review.Random
			all = append(all, candidate(fmt.Sprint("o", i), 0.5), c)
		}
		q.add(all...)
		answer := func(person string) (ids []string) {
			for range 10 {
				id := q.next(person)
				ids = append(ids, id)
				q.answer(person, id, "a")
			}
			slices.Sort(ids)
			return ids
		}
		ada := answer("ada")
		q.add(candidate("urgent", 0.9))
		if bo := answer("bo"); !slices.Equal(ada, bo) {
			t.Errorf("ada has answered %v, and bo %v", ada, bo)
		}
		if got := q.next("bo"); got != "urgent" {
			t.Errorf("then comes %s", got)
		}
	})
}

func TestItemsOfAMonitorThatLeftWait(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.add(candidate("one", 0.5))
		q.next("ada")
		monitors := q.doc.Monitors
		q.configure(func(r *wire.Review) { r.Monitors = nil })
		q.empty("ada", review.ErrEmpty)
		q.configure(func(r *wire.Review) { r.Monitors = monitors })
		q.next("ada")
	})
}

func TestADatabaseBelongsToOneQueue(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		other := q.doc
		other.Queue = "another"
		if err := q.Configure(t.Context(), other); !errors.Is(err, db.ErrOtherQueue) {
			t.Errorf("another queue: %v", err)
		}
	})
}

func TestAnswersFromElsewhere(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.add(candidate("one", 0.5))
		a := review.Answer{Key: "task-1", Item: "one", Person: "tool:ada", Label: says("b")}
		for range 2 {
			if it, err := q.Record(t.Context(), a); err != nil || it.State != review.Done {
				t.Fatalf("recorded: %q, %v", it.State, err)
			}
		}
		a.Key = "task-2"
		if _, err := q.Record(t.Context(), a); !errors.Is(err, review.ErrAnswered) {
			t.Errorf("recorded once more: %v", err)
		}
	})
}

func TestRerank(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Priority.Rules = []wire.ReviewRule{{Name: "vip", Weight: 0.1}} })
		c := candidate("vip", 0.1)
		c.Item.Rules = []string{"vip"}
		q.add(candidate("unsure", 0.9), c)
		q.configure(func(r *wire.Review) { r.Revision, r.Priority.Rules[0].Weight = "r2", 3 })
		for after := ""; ; {
			last, err := q.Rerank(t.Context(), after)
			if err != nil {
				t.Fatal(err)
			}
			if after = last; last == "" {
				break
			}
		}
		if got := q.next("ada"); got != "vip" {
			t.Errorf("after the rule's weight grew, ada gets %q", got)
		}
	})
}
