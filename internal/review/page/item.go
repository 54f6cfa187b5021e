// SPDX-License-Identifier: Apache-2.0

package page

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/auth"
	"github.com/vedette-dev/vedette/internal/review/desk"
	"github.com/vedette-dev/vedette/internal/wire"
)

// similarItems is how many similar items are shown.
const similarItems = 5

type itemPage struct {
	frame
	View         *desk.View
	Facts        []string
	Why          []reason
	Rows         []featureRow
	Texts        []desk.Feature
	Made         time.Time
	OutlierScore string
	Breaches     []string
	Said         string
	ValueOdd     bool
	Value        *featureRow
	Scores       []scoreRow
	Form         *form
	Until        string
	AnswersTitle string
	Answers      []answerRow
	Similar      []similarRow
}

type reason struct {
	Text string
	Calm bool
}

type scoreRow struct {
	desk.Score
	Text, Width string
}

// form is how the item may be answered.
type form struct {
	Title, Action                      string
	Choices                            []choice
	Adjudicate                         bool
	Critical, Comment, CommentRequired bool
	Escalate                           bool
}

type choice struct {
	Class, Key string
	First      bool
}

type answerRow struct{ Who, Text, Tone, More string }

type similarRow struct {
	ID, Prediction, Why string
	Label               said
}

func (p *Pages) item(w http.ResponseWriter, r *http.Request) error {
	me := auth.From(r.Context())
	v, err := p.Desk.Item(r.Context(), me.Person, r.PathValue("id"))
	if err != nil {
		return err
	}
	data := p.itemPage(&v)
	data.frame = p.frame(w, r, "Item", "item")
	if data.Note, err = p.after(r.Context(), me.Person, r.FormValue("answered")); err != nil {
		return err
	}
	data.Form = formOf(&v, me.Person)
	if !v.Held.IsZero() {
		data.Until = "Held for you until " + v.Held.UTC().Format("15:04 UTC") + "."
	}
	if err := p.addAnswers(r.Context(), &data, me.Person); err != nil {
		return err
	}
	similar, err := p.Desk.Similar(r.Context(), v.ID, similarItems)
	if err != nil {
		return err
	}
	for i := range similar {
		if s := saidOf(similar[i].Label); s != nil {
			data.Similar = append(data.Similar, similarRow{similar[i].ID, prediction(&similar[i]), similar[i].Why[0], *s})
		}
	}
	return p.render(w, http.StatusOK, "item", data)
}

func (p *Pages) itemPage(v *desk.View) itemPage {
	data := itemPage{View: v, Made: v.Prediction.Time.UTC(), Breaches: v.Breaches, Said: prediction(v)}
	data.Facts = []string{v.Monitor, originInWords(v.Origin), "made " + desk.Ago(p.Clock().Sub(v.Prediction.Time)) + " ago"}
	if v.State != review.Pending {
		data.Facts = append(data.Facts, string(v.State))
	}
	for _, why := range v.Why {
		calm := v.Origin == review.Random || strings.HasPrefix(why, "It stands for")
		data.Why = append(data.Why, reason{why, calm})
	}
	for _, f := range v.Features {
		if f.Long {
			f.Name = desk.Name(f.Name)
			data.Texts = append(data.Texts, f)
			continue
		}
		data.Rows = append(data.Rows, newFeatureRow(f))
	}
	if !math.IsNaN(v.Prediction.OutlierScore) {
		data.OutlierScore = desk.Number(v.Prediction.OutlierScore)
	}
	if v.Value != nil {
		value := newFeatureRow(*v.Value)
		data.Value, data.ValueOdd = &value, v.Value.Unusual
	}
	for _, s := range v.Scores {
		data.Scores = append(data.Scores, scoreRow{s, desk.Percent(s.Probability), share(s.Probability)})
	}
	return data
}

func originInWords(o review.Origin) string {
	if o == review.Random {
		return "drawn at random"
	}
	return "an outlier"
}

// formOf is the form for an item; nil where the person has nothing to say about it now.
func formOf(v *desk.View, me review.Person) *form {
	f := &form{Title: "Your answer", Action: "answer", Critical: v.Question.Critical != wire.Hidden}
	switch {
	case v.State == review.Conflict && me.Role >= review.Reviewer:
		f.Title, f.Action, f.Adjudicate = "Adjudicate the conflict", "adjudicate", true
	case v.State != review.Pending || v.Held.IsZero():
		return nil
	}
	f.Comment, f.CommentRequired = v.Question.Comment != wire.Hidden, v.Question.Comment == wire.Required
	f.Escalate = v.Question.Escalate != wire.Hidden
	taken := map[string]bool{"s": true, "e": true, "u": true, "n": true, "x": true, "c": true, "q": true, "p": true}
	for i, class := range v.Question.Classes {
		f.Choices = append(f.Choices, choice{Class: class, Key: keyOf(i, class, taken), First: i == 0})
	}
	return f
}

// keyOf is the key of the i-th label: its number, and past nine the first letter of it that is free.
func keyOf(i int, class string, taken map[string]bool) string {
	if i < 9 {
		return strconv.Itoa(i + 1)
	}
	for _, c := range strings.ToLower(class) {
		if k := string(c); c >= 'a' && c <= 'z' && !taken[k] {
			taken[k] = true
			return k
		}
	}
	return ""
}

// after says what the person has just answered, with the way to take it back; nil when that was nothing.
func (p *Pages) after(ctx context.Context, me review.Person, id string) (*note, error) {
	if id == "" {
		return nil, nil
	}
	answers, err := p.Desk.Answers(ctx, me, id)
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		if a.Person != me.Name {
			continue
		}
		if a.Skipped {
			return &note{Text: "Skipped.", Undo: true}, nil
		}
		return &note{Text: "Saved: " + saidOf(&a.Label).Text + ".", Undo: true}, nil
	}
	return nil, nil // It was taken back.
}

func (p *Pages) addAnswers(ctx context.Context, data *itemPage, me review.Person) error {
	answers, err := p.Desk.Answers(ctx, me, data.View.ID)
	if err != nil {
		return err
	}
	data.AnswersTitle = "What was answered"
	if me.Role < review.Reviewer {
		data.AnswersTitle = "What you answered"
	}
	for _, a := range answers {
		row := answerRow{Who: a.Person, Text: "skipped", More: a.At.UTC().Format("2 January, 15:04 UTC")}
		if !a.Skipped {
			s := saidOf(&a.Label)
			row.Text, row.Tone = s.Text, s.Tone
		}
		if a.Label.Comment != "" {
			row.More += " · " + a.Label.Comment
		}
		data.Answers = append(data.Answers, row)
	}
	return nil
}

// saidOf is a label in few words; nil for none.
func saidOf(l *review.Label) *said {
	if l == nil {
		return nil
	}
	s := &said{Text: l.Class, Tone: "good"}
	switch {
	case l.Class == "" && !math.IsNaN(l.Value):
		s.Text = desk.Number(l.Value)
	case l.Class == "":
		s.Text = "escalated"
	}
	if l.Critical {
		s.Text, s.Tone = s.Text+", critical", "bad"
	} else if l.Escalated {
		s.Tone = "odd"
	}
	return s
}
