// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"slices"

	"github.com/chromedp/chromedp"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/testing/browser"
	"github.com/vedette-dev/vedette/test/modelserver/model"
)

// key is the key for the right answer: classes are offered in the order of the schema.
func (l *loop) key(item string) string {
	if l.flights[l.items[item].Prediction.LabelKey].Late() {
		return "2"
	}
	return "1"
}

// other is the other key.
func other(key string) string { return map[string]string{"1": "2", "2": "1"}[key] }

// answered has ada and bo answer the same items from the keyboard, with one answer that ada takes back and one in which bo
// disagrees, which rita adjudicates.
func (l *loop) answered() {
	l.Helper()
	ada := l.signedIn("ada")
	ada.Follow("n")
	for len(l.done) < labelled {
		item := l.item(ada)
		if len(l.done) == 3 {
			ada.Follow(other(l.key(item)))
			ada.Follow("u")
			if got := l.item(ada); got != item {
				l.Fatalf("undo leads to %s, want %s", got, item)
			}
		}
		l.done = append(l.done, item)
		ada.Follow(l.key(item))
	}
	bo := l.signedIn("bo")
	bo.Follow("n")
	seen := map[string]bool{}
	// What ada was shown last, and has not answered, is begun as well.
	for len(seen) <= labelled {
		item := l.item(bo)
		key := l.key(item)
		if len(seen) == 0 {
			key = other(key)
		}
		seen[item] = true
		bo.Follow(key)
	}
	for _, item := range l.done {
		if !seen[item] {
			l.Errorf("bo was not given %s, which ada has answered", item)
		}
	}
	rita := l.signedIn("rita")
	rita.Go(l.url + "/?state=conflict")
	rita.Leave(chromedp.Click(chromedp.CSS("tbody a")))
	conflict := l.item(rita)
	if !slices.Contains(l.done, conflict) {
		l.Fatalf("the conflict is about %s, which nobody has answered", conflict)
	}
	rita.Follow(l.key(conflict))
}

// item is the item that a browser is at.
func (l *loop) item(b *browser.Browser) string {
	l.Helper()
	at, err := url.Parse(b.URL())
	if err != nil {
		l.Fatal(err)
	}
	return path.Base(at.Path)
}

func (l *loop) signedIn(name string) *browser.Browser {
	b := browser.New(l.T)
	b.Go(l.url)
	b.Leave(
		chromedp.SendKeys(chromedp.CSS("input[name=name]"), name),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), password),
		chromedp.Submit(chromedp.CSS("input[name=password]")))
	return b
}

// published waits until the answers are labels in the store: each once, and right.
func (l *loop) published() {
	l.Helper()
	bucket := l.bucket()
	l.until(startTimeout, "the answers in the store", func(ctx context.Context) (bool, string, error) {
		current := label.NewCurrent()
		for file, err := range bucket.List(ctx, l.layout().AllLabels()) {
			if err != nil {
				return false, "", err
			}
			object, err := bucket.Open(ctx, file.Key)
			if err != nil {
				return false, "", err
			}
			for r, err := range label.Read(object, object.Size()) {
				if err != nil {
					return false, "", err
				}
				if r.Source == label.SourceReview {
					current.Add(*r)
				}
			}
		}
		classes := map[string]string{}
		for _, r := range current.Rows() {
			if r.Kind == label.Truth {
				classes[r.RecordID] = r.Class
			}
		}
		for _, item := range l.done {
			want := model.OnTime
			if l.key(item) == "2" {
				want = model.Late
			}
			if got, ok := classes[item]; ok && got != want {
				return false, "", fmt.Errorf("the label of %s is %s, want %s", item, got, want)
			}
		}
		return len(classes) == labelled, fmt.Sprintf("%d of %d are there", len(classes), labelled), nil
	})
}
