// SPDX-License-Identifier: Apache-2.0

// Package telemetry owns the sidecar's metrics: their names are those of package naming, their number is bounded.
//
// All series carry the labels model and version. With S segments there are 19 series for all traffic and 19 for each
// segment: requests in 3 classes, timeouts, 10 of the latency histogram with 7 finite buckets, sum and count of confidence
// and of entropy, and cancellations of all traffic, outliers of each segment. There are 36 of which there is one set:
//
//	19·(S+1) + 36, which is 150 for 5 segments.
//
// On top come those that begin when they first count, since few models ever need them: redirects (3xx), of all traffic and
// of each segment, and cancellations of each segment.
//
// Those of pairs, which have no version but an attempt of a candidate, begin when they first count, too. Of all traffic and of
// each segment there are at most 10 outcomes, 9 of status, 6 of agreement, and 16 of differences; of all traffic and of L segments
// whose latencies are counted, at most 480 buckets for each side, of which a model that answers within one decade fills about 54;
// and the share of replicas:
//
//	41·(S+1) + 2·480·(L+1) + 1, of each of at most two attempts,
//
// as those of an attempt are shown for two minutes after another took its place, or until yet another does.
//
// There are no Go or process collectors. What is counted obeys these identities, at rest:
//
//	instances         = profiled + Σ profile_skipped{reason}
//	instances         = rows{tier="predictions"} + dropped{reason="queue"} + dropped{reason="internal"}   (keep all)
//	rows{tier}        = rows_stored{tier} + rows_dropped{tier} + those that wait in the spool
//	dropped{"spool"}  = rows_dropped{tier="predictions"}
//	Σ outliers{reason} = rows of keep_reason outlier in either tier, written or dropped
//
// An instance is one prediction of an inference call. A call that cannot be taken apart (undecodable, longer than the
// limit, or lost before it was decoded) counts as one. The series of segments are counted after decoding: calls that
// were dropped undecoded are in none.
//
// They hold within one process, while the version stays the same. Two things are outside:
//
//   - When the pod's version label is changed in place, the series of the old version end at once, so that no version is
//     shown that serves no more. Calls that were waiting to be decoded then are counted nowhere, and their rows, as
//     those that wait in the spool, are counted as stored or dropped under the new version. Deployments, which replace
//     pods to change their labels, never see this.
//   - After a restart of the container, the rows of the files that its predecessor left in the spool are in rows_stored
//     and rows_dropped of the new process, and in rows of neither.
//
// The package imports no other part of the sidecar.
package telemetry
