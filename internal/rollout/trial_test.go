// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/conditions"
	"github.com/vedette-dev/vedette/internal/naming"
)

// of is what a rollout of the name fraud in payments reports.
func of(change func(*Report)) Report {
	r := Report{
		Rollout:  &v1alpha1.ShadowRollout{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "fraud"}},
		Observed: Observed{Template: "bbbbbbbbbb", Primary: "aaaaaaaaaa", Shadow: "bbbbbbbbbb", PrimarySettled: true, Now: time.Unix(100000, 0)},
	}
	change(&r)
	return r
}

func TestWhyAShadowIsNotUp(t *testing.T) {
	waiting := func(reason, message string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	}
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error"}}
	model := func(state, last corev1.ContainerState) corev1.PodStatus {
		return corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "model", State: state, LastTerminationState: last}}}
	}
	const selector = "kubectl describe pods -n payments -l vedette.dev/rollout=fraud,vedette.dev/role=shadow"
	crashes := `the container "model" waits (CrashLoopBackOff), as it ends with exit code 3 (Error). ` + selector
	for name, tt := range map[string]struct {
		status   corev1.PodStatus
		revision string
		going    bool
		reason   string
		want     string
	}{
		"it starts":                      {status: model(waiting("ContainerCreating", ""), corev1.ContainerState{}), reason: v1alpha1.ReasonShadowNotAvailable, want: "not ready yet: see " + selector},
		"its image cannot be pulled":     {status: model(waiting("ImagePullBackOff", "Back-off pulling"), corev1.ContainerState{}), reason: v1alpha1.ReasonShadowNotAvailable, want: `"model" waits (ImagePullBackOff). ` + selector},
		"the same, as it is tried again": {status: model(waiting("ErrImagePull", "no such host"), corev1.ContainerState{}), reason: v1alpha1.ReasonShadowNotAvailable, want: `"model" waits (ImagePullBackOff). ` + selector},
		"its name is no image's":         {status: model(waiting("InvalidImageName", ""), corev1.ContainerState{}), reason: v1alpha1.ReasonShadowNotAvailable, want: `"model" waits (InvalidImageName). ` + selector},
		"it crashes: it waits":           {status: model(waiting("CrashLoopBackOff", "back-off 10s"), ended), reason: v1alpha1.ReasonShadowNotAvailable, want: crashes},
		"it crashes: it has ended":       {status: model(ended, corev1.ContainerState{}), reason: v1alpha1.ReasonShadowNotAvailable, want: crashes},
		"it crashes: it runs once more":  {status: model(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, ended), reason: v1alpha1.ReasonShadowNotAvailable, want: crashes},
		"what comes first crashes": {
			status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{{Name: "fetch", State: ended}}},
			reason: v1alpha1.ReasonShadowNotAvailable, want: `"fetch" waits (CrashLoopBackOff)`,
		},
		"a Secret is missing":               {status: model(waiting("CreateContainerConfigError", "secret \"s\" not found"), corev1.ContainerState{}), reason: v1alpha1.ReasonReferenceMissing, want: "secret"},
		"a pod of another revision crashes": {status: model(ended, corev1.ContainerState{}), revision: "cccccccccc", reason: v1alpha1.ReasonShadowNotAvailable, want: "not ready yet"},
		"a pod that goes has ended":         {status: model(ended, corev1.ContainerState{}), going: true, reason: v1alpha1.ReasonShadowNotAvailable, want: "not ready yet"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := corev1.Pod{Status: tt.status}
			if tt.revision != "" {
				pod.Labels = map[string]string{naming.LabelRevision: tt.revision}
			}
			if tt.going {
				pod.DeletionTimestamp = new(metav1.Unix(1, 0))
			}
			got := of(func(r *Report) { r.ShadowPods = []corev1.Pod{pod} }).shadowNotUp()
			if got.reason != tt.reason || !strings.Contains(got.message, tt.want) {
				t.Errorf("%s: %s, want %s: %s", got.reason, got.message, tt.reason, tt.want)
			}
		})
	}
}

func TestWhyNothingIsCompared(t *testing.T) {
	now := time.Unix(100000, 0)
	for name, tt := range map[string]struct {
		since time.Time
		want  string
	}{
		"the document was just made":   {want: "the sidecars hear of the trial within about 2 minutes"},
		"sidecars may not have it yet": {since: now.Add(-2 * time.Minute), want: "the sidecars hear of the trial within about 2 minutes"},
		"they must have it":            {since: now.Add(-3 * time.Minute), want: "mirror.percent, 10, takes enough"},
	} {
		t.Run(name, func(t *testing.T) {
			got := of(func(r *Report) {
				r.MirroredSince = tt.since
				r.Rollout.Spec.Analysis.ErrorLimit = 1
				r.Rollout.Status.Candidate.LastEvaluationTime = metav1.NewTime(now)
			}).running()
			if got.reason != v1alpha1.ReasonInsufficientTraffic || !strings.Contains(got.message, tt.want) {
				t.Errorf("%s: %s", got.reason, got.message)
			}
		})
	}
}

// TestARollbackIsNoNewsForEver: it is said while what was taken back is wanted still, or what serves again comes up.
func TestARollbackIsNoNewsForEver(t *testing.T) {
	for name, tt := range map[string]struct {
		template string
		settled  bool
		action   Action
		told     bool
		want     bool
	}{
		"the template is what was taken back":              {template: "bbbbbbbbbb", settled: true, action: Shelve, want: true},
		"it was reverted, and the old one comes up":        {template: "aaaaaaaaaa", action: Idle, told: true, want: true},
		"it was reverted, and the old one is up":           {template: "aaaaaaaaaa", settled: true, action: Idle, told: true},
		"another candidate is tried":                       {template: "cccccccccc", settled: true, action: Evaluate, told: true},
		"a person wants it tried again":                    {template: "bbbbbbbbbb", settled: true, action: StartShadow, told: true},
		"the template cannot be read":                      {settled: true, action: Wait, told: true, want: true},
		"the primary is scaled, and it was no news before": {template: "cccccccccc", action: Wait},
	} {
		t.Run(name, func(t *testing.T) {
			r := of(func(r *Report) {
				r.Observed.Template, r.Observed.PrimarySettled, r.Action = tt.template, tt.settled, tt.action
				r.Observed.Baking, r.Observed.Rejected = "bbbbbbbbbb", []string{"bbbbbbbbbb"}
			})
			var list []metav1.Condition
			set := conditions.Writer{Conditions: &list, Now: time.Unix(0, 0)}
			if tt.told {
				set.True(v1alpha1.ConditionBaking, v1alpha1.ReasonBakeFailed, "errors")
			}
			r.baking(set)
			c := meta.FindStatusCondition(list, v1alpha1.ConditionBaking)
			if said := c != nil && c.Reason == v1alpha1.ReasonRolledBack; said != tt.want || c != nil && !said {
				t.Errorf("Baking is %+v", c)
			}
		})
	}
}

func TestAnnotationsThatNameNoRevision(t *testing.T) {
	for name, tt := range map[string]struct {
		annotations map[string]string
		want        string
	}{
		"none":                           {},
		"one that was taken back":        {annotations: map[string]string{naming.AnnotationPause: ""}},
		"the candidate":                  {annotations: map[string]string{naming.AnnotationPause: "bbbbbbbbbb"}},
		"one that may be of long ago":    {annotations: map[string]string{naming.AnnotationReject: "deadbeef01"}},
		"one that is asked for again":    {annotations: map[string]string{naming.AnnotationRetry: "bbbbbbbbbb/2"}},
		"no revision":                    {annotations: map[string]string{naming.AnnotationPause: "true"}, want: `the annotation vedette.dev/pause names "true", which is no revision of this rollout, and has no effect: its candidate is bbbbbbbbbb`},
		"no revision, asked for again":   {annotations: map[string]string{naming.AnnotationRetry: "yes/2"}, want: `vedette.dev/retry names "yes/2"`},
		"two":                            {annotations: map[string]string{naming.AnnotationAbort: "x", naming.AnnotationPromote: "BBBBBBBBBB"}, want: `the annotation vedette.dev/promote names "BBBBBBBBBB", and the annotation vedette.dev/abort names "x"`},
		"a long one is cut":              {annotations: map[string]string{naming.AnnotationPause: strings.Repeat("é", 1000)}, want: `names "` + strings.Repeat("é", maxShown/2) + `"`},
		"a suffix where none is allowed": {annotations: map[string]string{naming.AnnotationPause: "bbbbbbbbbb/2"}, want: `vedette.dev/pause names "bbbbbbbbbb/2"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := of(func(r *Report) {
				r.Rollout.Annotations = tt.annotations
				r.Rollout.Status.Candidate.Revision = "bbbbbbbbbb"
			})
			list := []metav1.Condition{{Type: v1alpha1.ConditionAnnotationIgnored, Status: metav1.ConditionTrue}}
			r.Conditions(conditions.Writer{Conditions: &list, Now: time.Unix(0, 0)})
			c := meta.FindStatusCondition(list, v1alpha1.ConditionAnnotationIgnored)
			if (c != nil) != (tt.want != "") || c != nil && !strings.Contains(c.Message, tt.want) {
				t.Errorf("got %+v, want %q", c, tt.want)
			}
			if c != nil && (!Told(c.Message, tt.annotations) || Told("", tt.annotations)) {
				t.Error("it is not known what was told")
			}
		})
	}
}

func TestAPrimaryThatDoesNotComeUpIsAnotherReason(t *testing.T) {
	for name, tt := range map[string]struct {
		primary *Workload
		want    string
	}{
		"there is none":        {nil, v1alpha1.ReasonPrimaryNotAvailable},
		"it comes up":          {&Workload{}, v1alpha1.ReasonPrimaryNotAvailable},
		"it does not":          {&Workload{Failed: true}, v1alpha1.ReasonPrimaryFailed},
		"enough of it serves":  {&Workload{Failed: true, Available: true}, v1alpha1.ReasonPrimaryAvailable},
		"all of it is serving": {&Workload{Available: true}, v1alpha1.ReasonPrimaryAvailable},
	} {
		t.Run(name, func(t *testing.T) {
			if got := of(func(r *Report) { r.Primary = tt.primary }).available(); got.reason != tt.want {
				t.Errorf("%s: %s, want %s", got.reason, got.message, tt.want)
			}
		})
	}
}
