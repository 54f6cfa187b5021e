// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/wire"
)

// maxRuns is how many runs status tells of: as many as can be started in a day, and two.
const maxRuns = 10

// Retrains says whether a monitor asks for retraining.
func Retrains(m *v1alpha1.ModelMonitor) bool { return m.Spec.Retraining.TemplateRef.Name != "" }

func dataset(d v1alpha1.RetrainingDataset) wire.Dataset {
	w := wire.Dataset{
		WindowSeconds:     durationOr(d.Window, "90d").Seconds(),
		HoldoutShare:      share(cmp.Or(d.HoldoutPercent, "10")),
		EvaluationWindows: 1,
		Versions:          d.Versions,
		MinAgreement:      share(cmp.Or(d.MinAgreementPercent, "0")),
	}
	if d.EvaluationWindows != nil {
		w.EvaluationWindows = int(*d.EvaluationWindows)
	}
	for _, f := range d.Redact {
		w.Redact = append(w.Redact, string(f))
	}
	for _, s := range d.Segments {
		w.Segments = append(w.Segments, string(s))
	}
	for _, s := range d.LabelSources {
		w.Sources = append(w.Sources, strings.ToLower(string(s)))
	}
	return w
}

var sha256Hex = regexp.MustCompile(`^[0-9a-f]{64}$`)

// builtDataset is the dataset that a verdict tells of.
func builtDataset(v wire.Verdict) v1alpha1.DatasetStatus {
	if !sha256Hex.MatchString(v.Dataset) {
		return v1alpha1.DatasetStatus{}
	}
	return v1alpha1.DatasetStatus{Digest: v.Dataset, URI: truncate(v.DatasetURI, 1024), BaseVersion: truncate(v.BaseVersion, 256)}
}

// NewLabels is the number of labels that hold and were received since the last successful run was asked for, as the last run of
// analyze that read labels saw them. One that still counted from an earlier time tells nothing. Labels go when they are old
// enough: so no count of all of them tells how many are new.
func NewLabels(s v1alpha1.ModelMonitorStatus) int64 {
	var n int64
	var at time.Time
	for _, r := range s.Analyses {
		if r.Labels != nil && r.LabelsSince.Equal(&s.Retraining.TrainedTime) && !r.LastSuccessTime.Time.Before(at) {
			n, at = *r.Labels, r.LastSuccessTime.Time
		}
	}
	return n
}

// Retrain is what the decision to train anew depends on.
type Retrain struct {
	Monitor *v1alpha1.ModelMonitor
	Mode    v1alpha1.Mode
	Now     time.Time
}

// Due says which run is to be started now; nil when none is. After is when to ask again at the latest; 0 when only what is
// watched can make one due. It leaves in status since when the schedule counts.
func (r Retrain) Due() (run *v1alpha1.RetrainingRun, after time.Duration) {
	spec, status := r.Monitor.Spec.Retraining, &r.Monitor.Status.Retraining
	if status.ScheduleSince.IsZero() {
		status.ScheduleSince = second(r.Now) // a schedule that is new must not start a run for times before it
	}
	if r.Mode != v1alpha1.ModeEnforce || Active(*status) != nil {
		return nil, 0
	}
	run, after = r.called()
	if run == nil {
		return nil, after
	}
	if wait := r.rest(durationOr(spec.Cooldown, "24h"), int(cmp.Or(spec.MaxPerDay, 4))); wait > 0 {
		return nil, wait
	}
	run.Name, run.Reason, run.State, run.RequestTime = r.name(), truncate(run.Reason, 512), v1alpha1.RetrainingBuildingDataset, second(r.Now)
	run.Generation, run.Labels = r.Monitor.Generation, NewLabels(r.Monitor.Status)
	return run, 0
}

// called is a run with what calls for it, the gravest first; nil when nothing does.
func (r Retrain) called() (run *v1alpha1.RetrainingRun, after time.Duration) {
	triggers, status := r.Monitor.Spec.Retraining.Triggers, r.Monitor.Status
	for _, v := range status.Violations {
		if slices.Contains(triggers.Thresholds, v.ThresholdName) {
			return &v1alpha1.RetrainingRun{
				Trigger: v1alpha1.RetrainingTriggerThreshold, Threshold: v.ThresholdName, Segment: v.Segment,
				Reason: fmt.Sprintf("threshold %s is violated in segment %s", v.ThresholdName, v.Segment),
			}, 0
		}
	}
	if drift := LastRun(status.Analyses, v1alpha1.AnalysisRunDrift); triggers.DriftPersists > 0 && drift != nil &&
		drift.ConclusiveOutcome == v1alpha1.AnalysisOutcomeDrift && drift.ConclusiveRuns >= triggers.DriftPersists {
		return &v1alpha1.RetrainingRun{
			Trigger: v1alpha1.RetrainingTriggerDrift,
			Reason:  fmt.Sprintf("drift was found by %d runs in a row: %s", drift.ConclusiveRuns, offenders(drift.Worst)),
		}, 0
	}
	if fresh := NewLabels(status); triggers.NewLabels > 0 && fresh >= triggers.NewLabels {
		return &v1alpha1.RetrainingRun{Trigger: v1alpha1.RetrainingTriggerNewLabels, Reason: fmt.Sprintf("%d labels are new", fresh)}, 0
	}
	if triggers.Schedule == "" {
		return nil, 0
	}
	next, err := r.next()
	if err != nil {
		return nil, 0 // validation reports it
	}
	if wait := next.Sub(r.Now); wait > 0 {
		return nil, wait
	}
	return &v1alpha1.RetrainingRun{Trigger: v1alpha1.RetrainingTriggerSchedule, Reason: "it is time: " + next.UTC().Format(time.RFC3339)}, 0
}

// next is the first time of the schedule since a run was started, or since the schedule counts.
func (r Retrain) next() (time.Time, error) {
	resolved, err := RetrainingSchedule(r.Monitor)
	if err != nil {
		return time.Time{}, err
	}
	s, err := cron.ParseStandard(resolved)
	if err != nil {
		return time.Time{}, err
	}
	return s.Next(r.Monitor.Status.Retraining.ScheduleSince.UTC()), nil
}

// RetrainingSchedule is the schedule of retraining, without "H".
func RetrainingSchedule(m *v1alpha1.ModelMonitor) (string, error) {
	return Schedule(m.Spec.Retraining.Triggers.Schedule, m.Namespace+"/"+m.Name+"/retraining")
}

// rest is how long no run may be started yet.
func (r Retrain) rest(cooldown time.Duration, maxPerDay int) time.Duration {
	const day = 24 * time.Hour
	runs := r.Monitor.Status.Retraining.Runs
	if len(runs) == 0 {
		return 0
	}
	wait := runs[len(runs)-1].RequestTime.Add(cooldown).Sub(r.Now)
	if len(runs) >= maxPerDay {
		wait = max(wait, runs[len(runs)-maxPerDay].RequestTime.Add(day).Sub(r.Now))
	}
	return max(wait, 0)
}

// name is unique to the run: the monitor has an identity, and counts its runs.
func (r Retrain) name() v1alpha1.ObjectName {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", r.Monitor.UID, r.Monitor.Status.Retraining.StartedRuns+1))
	return v1alpha1.ObjectName(naming.Job(r.Monitor.Name, "retrain", hex.EncodeToString(sum[:])[:10]))
}

// DatasetJob names the Job that builds the dataset of a run.
func DatasetJob(run *v1alpha1.RetrainingRun, monitor string) string {
	return naming.Job(monitor, KindDataset, string(run.Name)[len(run.Name)-10:])
}

// StartRun adds a run to status.
func StartRun(status *v1alpha1.RetrainingStatus, run v1alpha1.RetrainingRun) {
	status.StartedRuns++
	if run.Trigger == v1alpha1.RetrainingTriggerSchedule {
		status.ScheduleSince = run.RequestTime
	}
	runs := append(slices.Clone(status.Runs), run)
	if len(runs) > maxRuns {
		// The last that succeeded stays, however many have failed since: rollouts take their parameters from it.
		oldest := 0
		if runs[0].State == v1alpha1.RetrainingSucceeded && !slices.ContainsFunc(runs[1:], succeeded) {
			oldest = 1
		}
		runs = slices.Delete(runs, oldest, oldest+1)
	}
	status.Runs = runs
}

func succeeded(run v1alpha1.RetrainingRun) bool { return run.State == v1alpha1.RetrainingSucceeded }

// Active is the run that is under way; nil when there is none.
func Active(status v1alpha1.RetrainingStatus) *v1alpha1.RetrainingRun {
	for i := range status.Runs {
		if s := status.Runs[i].State; s == v1alpha1.RetrainingBuildingDataset || s == v1alpha1.RetrainingTraining {
			return &status.Runs[i]
		}
	}
	return nil
}

// FinishRun ends the run that is under way.
func FinishRun(status *v1alpha1.RetrainingStatus, state v1alpha1.RetrainingState, message string, now time.Time) {
	run := Active(*status)
	if run == nil {
		return
	}
	run.State, run.Message, run.FinishTime = state, truncate(message, 512), second(now)
	if state == v1alpha1.RetrainingSucceeded {
		status.SucceededRuns++
		status.TrainedTime = run.RequestTime
	} else {
		status.FailedRuns++
	}
}

// DatasetEnded moves the run under way on, by the end of the Job that built its dataset.
func DatasetEnded(status *v1alpha1.RetrainingStatus, ended Run, now time.Time) {
	run := Active(*status)
	if run == nil || run.State != v1alpha1.RetrainingBuildingDataset {
		return
	}
	v, err := wire.DecodeVerdict(ended.Message)
	switch built := builtDataset(v); {
	case err != nil:
		FinishRun(status, v1alpha1.RetrainingFailed, "the dataset could not be built: its Job "+ended.Job+" ended without a verdict; look at its logs", now)
	case v.Outcome != wire.OutcomeSucceeded || built.Digest == "":
		FinishRun(status, v1alpha1.RetrainingFailed, "the dataset could not be built: "+cmp.Or(v.Message, v.Reason, "its Job "+ended.Job+" does not say why"), now)
	default:
		run.State, run.Dataset = v1alpha1.RetrainingTraining, built
	}
}

// Retrained says what came of the last run.
func Retrained(status v1alpha1.RetrainingStatus) Finding {
	if len(status.Runs) == 0 {
		return Finding{metav1.ConditionUnknown, v1alpha1.ReasonRetrainingNotRun, "there was no retraining run yet"}
	}
	run := status.Runs[len(status.Runs)-1]
	switch run.State {
	case v1alpha1.RetrainingSucceeded:
		message := "the run " + string(run.Name) + " succeeded"
		if run.Version != "" {
			message += " and made version " + run.Version
		}
		return Finding{metav1.ConditionTrue, v1alpha1.ReasonRetrainingSucceeded, message}
	case v1alpha1.RetrainingFailed:
		return Finding{metav1.ConditionFalse, v1alpha1.ReasonRetrainingFailed, "the run " + string(run.Name) + " failed: " + run.Message}
	}
	return Finding{metav1.ConditionUnknown, v1alpha1.ReasonRetrainingUnderWay, "the run " + string(run.Name) + " is under way"}
}
