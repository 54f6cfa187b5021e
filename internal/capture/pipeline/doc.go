// SPDX-License-Identifier: Apache-2.0

// Package pipeline owns what happens to an inference call after it was answered: it is decoded, scored, counted,
// sampled, profiled, and its rows are written to files in the spool.
//
// All of it happens on one goroutine, the worker, so that capture never takes more than one core, and takes it from
// nobody's request: between the requests and the worker stands a queue that is bounded in items and, by the budget of
// the proxy, in bytes. Offering never waits; what does not fit is dropped, the newest first, and counted.
//
// How a call is counted, so that the identities of package telemetry hold:
//
//	answered and decoded     n instances, profiled, n rows with outcome ok
//	answered, undecodable    1 instance, skipped as undecodable, 1 row with outcome undecodable
//	a body over the limit    1 instance, skipped as limit, 1 row with outcome undecodable, and truncated
//	not answered well        the request's instances (1 if it cannot be decoded), skipped as no_answer, as many rows with
//	                         outcome error, timeout or cancelled: the inputs that a model fails on are evidence
//	dropped undecoded        1 instance, skipped as dropped, no row
//
// Of calls that package mirror has chosen, it hands the mirror a summary of what the primary answered, and finishes the pairs that are
// complete, between calls: a pair is never waited for.
//
// Rows wait in memory for at most the flush interval. That much is lost when the process is killed; what is in the
// spool is not.
//
// The package must not import Kubernetes packages, and reads no clock.
package pipeline
