// SPDX-License-Identifier: Apache-2.0

package desk

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
)

// why says in words why an item is in the queue, the weightiest reason first.
func why(it *review.Item, features []Feature) []string {
	var why []string
	for _, r := range it.Reasons {
		why = append(why, reasonInWords(r, features))
	}
	for _, name := range it.Rules {
		why = append(why, fmt.Sprintf("The queue's rule “%s” holds.", name))
	}
	switch {
	case it.Origin == review.Random:
		why = append(why, "It was drawn at random, so that figures are not about strange cases alone.")
	case len(why) == 0:
		why = append(why, "It was kept as an outlier.")
	}
	if it.Duplicates > 0 {
		why = append(why, fmt.Sprintf("It stands for %s.", count(it.Duplicates, "near-duplicate")))
	}
	return why
}

// reasonInWords says what a reason of the outlier score means, with the value where it is shown. A reason that a later
// release writes is shown as it is.
func reasonInWords(reason string, features []Feature) string {
	head, rest, about := strings.Cut(reason, ":")
	switch head {
	case "entropy":
		return "The model spreads its answer over several classes."
	case "margin":
		return "Two classes are almost equally likely."
	case "confidence":
		return "The model is unsure even of its first choice."
	case "score":
		return "The predicted value itself is far from what is usual."
	}
	if !about {
		return reason
	}
	name, value, span := Name(rest), "", ""
	if i := slices.IndexFunc(features, func(f Feature) bool { return f.Name == rest }); i >= 0 && !features[i].Absent && !features[i].Long {
		value = " " + features[i].Text + ","
		if r := features[i].Range; r != nil && features[i].Unusual {
			span = fmt.Sprintf(" (%s to %s)", rough(r.Low), rough(r.High))
		}
	}
	is := func(text string) string { return fmt.Sprintf("%s is%s %s.", name, value, text) }
	switch head {
	case "z", "sd":
		return is("far from what is usual" + span)
	case "unseen":
		if value == "" {
			return fmt.Sprintf("%s has a value that the baseline never saw.", name)
		}
		return is("which the baseline never saw")
	case "rare":
		if value == "" {
			return fmt.Sprintf("%s has a rare value.", name)
		}
		return is("which is rare")
	case "length":
		return fmt.Sprintf("%s is unusually long or short.", name)
	case "missing":
		return fmt.Sprintf("%s is missing, which it rarely is.", name)
	case "schema":
		return violationInWords(rest)
	case "rule":
		return fmt.Sprintf("The monitor's rule holds: %s", rest)
	}
	return reason
}

// violationInWords says what a breach of the schema is.
func violationInWords(violation string) string {
	name, kind, _ := strings.Cut(violation, ":")
	switch kind {
	case "missing":
		return fmt.Sprintf("%s is required, and missing.", Name(name))
	case "type":
		return fmt.Sprintf("%s is not of the declared type.", Name(name))
	case "range":
		return fmt.Sprintf("%s is outside of its declared range.", Name(name))
	case "value", "values":
		return fmt.Sprintf("%s is none of its declared values.", Name(name))
	}
	return fmt.Sprintf("%s breaks the schema: %s.", Name(name), kind)
}

// Name is a feature's name as a person reads it.
func Name(feature string) string {
	words := strings.ReplaceAll(feature, "_", " ")
	if words == "" {
		return "A feature"
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// Number writes a number with as many digits as a person looks at.
func Number(x float64) string {
	switch a := math.Abs(x); {
	case math.IsNaN(x):
		return "unknown"
	case math.IsInf(x, 0):
		return strings.Replace(strconv.FormatFloat(x, 'f', -1, 64), "Inf", "∞", 1)
	case a != 0 && (a < 1e-4 || a >= 1e9):
		return strconv.FormatFloat(x, 'g', 4, 64)
	case a >= 1000:
		return grouped(strconv.FormatFloat(x, 'f', 0, 64))
	default:
		return trimmed(strconv.FormatFloat(x, 'g', 4, 64))
	}
}

// rough writes a number that only says where a span ends.
func rough(x float64) string {
	if a := math.Abs(x); a < 1e-4 || a >= 1000 {
		return Number(x)
	}
	return trimmed(strconv.FormatFloat(x, 'g', 3, 64))
}

func trimmed(s string) string {
	if strings.Contains(s, ".") && !strings.Contains(s, "e") {
		return strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// grouped puts thin spaces between groups of three digits.
func grouped(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "−", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteRune('\u202f')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// Percent writes a share in [0, 1].
func Percent(x float64) string {
	switch {
	case math.IsNaN(x):
		return "unknown"
	case x > 0 && x < 0.001:
		return "< 0.1 %"
	case x < 0.1:
		return trimmed(strconv.FormatFloat(100*x, 'f', 1, 64)) + " %"
	case x < 1 && x > 0.99:
		return strconv.FormatFloat(100*x, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(100*x, 'f', 0, 64) + " %"
}

// Ago says how long a time span is, in its greatest unit.
func Ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "under a minute"
	case d < time.Hour:
		return count(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return count(int(d/time.Hour), "hour")
	}
	return count(int(d/(24*time.Hour)), "day")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
