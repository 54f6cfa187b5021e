// SPDX-License-Identifier: Apache-2.0

package outlier_test

import (
	"strings"
	"testing"

	"github.com/vedette-dev/vedette/internal/outlier"
)

func TestWhatAReasonIsAbout(t *testing.T) {
	t.Parallel()
	type about struct {
		class   outlier.Class
		feature string
	}
	for reason, want := range map[string]about{
		"entropy": {outlier.ClassUncertainty, ""}, "margin": {outlier.ClassUncertainty, ""}, "confidence": {outlier.ClassUncertainty, ""},
		"z:delay": {outlier.ClassDistance, "delay"}, "sd:delay": {outlier.ClassDistance, "delay"}, "score": {outlier.ClassDistance, ""},
		"unseen:origin": {outlier.ClassCategory, "origin"}, "rare:origin": {outlier.ClassCategory, "origin"},
		"length:note": {outlier.ClassLength, "note"}, "missing:note": {outlier.ClassMissing, "note"},
		"schema:delay:range": {outlier.ClassSchema, "delay"}, "rule:f.delay > 3.0": {outlier.ClassRule, ""},
		"always[0]": {"", ""}, "": {"", ""},
	} {
		class, feature := outlier.ClassOf(reason)
		if got := (about{class, feature}); got != want {
			t.Errorf("ClassOf(%q) = %q, want %q", reason, got, want)
		}
	}
}

func TestARuleIsItsOwnReason(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"p.score > 0.4 &&\n\t p.score < 0.6": "rule:p.score > 0.4 && p.score < 0.6",
		strings.Repeat("x", 101):             "rule:" + strings.Repeat("x", 100) + "…",
		strings.Repeat("x", 99) + "ö":        "rule:" + strings.Repeat("x", 99) + "…",
	} {
		if got := outlier.RuleReason(expression); got != want {
			t.Errorf("RuleReason(%q) = %q, want %q", expression, got, want)
		}
	}
}
