// SPDX-License-Identifier: Apache-2.0

// Package outlier owns how strange a prediction is: the summary of a baseline that strangeness is measured against, and
// the score. The sidecar scores every prediction with it, and analyze the baseline itself, to find the cut. It is pure:
// it imports no Kubernetes package, and reads no clock.
//
// All scorers speak one scale, the surprise: −log10 of a conformal p-value, (1 + the rows of the baseline that are at least
// as strange) / (1 + its rows). Of numbers the summary keeps a grid of quantiles: between them the share is interpolated,
// and beyond the baseline's extremes extrapolated, so that what lies there has an order. The outlier score is the greatest
// surprise: a sum would count what hangs together many times, and a greatest one has a reason. Because it is the greatest
// of many, a score of 3 is more frequent than one in a thousand: whether a row is an outlier is decided by a second p-value,
// that of its score among those of the baseline's own rows in the same cell (type cut has the formula).
package outlier

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/vedette-dev/vedette/internal/wire"
)

// SummaryFile is the name of the summary in the folder of a baseline.
const SummaryFile = "summary.json"

// summaryVersion is the version of the document.
const summaryVersion = 1

// Summary is what the sidecar knows of a baseline.
type Summary struct {
	Version int `json:"version"`
	// Digest identifies the content; it stands on every row that was scored against it.
	Digest string `json:"digest"`
	// Rows is the number of instances of the baseline.
	Rows       int64             `json:"rows"`
	Features   []FeatureSummary  `json:"features,omitempty"`
	Prediction PredictionSummary `json:"prediction,omitzero"`
	// Cuts are the quantiles of the baseline's outlier scores, for sidecars that know no cells.
	Cuts Tail `json:"cuts,omitempty"`
	// Cells are the outlier scores of the baseline by parts of the traffic; nil in summaries of before.
	Cells *Cell `json:"cells,omitempty"`
}

// FeatureSummary is what a feature looks like in a baseline, or the score of a regression.
type FeatureSummary struct {
	Name string           `json:"name,omitempty"`
	Type wire.FeatureType `json:"type"`
	// Origin is what the profiles of the feature are to subtract.
	Origin float64 `json:"origin,omitempty"`
	// Rows counts values; Missing and Invalid come on top.
	Rows    int64 `json:"rows"`
	Missing int64 `json:"missing,omitempty"`
	Invalid int64 `json:"invalid,omitempty"`

	Median float64 `json:"median,omitempty"`
	// MAD is the median absolute deviation; where that is 0, 0.8453 of the mean absolute deviation, which is equal to it
	// for a normal distribution; 0 when all values are equal.
	MAD    float64 `json:"mad,omitempty"`
	Mean   float64 `json:"mean,omitempty"`
	StdDev float64 `json:"stdDev,omitempty"`
	Min    float64 `json:"min,omitempty"`
	Max    float64 `json:"max,omitempty"`
	// Deviations is the tail of 0.6745·|x−Median|/MAD, Sigmas that of |x−Mean|/StdDev.
	Deviations Tail `json:"deviations,omitempty"`
	Sigmas     Tail `json:"sigmas,omitempty"`
	// Long is the tail of the lengths of texts, Short that of their negatives.
	Long  Tail `json:"long,omitempty"`
	Short Tail `json:"short,omitempty"`

	// Categories counts values by category; Other counts those of categories that are not named.
	Categories map[string]int64 `json:"categories,omitempty"`
	Other      int64            `json:"other,omitempty"`
}

// PredictionSummary is what the predictions look like in a baseline. What it does not know stays empty.
type PredictionSummary struct {
	// Score is the score of a regression.
	Score *FeatureSummary `json:"score,omitempty"`
	// Classes counts the predicted classes.
	Classes map[string]int64 `json:"classes,omitempty"`
	// Temperature is what logits are divided by before uncertainty is measured; 0 when it is not known, which is as 1.
	Temperature float64 `json:"temperature,omitempty"`
	// Entropy, Ambiguity (1 − margin) and Doubt (1 − confidence) are the tails of what makes a prediction uncertain, at
	// that temperature.
	Entropy   Tail `json:"entropy,omitempty"`
	Ambiguity Tail `json:"ambiguity,omitempty"`
	Doubt     Tail `json:"doubt,omitempty"`
}

// Encode renders a summary with its digest filled in. Equal summaries give equal bytes.
func Encode(s Summary) ([]byte, error) {
	s.Version, s.Digest = summaryVersion, ""
	digest, err := digestOf(s)
	if err != nil {
		return nil, fmt.Errorf("encoding the summary of a baseline: %w", err)
	}
	s.Digest = digest
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encoding the summary of a baseline: %w", err)
	}
	return append(b, '\n'), nil
}

func digestOf(s Summary) (string, error) {
	s.Digest = ""
	b, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])[:16], nil
}

// ErrSummary means that a document is no summary that this program can use.
var ErrSummary = errors.New("not a usable summary of a baseline")

// Decode reads a summary. It ignores unknown keys, which a later release may have added.
func Decode(b []byte) (*Summary, error) {
	var s Summary
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSummary, err)
	}
	if s.Version != summaryVersion {
		return nil, fmt.Errorf("%w: it is of version %d, want %d", ErrSummary, s.Version, summaryVersion)
	}
	if len(s.Digest) != 16 {
		return nil, fmt.Errorf("%w: it has no digest", ErrSummary)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSummary, err)
	}
	return &s, nil
}

// check says what is wrong with a summary that came from outside.
func (s *Summary) check() error {
	p := s.Prediction
	tails := []Tail{s.Cuts, p.Entropy, p.Ambiguity, p.Doubt}
	features := s.Features
	if p.Score != nil {
		features = append(slices.Clip(features), *p.Score)
	}
	for _, f := range features {
		tails = append(tails, f.Deviations, f.Sigmas, f.Long, f.Short)
		if min(f.Rows, f.Missing, f.Invalid, f.Other) < 0 || !(f.MAD >= 0) || !(f.StdDev >= 0) {
			return fmt.Errorf("a count or a spread of feature %.100q is negative", f.Name)
		}
		for _, n := range f.Categories {
			if n < 0 {
				return fmt.Errorf("the count of a category of feature %.100q is negative", f.Name)
			}
		}
	}
	for _, t := range tails {
		if len(t) > len(Rates) || !slices.IsSorted(t) {
			return errors.New("the quantiles of a tail are out of order, or too many")
		}
	}
	if p.Temperature < 0 {
		return errors.New("its temperature is negative")
	}
	if s.Cells == nil {
		return nil
	}
	return s.Cells.check()
}

// Origins are the features with the origins of the summary where the schema declares none.
func (s *Summary) Origins(features []wire.Feature) []wire.Feature {
	out := make([]wire.Feature, len(features))
	copy(out, features)
	if s == nil {
		return out
	}
	for i := range out {
		if f := s.feature(out[i].Name); f != nil && out[i].Origin == 0 && f.Type == out[i].Type {
			out[i].Origin = f.Origin
		}
	}
	return out
}

func (s *Summary) feature(name string) *FeatureSummary {
	if s == nil {
		return nil
	}
	for i := range s.Features {
		if s.Features[i].Name == name {
			return &s.Features[i]
		}
	}
	return nil
}
