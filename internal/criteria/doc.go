// SPDX-License-Identifier: Apache-2.0

// Package criteria owns the judgement of a candidate that answers copies of requests beside the model in production:
// from the counts of the pairs of answers to a verdict for each criterion and each segment, and for the candidate.
//
// It is pure: no clock, no logger, no context, no I/O; it imports internal/stats, and nothing of Kubernetes or of the API.
//
// # Looking at any time
//
// Evidence is an e-value, a number whose expectation is at most 1, at every time one may choose to look, as long as the
// hypothesis that it speaks against holds; that it ever reaches 1/a then has a probability of at most a (Ville 1939). So the
// counts may be judged every minute, and the first verdict may be acted on. The unit is a request; of a request with several
// instances one is counted.
//
// A criterion passes in a scope, which is all requests or those of a segment, when the evidence against "the difference
// is at least the margin" reaches 1/MaxWrongPromotion. The candidate passes when all pass in all scopes. No correction
// for their number is needed: to be promoted wrongly, a candidate that is beyond a margin must get past that one
// (intersection-union, Berger 1982).
//
// A criterion fails when the evidence against "the difference is at most the margin" does, in one scope. As one failure
// rejects the candidate, MaxWrongRejection is split evenly over the criteria, and within a criterion the scopes are
// judged together by e-BH (Wang and Ramdas 2022), whose threshold the bounds of that criterion share.
//
// # The evidence of each signal
//
// ErrorRatio and InvalidInputRatio: both sides of a pair failed or not. stats.PairedAbove bets on the difference of the
// two shares by how many pairs failed on one side alone, and by how many did not. A candidate that never fails alone passes
// after about 5/margin pairs.
//
// Accuracy: the same of being wrong, over the pairs of which it became known what was right. In which order they become known does
// not matter as long as it does not follow from who was right; whoever counts them sees to that.
//
// Disagreement: how much more often the candidate differs from the model than the model from itself. Some requests are
// answered by the model a second time, by chance, and of such a triple the two outcomes "the candidate differs" and "the
// model differs from itself" are a pair as above: their difference is just what is to be judged, however noisy the model.
// But triples cost calls, and are few. All other pairs tell how often the candidate differs, noise included.
//   - To pass, both can be bet on: where the extra disagreement is at least the margin, all disagreement is too. So another
//     pair counts as a triple whose model agrees with itself, and the stakes are the same. As these pairs speak against a
//     candidate when there is noise, half the weight is on the triples alone: that costs a factor of two, or 0.7/margin
//     pairs.
//   - To fail, the other pairs need an upper bound of the noise, from the triples, at a tenth of the level. The evidence
//     that all disagreement exceeds the margin and that bound is mixed with that of the triples, a quarter and three
//     quarters: the first is the sharp one where a model is known not to differ from itself, the second elsewhere.
//
// Without any triples a candidate can pass, and cannot fail: all of its differences might be noise.
//
// LatencySeconds: stats.QuantileRatio, of which a tenth of the level goes to where the model's own quantile is.
//
// ScoreDifference, ScoreShift, MeanConfidence and MeanEntropy: means of differences. Where scores are probabilities, those of
// all four are at most 1 (entropies are normalised), and stats.BoundedBelow is exact; for others stats.MeanAbove is
// asymptotic. To fail, ScoreDifference takes the latter always: the noise that it takes off counts by the inverse of the
// chance of being asked, and has no bound that is known here. The signed ones, all but ScoreDifference, are judged by their size: to pass, a shift must be shown to lie
// between both margins, and each side at the full level, as a shift is beyond one of them at most; to fail, the
// e-value is the mean of those of both sides.
//
// ScoreDistribution: at each of some cuts of the score, a pair is two outcomes, "above" and not. Their difference is bet on as that
// of failures is; see distributionClaim.
//
// # What a criterion does not see
//
// Pairs that were dropped, and those one of whose sides failed, have no answers to compare. Failures count in
// ErrorRatio alone, and answers of the candidate that cannot be read as disagreement; in Accuracy those of either side are wrong. Drops by load are chosen whatever the content;
// bodies beyond the limit of the capture are always dropped, so nothing is known of such requests.
package criteria
