// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"cmp"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// Duration converts a Duration of the API; a day has 24 hours. What the API server would refuse gives 0.
func Duration(d v1alpha1.Duration) time.Duration {
	if len(d) < 2 {
		return 0
	}
	n, err := strconv.ParseInt(string(d[:len(d)-1]), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	return time.Duration(n) * units[d[len(d)-1]]
}

// durationOr converts d, or fallback when it is unset.
func durationOr(d, fallback v1alpha1.Duration) time.Duration { return Duration(cmp.Or(d, fallback)) }

// number converts a Decimal; what the API server would refuse gives 0.
func number(d v1alpha1.Decimal) float64 {
	f, err := strconv.ParseFloat(string(d), 64)
	if err != nil {
		return 0
	}
	return f
}

// optionalNumber converts a Decimal that may be unset.
func optionalNumber(d v1alpha1.Decimal) *float64 {
	if d == "" {
		return nil
	}
	return new(number(d))
}

// share converts a Percent to a share in [0, 1].
func share(p v1alpha1.Percent) float64 { return number(v1alpha1.Decimal(p)) / 100 }

// Patterns of names in the API: what does not match, the API server would refuse in status.
var (
	itemName    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	featureName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
)

// decimal renders f as a Decimal of at most 20 characters.
func decimal(f float64) v1alpha1.Decimal {
	if math.IsNaN(f) || f > 999999999 || f < -999999999 {
		return "" // no Decimal: it is left out
	}
	s := strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(f, 'f', 6, 64), "0"), ".")
	if s == "-0" {
		s = "0"
	}
	return v1alpha1.Decimal(s)
}
