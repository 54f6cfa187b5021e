// SPDX-License-Identifier: Apache-2.0

package outlier

import "strings"

// Class is a kind of reasons. There are few, so that metrics can count by them.
type Class string

// The classes of reasons.
const (
	// ClassUncertainty: the model itself is in doubt.
	ClassUncertainty Class = "uncertainty"
	// ClassDistance: a number is far from what is usual.
	ClassDistance Class = "distance"
	// ClassCategory: a category is rare, or was never seen.
	ClassCategory Class = "category"
	// ClassLength: a text is unusually long or short.
	ClassLength Class = "length"
	// ClassMissing: a value is missing that rarely is.
	ClassMissing Class = "missing"
	// ClassSchema: a value breaks its declaration.
	ClassSchema Class = "schema"
	// ClassRule: a rule of the monitor holds.
	ClassRule Class = "rule"
)

// Classes are all classes.
var Classes = [...]Class{ClassUncertainty, ClassDistance, ClassCategory, ClassLength, ClassMissing, ClassSchema, ClassRule}

// What reasons begin with. A reason about a feature goes on with a colon and its name, one about the prediction ends here.
const (
	reasonEntropy    = "entropy"
	reasonMargin     = "margin"
	reasonConfidence = "confidence"
	reasonScore      = "score"
	reasonZ          = "z"
	reasonSigma      = "sd"
	reasonUnseen     = "unseen"
	reasonRare       = "rare"
	reasonLength     = "length"
	reasonMissing    = "missing"
	reasonSchema     = "schema"
	reasonRule       = "rule"
)

// ClassOf is the class of a reason, and the feature that it is about; "" where it is about the prediction, a rule, or of
// a form that a later release writes.
func ClassOf(reason string) (class Class, feature string) {
	head, rest, _ := strings.Cut(reason, ":")
	switch head {
	case reasonEntropy, reasonMargin, reasonConfidence:
		return ClassUncertainty, ""
	case reasonScore, reasonZ, reasonSigma:
		return ClassDistance, rest
	case reasonUnseen, reasonRare:
		return ClassCategory, rest
	case reasonLength:
		return ClassLength, rest
	case reasonMissing:
		return ClassMissing, rest
	case reasonSchema:
		feature, _, _ = strings.Cut(rest, ":")
		return ClassSchema, feature
	case reasonRule:
		return ClassRule, ""
	}
	return "", ""
}

// maxRule bounds how much of a rule stands in a reason.
const maxRule = 100

// RuleReason is the reason of a prediction for which a rule holds: the rule itself, which says best what it is.
func RuleReason(expression string) string {
	text := strings.Join(strings.Fields(expression), " ")
	if len(text) > maxRule {
		text = strings.ToValidUTF8(text[:maxRule], "") + "…"
	}
	return reasonRule + ":" + text
}
