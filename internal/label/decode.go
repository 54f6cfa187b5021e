// SPDX-License-Identifier: Apache-2.0

package label

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/wire"
)

// Format is the form of a file of labels.
type Format string

// The formats. Lines of SageMaker's ground truth are known by their content, in files of JSON lines.
const (
	JSONLines Format = "jsonl"
	CSV       Format = "csv"
	Parquet   Format = "parquet"
)

// FormatOf is the format of a file, by the extension of its name.
func FormatOf(name string) (Format, bool) {
	switch strings.ToLower(path.Ext(name)) {
	case ".jsonl", ".ndjson", ".json":
		return JSONLines, true
	case ".csv":
		return CSV, true
	case ".parquet":
		return Parquet, true
	}
	return "", false
}

// Decoder makes rows of what others send. What it cannot read for sure it refuses, with the reason and a remedy.
type Decoder struct {
	// Schema says what a label is, and how business keys are stored.
	Schema wire.Schema
	// HashKey is the key of hashed business keys.
	HashKey []byte
	// Source stands on every row.
	Source Source
	// Received is when the file or batch came. Rows get it with their number in microseconds on top, so that of two rows on
	// one subject the later one holds.
	Received time.Time
	// Seed identifies the file or batch, such as the digest of its content. With the number of the row it makes the row's ID:
	// the same file gives the same IDs.
	Seed string
}

// Line is what became of one line of a file.
type Line struct {
	// Number counts from 1. It is that of the line in JSONL and CSV, and that of the row in Parquet.
	Number int64
	// Problem says why there is no row, and what to do about it; "" when there is one.
	Problem string
	// Row is valid until the next line.
	Row Row
}

// ErrUnreadable means that a file, from some place on, is not of its format.
var ErrUnreadable = errors.New("the file cannot be read as what its name says")

// Bounds on what a file may ask of memory.
const (
	maxLine    = 64 << 10
	maxColumns = 4096
)

// Decode yields what became of each line of a file. It ends after the first error: of the store below, or ErrUnreadable,
// when the rest of the file cannot be told apart into lines.
func (d *Decoder) Decode(f Format, r io.ReaderAt, size int64) iter.Seq2[*Line, error] {
	switch f {
	case CSV:
		return d.csv(io.NewSectionReader(r, 0, size))
	case Parquet:
		return d.parquet(r, size)
	default:
		return d.JSONLines(io.NewSectionReader(r, 0, size))
	}
}

// input is a line before it is judged: texts as they were sent, "" when they were not.
type input struct {
	recordID, requestID, labelKey string
	instance, predictionTime      string
	// class or number is the label, where the format tells them apart; label where it does not.
	class, number, label string
	// truth is a label that was sent as true or false.
	truth             *bool
	kind, event       string
	amount, retracted string
	observed, comment string
	// observedT and predicT are times, where the format has them.
	observedT, predicT time.Time
}

// names maps the names of columns and members to where they go.
var names = map[string]func(*input) *string{
	"record_id":     func(in *input) *string { return &in.recordID },
	"request_id":    func(in *input) *string { return &in.requestID },
	"label_key":     func(in *input) *string { return &in.labelKey },
	"instance":      func(in *input) *string { return &in.instance },
	"prediction_ts": func(in *input) *string { return &in.predictionTime },
	"label":         func(in *input) *string { return &in.label },
	"class":         func(in *input) *string { return &in.class },
	"value":         func(in *input) *string { return &in.number },
	"kind":          func(in *input) *string { return &in.kind },
	"event":         func(in *input) *string { return &in.event },
	"amount":        func(in *input) *string { return &in.amount },
	"retracted":     func(in *input) *string { return &in.retracted },
	"observed_ts":   func(in *input) *string { return &in.observed },
	"comment":       func(in *input) *string { return &in.comment },
}

// finish makes a line of what was sent.
func (d *Decoder) finish(out *Line, number int64, in *input) *Line {
	*out = Line{Number: number}
	row, err := d.row(number, in)
	if err == nil {
		err = row.Validate()
	}
	if err != nil {
		out.Problem = err.Error()
		return out
	}
	out.Row = row
	return out
}

func (d *Decoder) row(number int64, in *input) (Row, error) {
	row := Row{
		RecordID: in.recordID, RequestID: in.requestID, Instance: -1, PredictionTime: in.predicT.UTC(),
		Kind: Truth, Class: in.class, Value: math.NaN(), Event: in.event, Amount: math.NaN(),
		Observed: in.observedT.UTC(), Received: d.Received.UTC().Truncate(time.Microsecond).Add(time.Duration(min(number-1, 999_999)) * time.Microsecond),
		Source: d.Source, Agreement: math.NaN(), Selection: math.NaN(), Comment: in.comment,
	}
	if in.event != "" {
		row.Kind = Event
	}
	if in.kind != "" && in.kind != string(row.Kind) {
		return row, fmt.Errorf("kind is %.20q, and event %.20q: kind %q has an event, and %q has none", in.kind, in.event, Event, Truth)
	}
	var errs []error
	see := func(err error) { errs = append(errs, err) }
	see(integerOf("instance", in.instance, &row.Instance))
	see(timeOf("prediction_ts", in.predictionTime, &row.PredictionTime))
	see(timeOf("observed_ts", in.observed, &row.Observed))
	see(numberOf("value", in.number, &row.Value))
	see(numberOf("amount", in.amount, &row.Amount))
	see(boolOf("retracted", in.retracted, &row.Retracted))
	see(d.labelOf(in, &row))
	see(d.keyOf(in.labelKey, &row))
	for _, s := range []string{row.RecordID, row.RequestID, in.labelKey, row.Class, row.Event, row.Comment} {
		if strings.ToValidUTF8(s, "") != s {
			see(errors.New("a text is not valid UTF-8: send it as UTF-8"))
			break
		}
	}
	row.Identify(fmt.Sprintf("%s:%d", d.Seed, number))
	return row, errors.Join(errs...)
}

// labelOf reads a label whose form does not say whether it is a class or a number: the schema does. A number or a truth
// value is the index of a declared class, as it is in answers of models.
func (d *Decoder) labelOf(in *input, row *Row) error {
	p := d.Schema.Prediction
	switch {
	case in.truth != nil && p.Kind != wire.BinaryClassification:
		return errors.New("label is true or false, and the model is no BinaryClassification: send the class, or the number")
	case in.truth != nil:
		row.Class = ClassOf(p, index(*in.truth))
	case in.label == "":
	case row.Class != "" || in.number != "":
		return errors.New("label is sent beside class or value: send one of them")
	case p.Kind == wire.Regression:
		return numberOf("label", in.label, &row.Value)
	default:
		row.Class = in.label
	}
	return nil
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ClassOf is the name of the class with an index: the declared one, or the index itself.
func ClassOf(p wire.Prediction, index int) string {
	if index >= 0 && index < len(p.Classes) {
		return p.Classes[index]
	}
	return strconv.Itoa(index)
}

// keyOf puts a business key into the form in which it is stored.
func (d *Decoder) keyOf(plain string, row *Row) error {
	if plain == "" {
		return nil
	}
	if len(plain) > MaxKey {
		return fmt.Errorf("a key has %d bytes: at most %d are allowed", len(plain), MaxKey)
	}
	if d.Schema.LabelKey.Path == "" {
		return errors.New("the monitor declares no schema.labelKey, so that no prediction has a label_key: declare it, or send record_id or request_id")
	}
	key, ok := Key(d.Schema.LabelKey, d.HashKey, plain)
	if !ok {
		return ErrHashKey
	}
	row.LabelKey = key
	return nil
}

// ErrHashKey means that business keys must be hashed and there is no key to do it with. It concerns every line: callers
// check Ready before they decode.
var ErrHashKey = errors.New("label keys are stored as keyed hashes, and the key of the class's hashKey is not there: create the Secret")

// Ready says whether lines can be decoded at all.
func (d *Decoder) Ready() error {
	if k := d.Schema.LabelKey; k.Path != "" && k.Store != wire.LabelKeyPlain && len(d.HashKey) == 0 {
		return ErrHashKey
	}
	return nil
}
