// SPDX-License-Identifier: Apache-2.0

package label

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// integerOf reads a whole number; to stays as it is when there is none.
func integerOf(name, text string, to *int64) error {
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return fmt.Errorf("%s is %.40q: send a whole number from 0", name, text)
	}
	*to = n
	return nil
}

// numberOf reads a number; to stays as it is when there is none.
func numberOf(name, text string, to *float64) error {
	if text == "" {
		return nil
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Errorf("%s is %.40q: send a finite number", name, text)
	}
	*to = x
	return nil
}

// timeOf reads a time with its zone: one without could be anywhere.
func timeOf(name, text string, to *time.Time) error {
	if text == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(strings.TrimSpace(text), " ", "T", 1))
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return fmt.Errorf("%s is %.40q: send a time with its zone, such as 2026-06-01T12:00:00Z", name, text)
	}
	*to = t.UTC().Truncate(time.Microsecond)
	return nil
}

func boolOf(name, text string, to *bool) error {
	if text == "" {
		return nil
	}
	b, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(text)))
	if err != nil {
		return fmt.Errorf("%s is %.40q: send true or false", name, text)
	}
	*to = b
	return nil
}
