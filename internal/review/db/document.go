// SPDX-License-Identifier: Apache-2.0

package db

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/vedette-dev/vedette/internal/feature"
	"github.com/vedette-dev/vedette/internal/review"
)

// number is a float64 that JSON can hold: what is no number is null, what is infinite a string.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	switch f := float64(n); {
	case math.IsNaN(f):
		return []byte("null"), nil
	case math.IsInf(f, 0):
		return strconv.AppendQuote(nil, strconv.FormatFloat(f, 'g', -1, 64)), nil
	default:
		return strconv.AppendFloat(nil, f, 'g', -1, 64), nil
	}
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = number(math.NaN())
		return nil
	}
	f, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	*n = number(f)
	return err
}

// value is a feature's value: a number, a string, true or false, null when it is missing, {} when it is invalid.
type value feature.Value

// MarshalJSON implements json.Marshaler.
func (v value) MarshalJSON() ([]byte, error) {
	switch v.Kind {
	case feature.Number:
		if math.IsNaN(v.Num) || math.IsInf(v.Num, 0) {
			return []byte("{}"), nil
		}
		return number(v.Num).MarshalJSON()
	case feature.String:
		return json.Marshal(v.Str)
	case feature.Bool:
		return strconv.AppendBool(nil, v.Num != 0), nil
	case feature.Invalid:
		return []byte("{}"), nil
	default:
		return []byte("null"), nil
	}
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *value) UnmarshalJSON(b []byte) error {
	var x any
	if err := json.Unmarshal(b, &x); err != nil {
		return err
	}
	switch x := x.(type) {
	case nil:
		*v = value{}
	case float64:
		*v = value{Kind: feature.Number, Num: x}
	case string:
		*v = value{Kind: feature.String, Str: x}
	case bool:
		if *v = (value{Kind: feature.Bool}); x {
			v.Num = 1
		}
	default:
		*v = value{Kind: feature.Invalid}
	}
	return nil
}

// prediction is how items.doc holds what is shown of a record.
type prediction struct {
	RequestID    string   `json:"request_id,omitempty"`
	TraceID      string   `json:"trace_id,omitempty"`
	ModelVersion string   `json:"model_version,omitempty"`
	Segments     []string `json:"segments,omitempty"`
	Names        []string `json:"names,omitempty"`
	Values       []value  `json:"values,omitempty"`
	Class        string   `json:"class,omitempty"`
	Score        number   `json:"score"`
	Scores       []number `json:"scores,omitempty"`
	Confidence   number   `json:"confidence"`
	Entropy      number   `json:"entropy"`
	Margin       number   `json:"margin"`
	OutlierScore number   `json:"outlier_score"`
	Violations   []string `json:"violations,omitempty"`
	Reasons      []string `json:"reasons,omitempty"`
}

func encodeItem(it *review.Item) (string, error) {
	p := &it.Prediction
	doc := prediction{
		RequestID: p.RequestID, TraceID: p.TraceID, ModelVersion: p.ModelVersion, Segments: p.Segments, Class: p.Class,
		Score: number(p.Score), Confidence: number(p.Confidence), Entropy: number(p.Entropy), Margin: number(p.Margin),
		OutlierScore: number(p.OutlierScore), Violations: p.Violations, Reasons: it.Reasons,
	}
	for _, s := range p.Scores {
		doc.Scores = append(doc.Scores, number(s))
	}
	for _, f := range p.Features {
		doc.Names, doc.Values = append(doc.Names, f.Name), append(doc.Values, value(f.Value))
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return "", fmt.Errorf("encoding an item: %w", err)
	}
	return string(b), nil
}

func decodeItem(text string, it *review.Item) error {
	var doc prediction
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return fmt.Errorf("decoding an item: %w", err)
	}
	p := &it.Prediction
	p.RequestID, p.TraceID, p.ModelVersion, p.Segments, p.Class = doc.RequestID, doc.TraceID, doc.ModelVersion, doc.Segments, doc.Class
	p.Score, p.Confidence, p.Entropy, p.Margin = float64(doc.Score), float64(doc.Confidence), float64(doc.Entropy), float64(doc.Margin)
	p.OutlierScore, p.Violations, it.Reasons = float64(doc.OutlierScore), doc.Violations, doc.Reasons
	for _, s := range doc.Scores {
		p.Scores = append(p.Scores, float64(s))
	}
	for i, v := range doc.Values[:min(len(doc.Values), len(doc.Names))] {
		p.Features = append(p.Features, review.Feature{Name: doc.Names[i], Value: feature.Value(v)})
	}
	return nil
}

// saidDoc is how items.label and answers.label hold what people say.
type saidDoc struct {
	Class     string `json:"class,omitempty"`
	Value     number `json:"value"`
	Critical  bool   `json:"critical,omitempty"`
	Escalated bool   `json:"escalated,omitempty"`
	Comment   string `json:"comment,omitempty"`
}

func encodeLabel(l *review.Label) (string, error) {
	b, err := json.Marshal(saidDoc{l.Class, number(l.Value), l.Critical, l.Escalated, l.Comment})
	if err != nil {
		return "", fmt.Errorf("encoding a label: %w", err)
	}
	return string(b), nil
}

func decodeLabel(text string) (review.Label, error) {
	var l saidDoc
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return review.Label{}, fmt.Errorf("decoding a label: %w", err)
	}
	return review.Label{Class: l.Class, Value: float64(l.Value), Critical: l.Critical, Escalated: l.Escalated, Comment: l.Comment}, nil
}
