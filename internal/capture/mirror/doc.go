// SPDX-License-Identifier: Apache-2.0

// Package mirror owns the comparison of a primary with its shadow: it copies requests to the shadow while the primary answers
// them, pairs the answers, and counts what they show.
//
// How a request becomes a pair:
//
//	chosen      by the hash of its id, once its body is complete; it belongs to the attempt that is under way then
//	copied      into memory of the mirror's own, within its bounds, and sent from a goroutine of its own. What does not fit
//	            is dropped, and counts as that
//	replicated  for a share of the pairs the primary is asked a second time, to learn how far it disagrees with itself
//	complete    when the primary's answer was decoded, as it always is, and the copies have ended, in whatever way
//	finished    by the goroutine that decodes all calls: the other answers are decoded, compared and counted
//
// Two rules decide everything. Nothing of this delays or changes the primary's answer or the record of it: the record is
// written when it always was, and what waits for the shadow is a summary that counts against the mirror's bounds. And every
// request that is chosen is counted with exactly one outcome, in vedette_pairs_total.
//
// The copy is the request as the model server got it: method, path, query, host and all headers but those that belong to a
// connection. Credentials and cookies are among them, because a model may need them, and the shadow is the same team's model.
// It is marked by the header Vedette-Shadow. Redirects are not followed, and no encoding is asked for that the client did not ask for.
//
// Latencies of both sides count from when the request was whole: what a client takes to send it is no matter of the model's.
//
// The package must not import the pipeline or Kubernetes packages.
package mirror
