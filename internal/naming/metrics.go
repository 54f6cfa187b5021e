// SPDX-License-Identifier: Apache-2.0

package naming

import "strconv"

// Metrics of the sidecar. All carry the labels model (the monitor's name) and version (the model's version); those of
// segments carry segment. "Requests" are inference calls, "instances" the predictions in them.
const (
	// MetricRequests counts inference calls by code class: 2xx, 3xx, 4xx, 5xx.
	MetricRequests = "vedette_requests_total"
	// MetricTimeouts counts inference calls that ended in 408, 504, or the upstream's deadline.
	MetricTimeouts = "vedette_timeouts_total"
	// MetricCancellations counts inference calls that the client gave up.
	MetricCancellations = "vedette_cancellations_total"
	// MetricLatency is the histogram of the time from the first byte of the request to the last of the answer, in seconds.
	MetricLatency = "vedette_request_duration_seconds"
	// MetricConfidence sums and counts the confidence of predictions (a summary without quantiles).
	MetricConfidence = "vedette_confidence"
	// MetricEntropy sums and counts the normalised entropy of predictions (a summary without quantiles).
	MetricEntropy = "vedette_entropy"

	// The same per segment: once for each segment that any instance of the request is in.
	MetricSegmentRequests      = "vedette_segment_requests_total"
	MetricSegmentTimeouts      = "vedette_segment_timeouts_total"
	MetricSegmentCancellations = "vedette_segment_cancellations_total"
	MetricSegmentLatency       = "vedette_segment_request_duration_seconds"
	MetricSegmentConfidence    = "vedette_segment_confidence"
	MetricSegmentEntropy       = "vedette_segment_entropy"

	// MetricOtherRequests counts everything that is no inference call: health, metadata, unknown paths.
	MetricOtherRequests = "vedette_other_requests_total"
	// MetricInFlight is the number of requests in flight.
	MetricInFlight = "vedette_requests_in_flight"
	// MetricRequestBytes sums and counts the sizes of requests' bodies (a summary without quantiles).
	MetricRequestBytes = "vedette_request_body_bytes"
	// MetricResponseBytes sums and counts the sizes of answers' bodies (a summary without quantiles).
	MetricResponseBytes = "vedette_response_body_bytes"
	// MetricInstances counts predictions in decoded inference calls.
	MetricInstances = "vedette_instances_total"
	// MetricProfiled counts instances that the profiles cover.
	MetricProfiled = "vedette_profiled_instances_total"
	// MetricProfileSkipped counts instances (or, undecodable, requests) that they do not, by reason.
	MetricProfileSkipped = "vedette_profile_skipped_total"
	// MetricRows counts rows handed to the writer, by tier: predictions, records, pairs.
	MetricRows = "vedette_rows_total"
	// MetricRowsStored counts rows in files whose upload succeeded, by tier.
	MetricRowsStored = "vedette_rows_stored_total"
	// MetricRowsDropped counts rows that were handed to the writer and lost on their way to the store, by tier.
	MetricRowsDropped = "vedette_rows_dropped_total"
	// MetricDropped counts what was lost, in instances (or, undecoded, requests), by reason.
	MetricDropped = "vedette_capture_dropped_total"
	// MetricCaptureErrors counts what went wrong beside the loss of instances, by reason: config, expression, label_key,
	// mirror.
	MetricCaptureErrors = "vedette_capture_errors_total"
	// MetricUnreachable counts inference calls for which no connection to the model server could be made. They are no
	// requests: the model never saw them.
	MetricUnreachable = "vedette_upstream_unreachable_total"
	// MetricOutliers counts instances that are outliers, once each, by the class of the worst reason: uncertainty, distance,
	// category, length, missing, schema, rule.
	MetricOutliers = "vedette_outliers_total"
	// MetricSegmentOutliers counts the same per segment.
	MetricSegmentOutliers = "vedette_segment_outliers_total"
	// MetricSinkUp is 1 while the last upload succeeded, 0 after one failed, absent before the first.
	MetricSinkUp = "vedette_sink_up"
	// MetricSpoolBytes is what waits for upload, in bytes.
	MetricSpoolBytes = "vedette_spool_bytes"
	// MetricConfigInfo is 1, with the revision of the configuration that is in force as label revision, and the digest of the
	// baseline that outliers are scored against as label baseline, which is empty while there is none.
	MetricConfigInfo = "vedette_config_info"
)

// Metrics of the sidecar about pairs: a request that was mirrored, and the answers to it. They carry model, but no version, and
// rollout, candidate (the shadow's revision), attempt, run (when these series began, in Unix seconds: after a restart, or a pause, they begin anew)
// and, but for the share, segment: "all", or the name of a segment that an instance of the request is in.
const (
	// MetricPairs counts requests that were chosen to be mirrored, by outcome: compared, primary_error, shadow_error, both_error,
	// shadow_timeout, shadow_unreachable, incomparable, dropped (beyond a bound), lost (the primary's own record was), cancelled.
	MetricPairs = "vedette_pairs_total"
	// MetricPairStatus counts pairs that reached the shadow, and whose client did not give up, by how each side ended; labels primary, shadow:
	// ok, invalid (4xx), error (5xx, a timeout or broken; of the primary also unreachable).
	MetricPairStatus = "vedette_pair_status_total"
	// MetricPairAgreement counts compared pairs by one instance each, and as other those of which only the shadow's answer cannot be read; label shadow: same, other; label replica, of the primary's
	// second answer: none, same, other.
	MetricPairAgreement = "vedette_pair_agreement_total"
	// MetricPairDifferenceSum sums the differences of compared pairs, shadow less primary, of one instance each; label of: score,
	// confidence, entropy, excess (the size of the score's difference less that of the primary from itself, weighed by one over the
	// probability to ask); label direction: up sums the positive ones, down the negative ones without their sign.
	MetricPairDifferenceSum = "vedette_pair_difference_sum_total"
	// MetricPairDifferenceSquares sums the squares of the same differences; label of.
	MetricPairDifferenceSquares = "vedette_pair_difference_squares_total"
	// MetricPairDifferenceCount counts the same differences; label of.
	MetricPairDifferenceCount = "vedette_pair_difference_count_total"
	// MetricPairCrossings counts compared pairs whose scores lie on different sides of a cut, by one instance each; label cut: one of ScoreCuts;
	// label direction: up where the shadow's is above it, down where the primary's is.
	MetricPairCrossings = "vedette_pair_score_crossings_total"
	// MetricPairScores counts compared pairs both of whose scores are probabilities, by one instance each: those whose crossings are counted.
	MetricPairScores = "vedette_pair_scores_total"
	// MetricPairLatency counts the latencies of pairs whose primary was not asked twice and both of whose sides answered or timed out, from when the request was whole to
	// the end of the answer; labels side: primary, shadow; bucket: 16 times the binary logarithm of the microseconds, rounded down.
	MetricPairLatency = "vedette_pair_latency_total"
	// MetricPairReplicaShare is the share of mirrored requests that the primary is asked a second time, now.
	MetricPairReplicaShare = "vedette_pair_replica_share"
)

// ScoreCuts are the cuts of MetricPairCrossings: probabilities, finer where they are small or great.
var ScoreCuts = [...]float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99}

// ScoreCutLabels are the values of the label cut, in the order of ScoreCuts.
var ScoreCutLabels = func() (labels [len(ScoreCuts)]string) {
	for i, cut := range ScoreCuts {
		labels[i] = strconv.FormatFloat(cut, 'g', -1, 64)
	}
	return labels
}()

// Gauges that the manager's leader derives from status at scrape time. All carry monitor_namespace and monitor.
const (
	// MetricMonitorCondition is 1 for the current status of each condition; labels type, status.
	MetricMonitorCondition = "vedette_monitor_condition"
	// MetricCapturePods counts pods of the target; label state: injected, current, bare.
	MetricCapturePods = "vedette_monitor_capture_pods"
	// MetricAnalysisViolated is 1 or 0 for each threshold and segment that the last conclusive run of an analysis judged; labels
	// threshold, segment.
	MetricAnalysisViolated = "vedette_analysis_threshold_violated"
	// MetricAnalysisValue is the value that the same was judged by; labels threshold, segment.
	MetricAnalysisValue = "vedette_analysis_threshold_value"
	// MetricPerformance is a metric of the last conclusive Performance run; labels metric, segment, version ("" is all).
	MetricPerformance = "vedette_performance"
	// MetricPerformanceLow is the lower end of its interval of 95 % confidence.
	MetricPerformanceLow = "vedette_performance_low"
	// MetricPerformanceHigh is the upper end of its interval of 95 % confidence.
	MetricPerformanceHigh = "vedette_performance_high"
	// MetricAnalysisLastSuccess is when an analysis last reached a verdict, or when the monitor was made if it never did, in
	// Unix seconds; label kind.
	MetricAnalysisLastSuccess = "vedette_analysis_last_success_timestamp_seconds"
	// MetricAnalysisOutliers is the number of outliers of the last run.
	MetricAnalysisOutliers = "vedette_analysis_outliers"
	// MetricRetrainingRuns counts retraining runs that ended; label outcome: succeeded, failed.
	MetricRetrainingRuns = "vedette_retraining_runs_total"
	// MetricAuditPending is the number of a monitor's entries that wait for the audit log.
	MetricAuditPending = "vedette_audit_pending_entries"
	// MetricAuditUp is 1 while the last attempt to use an audit log succeeded; labels url, cluster.
	MetricAuditUp = "vedette_audit_up"
	// MetricAuditHead is the number of the last entry of an audit log; labels url, cluster, and hash: the start of its hash.
	MetricAuditHead = "vedette_audit_head"
	// MetricInjections counts admissions by result (Injected, Skipped, Failed) and reason; counted by every replica.
	MetricInjections = "vedette_injections_total"
)

// MetricQueueCondition is 1 for the current status of each condition of an AnnotationQueue; the manager's leader exposes it with
// the labels queue_namespace, queue, type, status.
const MetricQueueCondition = "vedette_queue_condition"

// Metrics of rollouts, which the manager's leader derives from status. All carry rollout_namespace and rollout.
const (
	// MetricRolloutCondition is 1 for the current status of each condition of a ShadowRollout; labels type, status.
	MetricRolloutCondition = "vedette_rollout_condition"
	// MetricRolloutVerdict is 1 while the decision on record is that the candidate may serve, 0 while it is that it may not, and absent
	// until there is one, and while spec.analysis is another than a pass was found by; label candidate: its revision.
	MetricRolloutVerdict = "vedette_rollout_verdict"
	// MetricRolloutPairs is the number of requests whose two answers were compared in the present try of a candidate, by the last
	// evaluation; label candidate.
	MetricRolloutPairs = "vedette_rollout_pairs"
	// MetricRolloutAuditPending is the number of a rollout's entries that wait for the audit log.
	MetricRolloutAuditPending = "vedette_rollout_audit_pending_entries"
)

// Metrics of review. All carry the label queue. Those that say what the queue holds are read from its database, so that every
// pod of a queue exposes the same.
const (
	// MetricQueueItems counts items by monitor, origin (outlier, random) and state (pending, conflict, done, expired).
	MetricQueueItems = "vedette_queue_items"
	// MetricQueueUnread counts, of the pending ones, those that nobody has looked at yet, by monitor and origin: of monitors that feed
	// the queue, and without near-duplicates.
	MetricQueueUnread = "vedette_queue_unread_items"
	// MetricQueueOldestPending is when the oldest pending item came, in Unix seconds, of monitors that feed the
	// queue and without near-duplicates; absent while there is none.
	MetricQueueOldestPending = "vedette_queue_oldest_pending_timestamp_seconds"
	// MetricQueueAnswers counts what people said, by kind: answer, skip, settle, undo, and, among the answers, critical, escalated and
	// short (of an item that too few people answered in its time).
	MetricQueueAnswers = "vedette_queue_answers_total"
	// MetricQueueBudgetLeft is how many items may still be first offered today; absent without a budget.
	MetricQueueBudgetLeft = "vedette_queue_budget_left_items"
	// MetricQueuePublished counts labels that are in the store.
	MetricQueuePublished = "vedette_queue_labels_published_total"
	// MetricQueueUnpublished is the number of labels that wait to be written to the store.
	MetricQueueUnpublished = "vedette_queue_labels_unpublished"
	// MetricQueueLastRead is when a file of the store was last read, in Unix seconds; absent before the first.
	MetricQueueLastRead = "vedette_queue_last_read_timestamp_seconds"
	// MetricQueueErrors counts what failed and is tried again, by what was done: config, ingest, publish, retain.
	MetricQueueErrors = "vedette_queue_errors_total"
)

// RuleThresholdViolated is the recording rule whose value is 1 or 0 for each threshold and segment with enough samples.
const RuleThresholdViolated = "vedette:threshold_violated"

// SegmentAll is the segment label, in rules, gauges and status, of what covers all traffic. No segment may have the name.
// Profiles and verdicts leave the segment empty instead.
const SegmentAll = "all"
