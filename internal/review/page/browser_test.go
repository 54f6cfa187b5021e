// SPDX-License-Identifier: Apache-2.0

package page_test

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/testing/annotation"
	"github.com/vedette-dev/vedette/internal/testing/browser"
	"github.com/vedette-dev/vedette/internal/wire"
)

var update = flag.Bool("update", false, "write the pictures into docs/images")

// pictures is where pictures go: into the documentation only when told so.
func pictures(t *testing.T) string {
	if *update {
		return filepath.Join("..", "..", "..", "docs", "images", "review")
	}
	return t.TempDir()
}

func signIn(b *browser.Browser, q *annotation.Queue, name string) {
	b.Go(q.URL)
	b.Leave(
		chromedp.SendKeys(chromedp.CSS("input[name=name]"), name),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), annotation.Password),
		chromedp.Submit(chromedp.CSS("input[name=password]")),
	)
}

// TestTheKeyboardIsEnough answers items without a mouse: a label, a comment, a critical error, skip, escalate, undo.
func TestTheKeyboardIsEnough(t *testing.T) {
	q := annotation.New(t, func(d *wire.Review) { d.Overlap = 1 })
	for n := range 8 {
		q.Add(annotation.Payment(n))
	}
	b := browser.New(t)
	signIn(b, q, "ada")
	b.Want("h1", "8 items wait for an answer")

	b.Follow("n")
	b.Want("h1", "Was this payment fraud?")
	first := itemAt(b)
	b.Press("x")
	b.Press("c")
	b.Press("1 is a digit here, and x a letter")
	b.Press(browser.Escape)
	b.Follow("2")
	b.Want("[role=status]", "Saved: fraud, critical.")
	if itemAt(b) == first {
		t.Fatal("the same item again")
	}
	got := answerOf(t, q, first, "ada")
	if got.Label.Class != "fraud" || !got.Label.Critical || got.Label.Comment != "1 is a digit here, and x a letter" {
		t.Fatalf("the answer is %+v", got.Label)
	}

	b.Follow("u")
	if itemAt(b) != first {
		t.Fatalf("undo leads to %s, want %s", itemAt(b), first)
	}
	if state(t, q, first) != review.Pending {
		t.Fatal("the answer was not taken back")
	}
	b.Follow("1")
	b.Want("[role=status]", "Saved: genuine.")
	skipped := itemAt(b)
	b.Follow("s")
	b.Want("[role=status]", "Skipped.")
	if got := answerOf(t, q, skipped, "ada"); !got.Skipped {
		t.Fatalf("the answer is %+v", got)
	}
	escalated := itemAt(b)
	b.Follow("e")
	b.Want("[role=status]", "Saved: escalated.")
	if state(t, q, escalated) != review.Conflict {
		t.Fatalf("the item is %s", state(t, q, escalated))
	}
	b.Press("?")
	b.Want("footer details[open]", "choose a label")
	b.Follow("p")
	b.Want("h1", "Progress")
	b.Follow("q")
	b.Want("h1", "wait for an answer")
}

// TestKeysCanBeTurnedOff is for those who dictate, whose words would press keys.
func TestKeysCanBeTurnedOff(t *testing.T) {
	q := annotation.New(t, nil)
	q.Add(annotation.Payment(1))
	b := browser.New(t)
	signIn(b, q, "ada")
	b.Press("?")
	b.Do(chromedp.Click(chromedp.CSS("#keys-on")))
	before := b.URL()
	b.Press("n")
	b.Press("p")
	b.Want("h1", "1 item waits for an answer")
	if b.URL() != before {
		t.Errorf("a key leads to %s", b.URL())
	}
}

// TestAConflictIsAdjudicated lets two people disagree, and a reviewer decide.
func TestAConflictIsAdjudicated(t *testing.T) {
	q := annotation.New(t, nil)
	p := annotation.Payment(3)
	q.Add(p)
	q.Say("ada", p.Item.ID, annotation.Class("fraud"))
	q.Say("bo", p.Item.ID, annotation.Class("genuine"))
	b := browser.New(t)
	signIn(b, q, "rita")
	b.Go(q.URL + "/?state=conflict")
	b.Leave(chromedp.Click(chromedp.CSS("tbody a")))
	b.Want(".answer h2", "Adjudicate the conflict")
	b.Want("#answers + ul", "ada")
	b.Follow("2")
	if it, err := q.Item(context.Background(), p.Item.ID); err != nil || it.State != review.Done || it.Label.Class != "fraud" {
		t.Errorf("the item is %+v, %v", it, err)
	}
}

// TestPagesLookRightAndExcludeNobody looks at every page in light, dark and narrow, and checks each with axe-core.
func TestPagesLookRightAndExcludeNobody(t *testing.T) {
	q := annotation.New(t, nil)
	past(q)
	waiting := []string{}
	for n := 100; n < 112; n++ {
		p := annotation.Payment(n)
		q.Add(p)
		q.Clock.Set(q.Clock.Now().Add(7 * time.Minute))
		waiting = append(waiting, p.Item.ID)
	}
	b := browser.New(t)
	dir := pictures(t)
	check := func(name, as string, to func()) {
		b.As(browser.Looks[as])
		to()
		b.Fits(name + " " + as)
		b.Accessible(name + " " + as)
	}
	look := func(name string, to func()) {
		for as := range browser.Looks {
			check(name, as, to)
			b.Screenshot(filepath.Join(dir, fmt.Sprintf("%s-%s.png", name, as)))
		}
	}
	look("signin", func() { b.Go(q.URL + "/sign-in") })
	signIn(b, q, "rita")
	look("queue", func() { b.Go(q.URL) })
	b.Follow("n")
	item := b.URL()
	look("item", func() { b.Go(item) })
	look("progress", func() { b.Go(q.URL + "/progress") })
	check("done", "dark", func() { b.Go(q.URL + "/?state=done") })
	check("nothing", "light", func() { b.Go(q.URL + "/?state=expired") })
	check("problem", "narrow", func() { b.Go(q.URL + "/items/none") })
	check("held by another", "narrow", func() { b.Go(q.URL + "/items/" + waiting[3]) })
}

// past is a month in which people worked.
func past(q *annotation.Queue) {
	n := 0
	for day := 24; day > 0; day-- {
		start := annotation.Now.AddDate(0, 0, -day)
		if wd := start.Weekday(); wd == time.Saturday || wd == time.Sunday {
			continue
		}
		for range 3 + (day*7)%6 {
			n++
			q.Clock.Set(start.Add(time.Duration(n%8) * time.Hour))
			p := annotation.Payment(n)
			q.Add(p)
			people := []string{"ada", "bo", "cyd"}
			first, second := people[n%3], people[(n+1)%3]
			answer := annotation.Class(p.Item.Prediction.Class)
			if n%5 == 0 {
				answer = annotation.Class(map[string]string{"fraud": "genuine", "genuine": "fraud"}[answer.Class])
				answer.Critical = n%10 == 0
			}
			q.Say(first, p.Item.ID, answer)
			if n%17 == 0 {
				answer.Class = map[string]string{"fraud": "genuine", "genuine": "fraud"}[answer.Class]
			}
			q.Say(second, p.Item.ID, answer)
		}
	}
	q.Clock.Set(annotation.Now)
}

func itemAt(b *browser.Browser) string {
	_, rest, _ := strings.Cut(b.URL(), "/items/")
	id, _, _ := strings.Cut(rest, "?")
	return id
}

func answerOf(t *testing.T, q *annotation.Queue, item, person string) review.Answer {
	t.Helper()
	answers, err := q.Answers(t.Context(), item)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		if a.Person == person {
			return a
		}
	}
	t.Fatalf("%s has not answered %s: %v", person, item, answers)
	return review.Answer{}
}

func state(t *testing.T, q *annotation.Queue, item string) review.State {
	t.Helper()
	it, err := q.Item(t.Context(), item)
	if err != nil {
		t.Fatal(err)
	}
	return it.State
}
