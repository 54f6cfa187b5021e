// SPDX-License-Identifier: Apache-2.0

package rank

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/cespare/xxhash/v2"

	"github.com/vedette-dev/vedette/internal/feature"
	"github.com/vedette-dev/vedette/internal/review"
)

// Fingerprint is the same for records that a person would take for the same: of one monitor, with the same segments and
// prediction, and features that agree to two digits, or, for text, in letters.
func Fingerprint(monitor string, p *review.Prediction) uint64 {
	h := xxhash.New()
	part := func(s string) {
		_, _ = h.WriteString(s)
		_, _ = h.Write([]byte{0xff}) // no UTF-8 has it
	}
	part(monitor)
	segments := slices.Clone(p.Segments)
	slices.Sort(segments)
	for _, s := range segments {
		part(s)
	}
	part("")
	part(p.Class)
	if p.Class == "" {
		part(round(p.Score))
	}
	for _, f := range p.Features {
		part(f.Name)
		switch v := f.Value; v.Kind {
		case feature.Number:
			part(round(v.Num))
		case feature.String:
			part(plain(v.Str))
		default:
			part(strconv.Itoa(int(v.Kind)) + strconv.FormatFloat(v.Num, 'g', -1, 64))
		}
	}
	return h.Sum64()
}

// round keeps two digits.
func round(x float64) string { return strconv.FormatFloat(x, 'e', 1, 64) }

// plain keeps letters, in lower case, and takes every number for the same.
func plain(s string) string {
	var b strings.Builder
	last := ' '
	for _, r := range s {
		switch {
		case unicode.IsLetter(r):
			r = unicode.ToLower(r)
		case unicode.IsDigit(r):
			r = '0'
		default:
			r = ' '
		}
		if r == last && (r == ' ' || r == '0') {
			continue
		}
		b.WriteRune(r)
		last = r
	}
	return strings.TrimRight(b.String(), " ")
}

// Distance is how far two records of one monitor are apart, in [0, 1]: the mean over their features of 0 for equal and 1 for
// different ones, with numbers in between by their ratio to the range (Gower 1971).
func Distance(a, b *review.Prediction, ranges map[string]float64) float64 {
	var sum, n float64
	other := make(map[string]feature.Value, len(b.Features))
	for _, f := range b.Features {
		other[f.Name] = f.Value
	}
	for _, f := range a.Features {
		v, ok := other[f.Name]
		if !ok || f.Value.Kind == feature.Missing && v.Kind == feature.Missing {
			continue
		}
		n++
		switch {
		case f.Value.Kind != v.Kind:
			sum++
		case v.Kind == feature.Number:
			if d := math.Abs(f.Value.Num - v.Num); d > 0 {
				sum += unit(d / max(ranges[f.Name], d*1e-9))
			}
		case v.Kind == feature.String && plain(f.Value.Str) != plain(v.Str), v.Kind == feature.Bool && f.Value.Num != v.Num:
			sum++
		}
	}
	if a.Class != b.Class {
		sum++
	}
	return sum / (n + 1)
}

// Ranges are the ranges of the numeric features of records.
func Ranges(of []*review.Prediction) map[string]float64 {
	low, ranges := map[string]float64{}, map[string]float64{}
	high := map[string]float64{}
	for _, p := range of {
		for _, f := range p.Features {
			if f.Value.Kind != feature.Number {
				continue
			}
			if _, ok := low[f.Name]; !ok {
				low[f.Name], high[f.Name] = f.Value.Num, f.Value.Num
			}
			low[f.Name], high[f.Name] = min(low[f.Name], f.Value.Num), max(high[f.Name], f.Value.Num)
			ranges[f.Name] = high[f.Name] - low[f.Name]
		}
	}
	return ranges
}
