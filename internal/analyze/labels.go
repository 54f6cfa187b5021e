// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// What came of files of the inbox is in folders beside the one that they are left in.
const (
	inboxLabels   = "labels"
	inboxDone     = "done"
	inboxRejected = "rejected"
)

const (
	// partRows is how many labels are in one file at most: they are in memory at once.
	partRows = 50_000
	// maxProblems bounds the list of lines that were refused; the file itself is kept, and all of them are counted.
	maxProblems = 10_000
)

// Taken is what became of one file of labels. It is also the receipt that stays in the inbox.
type Taken struct {
	// Name is the file's, below inbox/labels; Take tells it apart from others of that name.
	Name string `json:"name"`
	Take string `json:"take"`
	// Received is when the file came, and Bytes how long it was.
	Received time.Time `json:"received"`
	Bytes    int64     `json:"bytes"`
	// Labels, Events and Retractions were taken; Refused lines were not. Refused says which, for those that are lines.
	Labels      int64 `json:"labels"`
	Events      int64 `json:"events"`
	Retractions int64 `json:"retractions"`
	Refused     int64 `json:"refused"`
	// Unreadable is why the rest of the file, or all of it, could not be read.
	Unreadable string `json:"unreadable,omitempty"`
	// Files are those that the labels are in, and Rejected is where the file is kept when not all of it was taken.
	Files    []string `json:"files,omitempty"`
	Rejected string   `json:"rejected,omitempty"`
}

// problemLine is one refused line. Its text is not repeated: it may hold a business key that is stored only as a hash.
type problemLine struct {
	Line    int64  `json:"line"`
	Problem string `json:"problem"`
}

// LabelsReport is what a run found in the inbox.
type LabelsReport struct {
	Files []Taken `json:"files,omitempty"`
	// Ignored files have a name that no format has. They are left where they are.
	Ignored []string `json:"ignored,omitempty"`
}

// Labels takes the files of labels that others have left in the inbox: what they tell becomes rows of labels, and each
// file a receipt. A run that ends at any point is completed by the next: names and IDs follow from the file alone, and
// nothing is written twice.
func Labels(ctx context.Context, e *Env) (*LabelsReport, wire.Verdict, error) {
	report, err := takeLabels(ctx, e)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	v := wire.Verdict{VerdictHeader: e.header(KindLabels)}
	if err := countTruths(ctx, e, &v); err != nil {
		return nil, wire.Verdict{}, err
	}
	v.Outcome, v.Rows, v.Message = wire.OutcomeSucceeded, report.taken(), report.message()
	return report, v, nil
}

// takeLabels empties the inbox.
func takeLabels(ctx context.Context, e *Env) (*LabelsReport, error) {
	report := new(LabelsReport)
	inbox := e.layout().Inbox(inboxLabels)
	var items []store.Item
	for item, err := range e.Bucket.List(ctx, inbox) {
		if err != nil {
			return nil, err
		}
		if name := strings.TrimPrefix(item.Key, inbox); knownFormat(name) {
			items = append(items, item)
		} else {
			report.Ignored = append(report.Ignored, name)
		}
	}
	for _, item := range items {
		taken, err := takeFile(ctx, e, item.Key, strings.TrimPrefix(item.Key, inbox))
		if errors.Is(err, store.ErrNotFound) {
			continue // Whoever left it has taken it back.
		}
		if err != nil {
			return nil, fmt.Errorf("taking labels from %s: %w", item.Key, err)
		}
		report.Files = append(report.Files, taken)
	}
	return report, nil
}

func knownFormat(name string) bool {
	_, ok := label.FormatOf(name)
	return ok
}

// takeFile takes one file: first its labels, then what was refused, then the receipt; only then it is removed.
func takeFile(ctx context.Context, e *Env, key, name string) (Taken, error) {
	object, err := e.Bucket.Open(ctx, key)
	if err != nil {
		return Taken{}, err
	}
	decoder := label.Decoder{Schema: e.Config.Schema, HashKey: e.HashKey, Source: label.SourceFile, Received: object.Modified().UTC()}
	if err := decoder.Ready(); err != nil {
		return Taken{}, &problem{ReasonHashKeyMissing, err}
	}
	if decoder.Seed, err = digestOf(object); err != nil {
		return Taken{}, err
	}
	in := &intake{e: e, Taken: Taken{
		Name: name, Take: decoder.Seed[:16] + "-" + decoder.Received.Format("20060102T150405.000000Z"),
		Received: decoder.Received, Bytes: object.Size(),
	}}
	format, _ := label.FormatOf(name)
	for line, err := range decoder.Decode(format, object, object.Size()) {
		if err == nil {
			err = in.add(ctx, line)
		}
		if errors.Is(err, label.ErrUnreadable) {
			in.Unreadable = err.Error()
			break
		}
		if err != nil {
			return Taken{}, err
		}
	}
	if err := in.finish(ctx, object); err != nil {
		return Taken{}, err
	}
	return in.Taken, in.remove(ctx, key, object)
}

// digestOf is the digest of what an object holds.
func digestOf(o *store.Object) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(o, 0, o.Size())); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// intake collects what becomes of a file.
type intake struct {
	Taken
	e        *Env
	rows     []label.Row
	problems []problemLine
}

func (in *intake) add(ctx context.Context, line *label.Line) error {
	switch r := &line.Row; {
	case line.Problem != "":
		in.Refused++
		if len(in.problems) < maxProblems {
			in.problems = append(in.problems, problemLine{line.Number, line.Problem})
		}
		return nil
	case r.Retracted:
		in.Retractions++
	case r.Kind == label.Event:
		in.Events++
	default:
		in.Labels++
	}
	if in.rows = append(in.rows, line.Row); len(in.rows) < partRows {
		return nil
	}
	return in.write(ctx)
}

// write stores the labels that are in memory.
func (in *intake) write(ctx context.Context) error {
	if len(in.rows) == 0 {
		return nil
	}
	var b bytes.Buffer
	if err := label.Write(&b, in.rows); err != nil {
		return err
	}
	in.rows = in.rows[:0]
	key := in.e.layout().Labels(in.Received, fmt.Sprintf("file-%s-%06d", in.Take, len(in.Files)))
	in.Files = append(in.Files, strings.TrimPrefix(key, in.e.layout().Prefix()))
	return in.create(ctx, key, &b)
}

// create writes an object that an earlier run may have written.
func (in *intake) create(ctx context.Context, key string, body io.Reader) error {
	if err := in.e.Bucket.Create(ctx, key, body); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	return nil
}

// finish stores what is left of the labels, what was refused with the file itself, and the receipt.
func (in *intake) finish(ctx context.Context, object *store.Object) error {
	if err := in.write(ctx); err != nil {
		return err
	}
	if in.Refused > 0 || in.Unreadable != "" {
		key := in.e.layout().InboxResult(inboxRejected, in.Take, in.Name)
		in.Rejected = strings.TrimPrefix(key, in.e.layout().Prefix())
		if err := in.create(ctx, key, io.NewSectionReader(object, 0, object.Size())); err != nil {
			return err
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		for _, p := range in.problems {
			if err := enc.Encode(p); err != nil {
				return fmt.Errorf("encoding what was refused: %w", err)
			}
		}
		if err := in.create(ctx, key+".problems", &b); err != nil {
			return err
		}
	}
	receipt, err := json.MarshalIndent(in.Taken, "", " ")
	if err != nil {
		return fmt.Errorf("encoding the receipt: %w", err)
	}
	return in.create(ctx, in.e.layout().InboxResult(inboxDone, in.Take, in.Name)+".receipt", bytes.NewReader(append(receipt, '\n')))
}

// remove deletes the file, unless another of the same name has come meanwhile.
func (in *intake) remove(ctx context.Context, key string, object *store.Object) error {
	now, err := in.e.Bucket.Open(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case now.Size() != object.Size() || !now.Modified().Equal(object.Modified()):
		in.e.Log.Info("a file of the inbox was replaced while it was read; the next run takes the other one", "file", in.Name)
		return nil
	}
	return in.e.Bucket.Delete(ctx, key)
}

func (r *LabelsReport) taken() (rows int64) {
	for _, f := range r.Files {
		rows += f.Labels + f.Events + f.Retractions
	}
	return rows
}

// message says what somebody must look at; "" when there is nothing.
func (r *LabelsReport) message() string {
	var refused, unreadable int64
	first := ""
	for _, f := range r.Files {
		refused += f.Refused
		if f.Unreadable != "" {
			unreadable++
		}
		if first == "" {
			first = f.Rejected
		}
	}
	if first == "" {
		return ""
	}
	return fmt.Sprintf("%d lines were refused, and %d files could not be read to their end: see %.200s.problems in the monitor's folder, correct the file, and leave it in the inbox again",
		refused, unreadable, first)
}

// WriteJSON writes the whole report.
func (r *LabelsReport) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// WriteText writes one line a file.
func (r *LabelsReport) WriteText(w io.Writer) error {
	for _, f := range r.Files {
		if _, err := fmt.Fprintf(w, "%s: %d labels, %d events, %d retractions; %d lines refused %s\n",
			f.Name, f.Labels, f.Events, f.Retractions, f.Refused, f.Unreadable); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	for _, name := range r.Ignored {
		if _, err := fmt.Fprintf(w, "%s: left alone, as its name ends in none of .jsonl, .csv and .parquet\n", name); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	_, err := fmt.Fprintf(w, "%d rows were taken\n", r.taken())
	return err
}
