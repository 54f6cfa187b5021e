// SPDX-License-Identifier: Apache-2.0

package table

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/wire"
)

var (
	missing = record.Value{Kind: record.Missing}
	invalid = record.Value{Kind: record.Invalid}
)

// fromNumber reads a number as a value of the declared type.
func fromNumber(t wire.FeatureType, x float64) record.Value {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return invalid
	}
	switch t {
	case wire.Numeric:
		return record.Value{Kind: record.Number, Num: x}
	case wire.Boolean:
		if x == 0 || x == 1 {
			return record.Value{Kind: record.Bool, Num: x}
		}
		return invalid
	default:
		return record.Value{Kind: record.String, Str: strconv.FormatFloat(x, 'f', -1, 64)}
	}
}

// fromBool reads a truth value as a value of the declared type.
func fromBool(t wire.FeatureType, b bool) record.Value {
	var num float64
	if b {
		num = 1
	}
	switch t {
	case wire.Numeric:
		return record.Value{Kind: record.Number, Num: num}
	case wire.Boolean:
		return record.Value{Kind: record.Bool, Num: num}
	default:
		return record.Value{Kind: record.String, Str: strconv.FormatBool(b)}
	}
}

// fromText reads text as a value of the declared type.
func fromText(t wire.FeatureType, s string) record.Value {
	switch t {
	case wire.Numeric:
		x, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil {
			return invalid
		}
		return fromNumber(t, x)
	case wire.Boolean:
		b, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(s)))
		if err != nil {
			return invalid
		}
		return fromBool(t, b)
	default:
		limit := maxCategoryBytes
		if t == wire.Text {
			limit = maxTextBytes
		}
		return record.Value{Kind: record.String, Str: bounded(s, limit)}
	}
}

// bounded is s as valid text of at most limit bytes, cut between characters.
func bounded(s string, limit int) string {
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
