// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"math"
	"strconv"
)

// Float is a number that may be unknown: NaN, which JSON writes as null.
type Float float64

var nan = Float(math.NaN())

func (f Float) isNaN() bool { return math.IsNaN(float64(f)) }

// MarshalJSON implements json.Marshaler. JSON knows neither NaN nor infinities.
func (f Float) MarshalJSON() ([]byte, error) {
	if f.isNaN() || math.IsInf(float64(f), 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(f), 'g', -1, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *Float) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*f = nan
		return nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	*f = Float(v)
	return err
}

// short rounds to four significant digits, for verdicts, where bytes are scarce. An unknown number is -1 there, which
// no effect and no p-value can be.
func short(f Float) float64 {
	if f.isNaN() || math.IsInf(float64(f), 0) {
		return -1
	}
	v, _ := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', 4, 64), 64)
	return v
}

// String is for tables: three significant digits, a dash for what is unknown.
func (f Float) String() string {
	if f.isNaN() {
		return "-"
	}
	return strconv.FormatFloat(float64(f), 'g', 3, 64)
}

// known is nil for an unknown number.
func (f Float) known() *float64 {
	if f.isNaN() {
		return nil
	}
	return new(float64(f))
}
