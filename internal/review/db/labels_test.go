// SPDX-License-Identifier: Apache-2.0

package db_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/wire"
)

// publish takes everything out of the outbox, and returns it.
func (q *queue) publish() []label.Row {
	q.Helper()
	if _, err := q.Freeze(q.Context(), 0, 1000); err != nil {
		q.Fatal(err)
	}
	batches, err := q.Frozen(q.Context(), 100)
	if err != nil {
		q.Fatal(err)
	}
	var rows []label.Row
	for _, b := range batches {
		rows = append(rows, b.Rows...)
		for range 2 {
			if known, err := q.Published(q.Context(), b.Name); err != nil || !known {
				q.Fatalf("published %s: %v, %v", b.Name, known, err)
			}
		}
	}
	return rows
}

// facts are rows as "record kind class/event retracted?".
func facts(rows []label.Row) []string {
	var list []string
	for _, r := range rows {
		text := fmt.Sprintf("%s %s %s%s", r.RecordID, r.Kind, r.Class, r.Event)
		if r.Retracted {
			text += " retracted"
		}
		list = append(list, text)
	}
	slices.Sort(list) // Those of one answer have no order.
	return list
}

func TestAnAnswerBecomesALabel(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.configure(func(r *wire.Review) { r.Overlap = 3 })
		q.add(candidate("one", 0.9))
		for i, person := range []string{"bo", "ada", "cyd"} {
			a := review.Answer{Key: "k", Item: q.next(person), Person: person, Label: says([]string{"a", "b", "b"}[i])}
			a.Label.Critical, a.Label.Comment = person == "ada", []string{"", "look", "fog"}[i]
			if _, err := q.Answer(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		}
		rows := q.publish()
		if d := cmp.Diff([]string{"one event critical_error", "one truth b"}, facts(rows)); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		r := rows[slices.IndexFunc(rows, func(r label.Row) bool { return r.Kind == label.Truth })]
		if err := r.Validate(); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff([]string{"ada", "bo", "cyd"}, r.Annotators); d != "" || r.Agreement < 0.66 || r.Agreement > 0.67 || r.Comment != "look\nfog" ||
			r.Queue != "desk" || r.Source != label.SourceReview || !r.PredictionTime.Equal(noon.Add(-time.Hour)) || rows[0].ID == rows[1].ID {
			t.Errorf("the label is %+v", r)
		}
		if h, err := q.Health(t.Context()); err != nil || h.Published != 2 || h.Unpublished != 0 {
			t.Errorf("published %d, waiting %d, %v", h.Published, h.Unpublished, err)
		}
		if again := q.publish(); len(again) != 0 {
			t.Errorf("published once more: %v", facts(again))
		}
	})
}

// TestALabelSaysHowItsPredictionWasChosen looks at what estimates are weighed by: an outlier is always an item, the others are by
// the share of the random slice among the records that are kept. What comes from elsewhere was chosen by nobody.
func TestALabelSaysHowItsPredictionWasChosen(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		chance := candidate("chance", 0.1)
		chance.Item.Origin, chance.Item.InclusionProbability = review.Random, 0.05*0.01
		q.add(candidate("outlier", 0.9), chance)
		for range 2 {
			id := q.next("ada")
			a := review.Answer{Key: q.key(), Item: id, Person: "ada", Label: says("a")}
			a.Label.Critical = true
			if _, err := q.Answer(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		}
		r := label.Row{RequestID: "elsewhere", Kind: label.Truth, Class: "b", Value: nan, Amount: nan, Agreement: nan, Selection: nan, Received: noon, Source: label.SourceAPI}
		r.Identify("elsewhere")
		if err := q.Post(t.Context(), "fraud", []label.Row{r}); err != nil {
			t.Fatal(err)
		}
		want := map[string]float64{"outlier": 1, "chance": 0.05 * 0.01, "": nan}
		rows := q.publish()
		if len(rows) != 5 {
			t.Errorf("published %v", facts(rows))
		}
		for _, r := range rows {
			if got, want := r.Selection, want[r.RecordID]; got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Errorf("%s %s was chosen with probability %v, want %v", r.RecordID, r.Kind, got, want)
			}
		}
	})
}

func TestWhatIsTakenBackInTimeIsNeverPublished(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.add(candidate("one", 0.9))
		q.answer("ada", q.next("ada"), "a")
		if n, err := q.Freeze(t.Context(), time.Minute, 100); err != nil || n != 0 {
			t.Errorf("frozen before its time: %d, %v", n, err)
		}
		if _, err := q.Undo(t.Context(), "ada", "u"); err != nil {
			t.Fatal(err)
		}
		q.answer("ada", q.next("ada"), "b")
		if d := cmp.Diff([]string{"one truth b"}, facts(q.publish())); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func TestWhatWasPublishedIsCorrectedOrRetracted(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.add(candidate("one", 0.9))
		a := review.Answer{Key: "k", Item: q.next("ada"), Person: "ada", Label: says("a")}
		a.Label.Critical = true
		if _, err := q.Answer(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		all := q.publish()
		if _, err := q.Undo(t.Context(), "ada", "u"); err != nil {
			t.Fatal(err)
		}
		retractions := q.publish()
		if d := cmp.Diff([]string{"one event critical_error retracted", "one truth  retracted"}, facts(retractions)); d != "" {
			t.Errorf("after the undo (-want +got):\n%s", d)
		}
		q.answer("ada", q.next("ada"), "b")
		corrected := q.publish()
		current := label.NewCurrent()
		for _, r := range append(append(all, retractions...), corrected...) {
			if err := r.Validate(); err != nil {
				t.Error(err)
			}
			current.Add(r)
		}
		if d := cmp.Diff([]string{"one truth b"}, facts(current.Rows())); d != "" || current.Repeated != 0 {
			t.Errorf("what holds at last (-want +got):\n%s", d)
		}
	})
}

func TestAnUndoBetweenFreezeAndUploadIsACorrection(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.add(candidate("one", 0.9))
		q.answer("ada", q.next("ada"), "a")
		if n, err := q.Freeze(t.Context(), 0, 100); err != nil || n != 1 {
			t.Fatalf("frozen: %d, %v", n, err)
		}
		before, err := q.Frozen(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := q.Undo(t.Context(), "ada", "u"); err != nil {
			t.Fatal(err)
		}
		after, err := q.Frozen(t.Context(), 10)
		if err != nil || len(after) != 1 || !cmp.Equal(facts(before[0].Rows), facts(after[0].Rows)) || before[0].Name != after[0].Name {
			t.Errorf("the batch changed: %v, %v, %v", before, after, err)
		}
		if d := cmp.Diff([]string{"one truth  retracted", "one truth a"}, facts(q.publish())); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

func TestLabelsFromElsewhereGoTheSameWay(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		r := label.Row{
			LabelKey: "tx-1", Instance: -1, Kind: label.Truth, Class: "b", Value: nan, Amount: nan, Agreement: nan, Received: noon, Source: label.SourceAPI,
		}
		r.Identify("tx-1")
		for range 2 {
			if err := q.Post(t.Context(), "fraud", []label.Row{r}); err != nil {
				t.Fatal(err)
			}
		}
		rows := q.publish()
		if len(rows) != 1 || rows[0].LabelKey != "tx-1" || rows[0].Source != label.SourceAPI {
			t.Errorf("published %+v", rows)
		}
	})
}

func TestEraseLeavesNothingOfTheSubject(t *testing.T) {
	both(t, func(t *testing.T, q *queue) {
		q.add(candidate("his", 0.9), candidate("hers", 0.8), candidate("theirs", 0.7))
		q.answer("ada", q.next("ada"), "a")
		q.answer("ada", q.next("ada"), "b")
		if _, err := q.Freeze(t.Context(), 0, 100); err != nil {
			t.Fatal(err)
		}
		batches, err := q.Frozen(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		subject := db.Subject{
			Monitor: "fraud", Records: []string{"his too"},
			Matches: func(_, key, _ string) bool { return key == "key-his" },
		}
		erased, err := q.Erase(t.Context(), subject)
		if err != nil || erased != (db.Erased{Items: 1, Answers: 1, Labels: 1}) {
			t.Fatalf("erased %+v, %v", erased, err)
		}
		if erased, err := q.Erase(t.Context(), subject); err != nil || erased != (db.Erased{}) {
			t.Errorf("erased again %+v, %v", erased, err)
		}
		doomed, err := q.Doomed(t.Context(), "fraud")
		if err != nil || len(doomed) != 1 || doomed[0].Name != batches[0].Name || !doomed[0].Frozen.Equal(batches[0].Frozen) {
			t.Errorf("doomed: %+v, %v", doomed, err)
		}
		if known, err := q.Published(t.Context(), batches[0].Name); err != nil || known {
			t.Errorf("a batch that was taken apart is known: %v, %v", known, err)
		}
		if err := q.Deleted(t.Context(), batches[0].Name); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{"hers truth b"}, facts(q.publish())); d != "" {
			t.Errorf("published (-want +got):\n%s", d)
		}
		if added := q.add(candidate("his", 0.9), candidate("his too", 0.9)); added.Items != 0 || added.Known != 2 {
			t.Errorf("it came back: %+v", added)
		}
		if _, err := q.Undo(t.Context(), "ada", "u"); err != nil {
			t.Error(err)
		}
		q.state("hers", review.Pending)
	})
}
