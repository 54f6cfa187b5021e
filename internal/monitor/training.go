// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// templateCheck is how often a template that cannot be used is looked at again: nothing watches what is not ours.
const templateCheck = time.Minute

// CheckTemplate judges whether a monitor may run a template; nil says that there is none. Whoever may edit monitors need not be
// allowed to make pods, so that they choose only among templates that others have made and opened to the monitor, and name
// the ServiceAccount that these have chosen.
func CheckTemplate(m *v1alpha1.ModelMonitor, template *batchv1.CronJob) error {
	spec := m.Spec.Retraining
	if template == nil {
		return &reconcileerr.Waiting{Reason: v1alpha1.ReasonTemplateNotFound, After: templateCheck,
			Message: "the CronJob " + string(spec.TemplateRef.Name) + " does not exist: create it, or name another in spec.retraining.templateRef"}
	}
	if !mayRun(m.Name, template.Annotations[naming.AnnotationRetrainingFor]) {
		return &reconcileerr.Stalled{Reason: v1alpha1.ReasonTemplateNotAllowed, After: templateCheck,
			Message: "the CronJob " + template.Name + " does not let this monitor run it: whoever may edit the CronJob adds the monitor's name to its annotation " + naming.AnnotationRetrainingFor}
	}
	if account := template.Spec.JobTemplate.Spec.Template.Spec.ServiceAccountName; account != string(spec.ServiceAccountName) {
		return &reconcileerr.Stalled{Reason: v1alpha1.ReasonServiceAccountMismatch, After: templateCheck,
			Message: "the CronJob " + template.Name + " runs under another ServiceAccount than spec.retraining.serviceAccountName names: both must name the same, and not none"}
	}
	return nil
}

func mayRun(monitor, annotation string) bool {
	for name := range strings.SplitSeq(annotation, ",") {
		if name = strings.TrimSpace(name); name == monitor || name == "*" {
			return true
		}
	}
	return false
}

// output is what a training container writes to its termination message.
type output struct {
	Version string `json:"version"`
	URI     string `json:"uri"`
}

// plain is what a version or a URI may be made of: it goes into status, environment variables and commands.
var plain = regexp.MustCompile(`^[A-Za-z0-9][-A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%]*$`)

// TrainingEnded ends the run under way once its Job has: it takes the version that the Job's pods name.
func TrainingEnded(status *v1alpha1.RetrainingStatus, j *batchv1.Job, pods []corev1.Pod) {
	run := Active(*status)
	at, over := Finished(j)
	if run == nil || !over {
		return
	}
	if reason := failure(j); reason != "" {
		FinishRun(status, v1alpha1.RetrainingFailed, "its Job failed ("+truncate(reason, 64)+"): look at the Job's logs and events", at)
		return
	}
	out, known := outputOf(j, pods)
	if !known {
		return // its end has not been seen yet
	}
	run.Version, run.URI = out.Version, out.URI
	var message string
	if out.Version == "" {
		message = `the Job named no version: let it write {"version": "…"} to its container's termination message`
	}
	FinishRun(status, v1alpha1.RetrainingSucceeded, message, at)
}

// outputOf finds what the containers of a Job's pods say that they have made: the last one that says something. It is not known
// while a container that ran has not been seen to end.
func outputOf(j *batchv1.Job, pods []corev1.Pod) (out output, known bool) {
	var ends []*corev1.ContainerStateTerminated
	for i := range pods {
		if !metav1.IsControlledBy(&pods[i], j) {
			continue
		}
		for _, s := range pods[i].Status.ContainerStatuses {
			if s.State.Terminated == nil {
				return output{}, false
			}
			ends = append(ends, s.State.Terminated)
		}
	}
	slices.SortStableFunc(ends, func(a, b *corev1.ContainerStateTerminated) int { return b.FinishedAt.Compare(a.FinishedAt.Time) })
	for _, e := range ends {
		var o output
		if json.Unmarshal([]byte(e.Message), &o) != nil || len(o.Version) > 256 || !plain.MatchString(o.Version) {
			continue
		}
		if len(o.URI) > 1024 || !plain.MatchString(o.URI) {
			o.URI = ""
		}
		return o, true
	}
	return output{}, true
}
