// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/auth"
	"github.com/vedette-dev/vedette/internal/review/desk"
)

// resultDoc says what became of answers that came from elsewhere.
type resultDoc struct {
	// Recorded counts answers that are in the queue now, whether they were before or not; Ignored what was no answer.
	Recorded int `json:"recorded"`
	Ignored  int `json:"ignored"`
	// Refused counts what could not be taken; Problems says why, for the first of them.
	Refused  int          `json:"refused"`
	Problems []refusalDoc `json:"problems,omitempty"`
}

type refusalDoc struct {
	// Line or Item says which one it was.
	Line   int64  `json:"line,omitempty"`
	Item   string `json:"item,omitempty"`
	Person string `json:"person,omitempty"`
	Reason string `json:"reason"`
}

// maxProblems bounds the problems that are told.
const maxProblems = 100

func (d *resultDoc) refuse(r refusalDoc) {
	d.Refused++
	if len(d.Problems) < maxProblems {
		d.Problems = append(d.Problems, r)
	}
}

// record records an answer that was given elsewhere. It fails only for reasons that are not the answer's own.
func (a *API) record(r *http.Request, d *resultDoc, line int64, answer review.Answer) error {
	_, err := a.Desk.Record(r.Context(), auth.From(r.Context()).Person, answer)
	switch status := statusOf(err); {
	case err == nil:
		d.Recorded++
	case status == http.StatusInternalServerError, errors.Is(err, review.ErrForbidden):
		return err
	default:
		d.refuse(refusalDoc{Line: line, Item: answer.Item, Person: answer.Person, Reason: err.Error()})
	}
	return nil
}

// export writes items with their answers, one a line.
func (a *API) export(w http.ResponseWriter, r *http.Request) error {
	f, err := filterIn(r)
	if err != nil {
		return err
	}
	out := &late{w: w, media: mediaJSONLines}
	encoder := json.NewEncoder(out)
	return a.Desk.Each(r.Context(), f, func(v *desk.View) error { //nolint:contextcheck // The request holds it.
		it := newItem(v)
		answers, err := a.Desk.Answers(r.Context(), auth.From(r.Context()).Person, v.ID)
		if err != nil {
			return out.cut(err)
		}
		it.Answers = newAnswers(answers)
		return out.cut(encoder.Encode(it))
	}, out.start)
}

// late begins an answer only with its first byte, so that what fails before can still be said. What fails after cuts the
// connection: a list that ends early must not look whole.
type late struct {
	w       http.ResponseWriter
	media   string
	started bool
}

func (l *late) start() {
	if !l.started {
		l.started = true
		l.w.Header().Set("Content-Type", l.media)
		l.w.WriteHeader(http.StatusOK)
	}
}

func (l *late) Write(b []byte) (int, error) {
	l.start()
	return l.w.Write(b)
}

func (l *late) cut(err error) error {
	if err != nil && l.started {
		panic(http.ErrAbortHandler)
	}
	return err
}

// importDoc is an answer that was given elsewhere, as a line of JSON.
type importDoc struct {
	Item    string `json:"item"`
	Person  string `json:"person"`
	Key     string `json:"key"`
	Skipped bool   `json:"skipped"`
	labelDoc
}

// importPeople begins the names of people whose answers an admin imported: nobody is made to say what they did not say here.
const importPeople = "import:"

// maxLine bounds a line of an import.
const maxLine = 64 << 10

// importAnswers takes answers, one a line.
func (a *API) importAnswers(w http.ResponseWriter, r *http.Request) error {
	if mediaType(r) != mediaJSONLines {
		return fmt.Errorf("%w: want %s, one answer a line", errMedia, mediaJSONLines)
	}
	var result resultDoc
	err := lines(r.Body, func(number int64, text []byte) error {
		answer, err := importedAnswer(text)
		if err != nil {
			result.refuse(refusalDoc{Line: number, Reason: err.Error()})
			return nil //nolint:nilerr // A line that is refused is told of, and does not end the import.
		}
		return a.record(r, &result, number, answer)
	})
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, result)
}

func importedAnswer(text []byte) (review.Answer, error) {
	var doc importDoc
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return review.Answer{}, fmt.Errorf("the line is no answer: %w", err)
	}
	person := strings.TrimPrefix(doc.Person, importPeople) // It may come from an export, and is the same then.
	if doc.Item == "" || person == "" {
		return review.Answer{}, errors.New("item and person must be set")
	}
	answer := review.Answer{Item: doc.Item, Person: importPeople + person, Key: doc.Key, Skipped: doc.Skipped, Label: doc.label()}
	if answer.Key == "" {
		answer.Key = keyOf("import", doc.Item) // A person answers an item once.
	}
	return answer, nil
}

// keyOf makes a key of what tells an answer from others, so that one that comes again is the same.
func keyOf(tool string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return tool + ":" + hex.EncodeToString(sum[:16])
}

// lines calls f for each line that is not empty. A line that is too long is an error: the rest cannot be trusted.
func lines(r io.Reader, f func(number int64, text []byte) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4096), maxLine)
	for number := int64(1); s.Scan(); number++ {
		text := bytes.TrimSpace(s.Bytes())
		if len(text) == 0 {
			continue
		}
		if err := f(number, text); err != nil {
			return err
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%w: a line has more than %d bytes", errRequest, maxLine)
	}
	return decoded(s.Err())
}
