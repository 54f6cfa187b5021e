// SPDX-License-Identifier: Apache-2.0

// Package stats owns the statistics that models are judged by: divergences between two sets of counts, their
// p-values, and the correction for looking at many of them; and how good answers are beside what was right, with
// confidence intervals, from rows of unequal weights. And those that the agreement of people is judged by, and the
// temperature that makes scores honest. And evidence that may be looked at whenever one likes, as logarithms of e-values.
//
// It is pure: no clock, no logger, no context, no I/O. It imports gonum's distributions and nothing of this module.
//
// Two rules hold everywhere. A value that cannot be computed (an empty side, a negative count, bins that do not
// match) is NaN, never zero and never one; and no predicate of this package is true of a NaN, so that what could
// not be computed can never be taken for "stable" by comparing it with a bound.
package stats
