// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Conditions of a ShadowRollout besides the shared ones. A rollout stays Ready while it analyses, and when it rejects: it does
// what it was asked to do.
const (
	// ConditionAvailable is True while the primary serves.
	ConditionAvailable = "Available"
	// ConditionCandidateFit is the verdict on the candidate: True when it has passed, False when it has failed, Unknown until
	// then. Without a candidate it is Unknown with reason NoCandidate.
	ConditionCandidateFit = "CandidateFit"
	// ConditionProgressing is True while a candidate is tried, waits for its approval, rolls out or is baked.
	ConditionProgressing = "Progressing"
	// ConditionBaking is present once a candidate was promoted: True while it is watched, False when that has ended. After a
	// rollback it goes once another candidate is tried, or the template is what serves again.
	ConditionBaking = "Baking"
	// ConditionAnnotationIgnored is present and True while an annotation by which a person decides, such as vedette.dev/pause,
	// has a value that can be no revision.
	ConditionAnnotationIgnored = "AnnotationIgnored"
)

// Reasons of CandidateFit.
const (
	// ReasonNoCandidate means that the template is the one that serves, or was judged before.
	ReasonNoCandidate = "NoCandidate"
	// ReasonAnalysisRunning means that evidence is still being gathered.
	ReasonAnalysisRunning = "AnalysisRunning"
	// ReasonAnalysisPassed means that every criterion was shown to hold.
	ReasonAnalysisPassed = "AnalysisPassed"
	// ReasonAwaitingApproval means that every criterion was shown to hold, and that a person must approve the revision.
	ReasonAwaitingApproval = "AwaitingApproval"
	// ReasonAdvised means that every criterion was shown to hold, and that nothing follows from it here, by policy Advise.
	ReasonAdvised = "Advised"
	// ReasonAnalysisFailed means that a criterion was shown not to hold.
	ReasonAnalysisFailed = "AnalysisFailed"
	// ReasonRejected means that a person has rejected the revision.
	ReasonRejected = "Rejected"
	// ReasonDeadlineExceeded means that there was no verdict in time.
	ReasonDeadlineExceeded = "DeadlineExceeded"
	// ReasonInsufficientTraffic means that no request has been compared yet.
	ReasonInsufficientTraffic = "InsufficientTraffic"
	// ReasonNothingCaptured means that the ModelMonitor captures nothing, so that no request is compared.
	ReasonNothingCaptured = "NothingCaptured"
	// ReasonPaused means that a person has paused the rollout; evidence goes on being gathered.
	ReasonPaused = "Paused"
	// ReasonAborted means that a person has ended the trial of the revision.
	ReasonAborted = "Aborted"
	// ReasonShadowUnschedulable means that no node takes the shadow's pods. It says nothing about the candidate.
	ReasonShadowUnschedulable = "ShadowUnschedulable"
	// ReasonShadowNotAvailable means that no pod of the shadow is ready.
	ReasonShadowNotAvailable = "ShadowNotAvailable"
	// ReasonPromoted means that the candidate serves.
	ReasonPromoted = "Promoted"
)

// Reasons of Available, Progressing and Baking.
const (
	// ReasonPrimaryAvailable means that the primary serves.
	ReasonPrimaryAvailable = "PrimaryAvailable"
	// ReasonPrimaryNotAvailable means that the primary has fewer ready pods than it needs to serve.
	ReasonPrimaryNotAvailable = "PrimaryNotAvailable"
	// ReasonPrimaryFailed means that the pods of the primary do not come up in their time (progressDeadlineSeconds of its Deployment).
	ReasonPrimaryFailed = "PrimaryFailed"
	// ReasonRollingOut means that the primary is being replaced, by a promotion or a rollback.
	ReasonRollingOut = "RollingOut"
	// ReasonBakeRunning means that the new primary is being watched.
	ReasonBakeRunning = "BakeRunning"
	// ReasonBakeFailed means that the new primary violates a threshold.
	ReasonBakeFailed = "BakeFailed"
	// ReasonRolledBack means that the last good revision serves again.
	ReasonRolledBack = "RolledBack"
)

// Reasons of Ready and Stalled.
const (
	// ReasonInvalidCriterion means that a criterion, or a threshold of the bake, does not fit the ModelMonitor, or times of the trial
	// exclude each other.
	ReasonInvalidCriterion = "InvalidCriterion"
	// ReasonInvalidParameter means that a parameter of the candidate names what the template does not have.
	ReasonInvalidParameter = "InvalidParameter"
	// ReasonRevisionMissing means that what was kept of a revision is gone.
	ReasonRevisionMissing = "RevisionMissing"
	// ReasonMonitorTaken means that another, older ShadowRollout uses the ModelMonitor.
	ReasonMonitorTaken = "MonitorTaken"
	// ReasonCandidateNotFound means that the workload of spec.candidate does not exist.
	ReasonCandidateNotFound = "CandidateNotFound"
	// ReasonTemplateServes means that the template still has replicas, so that they and the primary both serve, the same
	// revision. Set its replicas to 0 once the primary is available. It is a reason of Ready that is True.
	ReasonTemplateServes = "TemplateServes"
	// ReasonUntriedTemplateServes means that the template has replicas, which run another revision than the primary, so that
	// people get answers of one that was not promoted. Set its replicas to 0. A trial goes on all the while.
	ReasonUntriedTemplateServes = "UntriedTemplateServes"
	// ReasonShadowWouldServe means that a Service that is not the rollout's would select the shadow's pods; of a workload of
	// spec.candidate.workloadRef, one that selects the pods of what serves as well.
	ReasonShadowWouldServe = "ShadowWouldServe"
	// ReasonTargetUnsupported means that the target of the ModelMonitor is not a workload, as spec.candidate.workloadRef needs it.
	ReasonTargetUnsupported = "TargetUnsupported"
	// ReasonCandidateServes means that the workload of spec.candidate.workloadRef is what serves, or selects its pods.
	ReasonCandidateServes = "CandidateServes"
	// ReasonShadowInjected means that the pods of spec.candidate.workloadRef ask for the sidecar of the ModelMonitor, which
	// would take what they answer for answers of what serves.
	ReasonShadowInjected = "ShadowInjected"
	// ReasonSelectorUnsupported means that the workload of spec.candidate.workloadRef finds its pods in a way in which a Service
	// cannot.
	ReasonSelectorUnsupported = "SelectorUnsupported"
	// ReasonWouldScaleDown means that a primary that an earlier rollout of the name has left has more pods than spec.replicas.
	ReasonWouldScaleDown = "WouldScaleDown"
	// ReasonReferenceMissing means that a ConfigMap or a Secret that the template names does not exist.
	ReasonReferenceMissing = "ReferenceMissing"
)

// Reasons of AnnotationIgnored.
const (
	// ReasonNotARevision means that the value of an annotation can be no revision, which is 10 hex digits.
	ReasonNotARevision = "NotARevision"
)

// ShadowRolloutStatus is what the operator has observed about a ShadowRollout.
//
// +kubebuilder:validation:MinProperties=1
type ShadowRolloutStatus struct {
	// conditions are the latest observations of the rollout's state.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that was last reconciled to an end, good or bad.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// primaryRevision is the revision that serves, or is rolling out to.
	// +optional
	PrimaryRevision Revision `json:"primaryRevision,omitempty"`

	// replicas is the number of pods of the primary. It is absent with candidate.workloadRef.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Replicas *int32 `json:"replicas,omitempty"`

	// selector selects the pods of the primary, for the scale subresource. It is absent with candidate.workloadRef.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Selector string `json:"selector,omitempty"`

	// candidate is the revision that is tried, or was last. It is absent when there is none.
	// +optional
	Candidate CandidateStatus `json:"candidate,omitempty,omitzero"`

	// fromMonitor is the hash of what spec.analysis leaves to the ModelMonitor to say, as the manager saw it last: the bounds of the
	// thresholds that criteria name, and the segments where criteria are about all of them.
	// +optional
	FromMonitor AnalysisHash `json:"fromMonitor,omitempty"`

	// decision is the last decision. It is recorded before anything follows from it.
	// +optional
	Decision RolloutDecision `json:"decision,omitempty,omitzero"`

	// bake is the watch over the last promotion. It is absent when nothing was promoted, and after its end.
	// +optional
	Bake BakeStatus `json:"bake,omitempty,omitzero"`

	// rejected are the last revisions that were rejected, the latest first. They are not tried again unless a person asks for
	// it.
	// +optional
	// +listType=map
	// +listMapKey=revision
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=10
	Rejected []RejectedRevision `json:"rejected,omitempty"`

	// audit is what the audit log of the class has been told, or will be.
	// +optional
	Audit AuditStatus `json:"audit,omitempty,omitzero"`
}

// Verdict is what the evidence says about a candidate, or about one criterion.
//
// +kubebuilder:validation:Enum=Pass;Fail;Inconclusive;Error
type Verdict string

const (
	// VerdictPass means that every criterion was shown to hold.
	VerdictPass Verdict = "Pass"
	// VerdictFail means that one was shown not to hold.
	VerdictFail Verdict = "Fail"
	// VerdictInconclusive means that the evidence does not suffice.
	VerdictInconclusive Verdict = "Inconclusive"
	// VerdictError means that the evidence could not be read.
	VerdictError Verdict = "Error"
)

// CandidateStatus is the trial of one candidate.
type CandidateStatus struct {
	// revision is the candidate's.
	// +required
	Revision Revision `json:"revision,omitempty"`

	// attempt tells trials of one revision apart: the start of this one, in Unix seconds.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Attempt int64 `json:"attempt,omitempty"`

	// startTime is when its trial began. The deadline counts from it.
	// +optional
	StartTime metav1.Time `json:"startTime,omitempty,omitzero"`

	// firstPairTime is when an evaluation first found requests whose two answers were compared. The analysis's minDuration counts
	// from it. When unset, none has.
	// +optional
	FirstPairTime metav1.Time `json:"firstPairTime,omitempty,omitzero"`

	// lastEvaluationTime is when the criteria were last evaluated.
	// +optional
	LastEvaluationTime metav1.Time `json:"lastEvaluationTime,omitempty,omitzero"`

	// verdict is what came of it.
	// +optional
	Verdict Verdict `json:"verdict,omitempty"`

	// errors is the number of evaluations in a row, up to the last, that could not read the metrics. When unset, the last could.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Errors int32 `json:"errors,omitempty"`

	// pairs is the number of requests whose two answers were compared.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Pairs *int64 `json:"pairs,omitempty"`

	// findings are what the last evaluation found, one for each criterion and segment that it is judged in.
	// +optional
	// +listType=map
	// +listMapKey=criterion
	// +listMapKey=segment
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1056
	Findings []RolloutFinding `json:"findings,omitempty"`

	// retry is the value that the annotation vedette.dev/retry had when it was started.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Retry string `json:"retry,omitempty"`
}

// RolloutFinding is what an evaluation found about one criterion in one segment. Numbers have four significant digits.
type RolloutFinding struct {
	// criterion is the name of the criterion.
	// +required
	Criterion ItemName `json:"criterion,omitempty"`

	// segment is the name of the segment; "all" stands for all traffic.
	// +required
	Segment ItemName `json:"segment,omitempty"`

	// verdict says whether the criterion holds there.
	// +required
	Verdict Verdict `json:"verdict,omitempty"`

	// estimate is the difference, or the ratio, that was seen. When unset, there is none yet.
	// +optional
	Estimate Decimal `json:"estimate,omitempty"`

	// low is the lower end of where it must lie. When unset, it has none.
	// +optional
	Low Decimal `json:"low,omitempty"`

	// high is the upper end of where it must lie. When unset, it has none.
	// +optional
	High Decimal `json:"high,omitempty"`

	// samples is the number of requests that it rests on. When unset, there are none.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Samples int64 `json:"samples,omitempty"`

	// need is about how many more requests must be compared for a verdict, if they are like those before: requests of the whole trial, as
	// candidate.pairs counts them, of which only a share is of the segment, or has a label. When unset, that is not known, or none is.
	// +optional
	// +kubebuilder:validation:Minimum=1
	Need int64 `json:"need,omitempty"`
}

// RolloutDecision is a decision about a revision.
type RolloutDecision struct {
	// revision is what was decided about.
	// +required
	Revision Revision `json:"revision,omitempty"`

	// verdict is Pass when the revision may serve, and Fail when it may not.
	// +required
	Verdict Verdict `json:"verdict,omitempty"`

	// message says why: the criteria, segments and bounds, or who decided.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`

	// analysis is the hash of spec.analysis by which it was decided. A verdict of Pass holds while that is so: once it is changed, the
	// candidate is judged anew. When unset, a release that did not know of it has decided, and the verdict holds.
	// +optional
	Analysis AnalysisHash `json:"analysis,omitempty"`

	// fromMonitor is what status.fromMonitor was when it was decided. A verdict of Pass holds while that is so. When unset, a release that
	// did not know of it has decided, and the verdict holds unless a criterion names a threshold.
	// +optional
	FromMonitor AnalysisHash `json:"fromMonitor,omitempty"`

	// time is when it was decided.
	// +required
	Time metav1.Time `json:"time,omitempty,omitzero"`
}

// AnalysisHash is the hash of an analysis, or of a part of it: 10 hex digits.
//
// +kubebuilder:validation:MinLength=10
// +kubebuilder:validation:MaxLength=10
// +kubebuilder:validation:Pattern=`^[0-9a-f]{10}$`
type AnalysisHash string

// BakeStatus is the watch over a promotion.
type BakeStatus struct {
	// revision is what was promoted.
	// +required
	Revision Revision `json:"revision,omitempty"`

	// previousRevision is what served before, and comes back on a rollback. When unset, nothing did.
	// +optional
	PreviousRevision Revision `json:"previousRevision,omitempty"`

	// promotionTime is when it was promoted. What a threshold has been violated since counts against it.
	// +optional
	PromotionTime metav1.Time `json:"promotionTime,omitempty,omitzero"`

	// startTime is when the new primary had rolled out. When unset, it has not yet.
	// +optional
	StartTime metav1.Time `json:"startTime,omitempty,omitzero"`
}

// RejectedRevision is a revision that was rejected.
type RejectedRevision struct {
	// revision is what was rejected.
	// +required
	Revision Revision `json:"revision,omitempty"`

	// reason is why, in a word: AnalysisFailed, BakeFailed, Rejected or Aborted.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Z][A-Za-z]*$`
	Reason string `json:"reason,omitempty"`

	// message says why in full.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`

	// time is when it was rejected.
	// +required
	Time metav1.Time `json:"time,omitempty,omitzero"`

	// retry is the value that the annotation vedette.dev/retry had by then: another value tries the revision again.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Retry string `json:"retry,omitempty"`
}
