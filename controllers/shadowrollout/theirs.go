// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	build "github.com/vedette-dev/vedette/internal/build/rollout"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// +kubebuilder:rbac:groups=apps,resources=statefulsets,verbs=get;list;watch

func (p theirs) workloads(ctx context.Context, s *seen) (err error) {
	if s.primary, err = p.workload(ctx, s.monitor.Spec.Target.WorkloadRef); err != nil {
		return err
	}
	s.shadow, err = p.workload(ctx, p.r.Spec.Candidate.WorkloadRef)
	// Its owner may scale it while it is tried, and it goes on answering.
	s.answers = s.shadow != nil && s.shadow.AvailableReplicas > 0
	return err
}

// workload reads a workload of the user's; nil where there is none. One without pods is not settled: it answers nothing.
func (p theirs) workload(ctx context.Context, ref v1alpha1.WorkloadReference) (w *rollout.Workload, err error) {
	key := client.ObjectKey{Namespace: p.r.Namespace, Name: string(ref.Name)}
	switch ref.Kind {
	case v1alpha1.WorkloadKindDeployment:
		d := &appsv1.Deployment{}
		err = p.Client.Get(ctx, key, d)
		w = rollout.OfDeployment(d)
	case v1alpha1.WorkloadKindStatefulSet:
		set := &appsv1.StatefulSet{}
		err = p.Client.Get(ctx, key, set)
		w = rollout.OfStatefulSet(set)
	default:
		return nil, nil // the monitor is not known, or its target is no workload
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a workload: %w", err)
	}
	w.Settled = w.Settled && w.AvailableReplicas > 0
	return w, nil
}

// template reads what serves first: what is on record about the candidate holds beside that alone.
func (p theirs) template(ctx context.Context, s *seen) error {
	target, ref := s.monitor.Spec.Target.WorkloadRef, p.r.Spec.Candidate.WorkloadRef
	switch {
	case target.Name == "":
		return reconcileerr.NewStalled(v1alpha1.ReasonTargetUnsupported,
			"the target of the ModelMonitor %q is a podSelector, whose pods may be of several versions: name the workload that serves by spec.target.workloadRef there", s.monitor.Name)
	case s.primary == nil:
		return reconcileerr.NewWaiting(v1alpha1.ReasonTargetNotFound,
			"the %s %q, the target of the ModelMonitor %q, does not exist: create it, or correct spec.target there", target.Kind, target.Name, s.monitor.Name)
	}
	s.primary.Revision = rollout.WorkloadRevision(s.primary.Template, s.monitor)
	p.forget(s.primary.Revision)
	if s.primary.Template.Labels[naming.LabelInject] != s.monitor.Name {
		return reconcileerr.NewStalled(v1alpha1.ReasonTemplateNotLabelled,
			"the pod template of the %s, which serves, must ask for the sidecar, which copies requests: let its pods have the label %s: %s",
			s.primary, naming.LabelInject, s.monitor.Name)
	}
	if s.shadow == nil {
		return reconcileerr.NewWaiting(v1alpha1.ReasonCandidateNotFound, "the %s %q does not exist: create it, or correct spec.candidate", ref.Kind, ref.Name)
	}
	if err := p.apart(ctx, s); err != nil {
		return err
	}
	s.shadow.Revision = rollout.WorkloadRevision(s.shadow.Template, s.monitor)
	s.candidate = build.Version{Revision: s.shadow.Revision, Template: s.shadow.Template}
	return nil
}

// forget drops what is on record about a candidate once another version serves than the one that it was compared with: its trial
// begins anew.
func (p theirs) forget(primary string) {
	status := &p.r.Status
	if status.PrimaryRevision != "" && string(status.PrimaryRevision) != primary {
		status.Candidate, status.Decision = v1alpha1.CandidateStatus{}, v1alpha1.RolloutDecision{}
	}
}

// apart says what would mix the two versions up.
func (p theirs) apart(ctx context.Context, s *seen) error {
	candidate, serves := labels.Set(s.shadow.Template.Labels), labels.Set(s.primary.Template.Labels)
	selector := s.shadow.Selector
	switch {
	case p.r.Spec.Candidate.WorkloadRef == s.monitor.Spec.Target.WorkloadRef:
		return reconcileerr.NewStalled(v1alpha1.ReasonCandidateServes,
			"spec.candidate names the %s, which serves: name the second workload, which runs the new version", s.shadow)
	case candidate[naming.LabelInject] == s.monitor.Name:
		return reconcileerr.NewStalled(v1alpha1.ReasonShadowInjected,
			"the pods of the %s ask for the sidecar of the ModelMonitor %q, which would take their answers for those of what serves: take the label %s out of its pod template",
			s.shadow, s.monitor.Name, naming.LabelInject)
	case selector == nil || len(selector.MatchLabels) == 0 || len(selector.MatchExpressions) > 0:
		return reconcileerr.NewStalled(v1alpha1.ReasonSelectorUnsupported,
			"the %s finds its pods by matchExpressions, which a Service does not have: give it a selector of matchLabels alone", s.shadow)
	case labels.SelectorFromSet(selector.MatchLabels).Matches(serves):
		return reconcileerr.NewStalled(v1alpha1.ReasonCandidateServes,
			"the selector of the %s selects the pods of the %s, which serves, so that copies would go there: let the two have selectors of their own", s.shadow, s.primary)
	}
	var services corev1.ServiceList
	if err := p.Client.List(ctx, &services, client.InNamespace(p.r.Namespace)); err != nil {
		return fmt.Errorf("listing services: %w", err)
	}
	if names := build.WouldServe(services.Items, p.r, candidate, serves); len(names) > 0 {
		return reconcileerr.NewStalled(v1alpha1.ReasonShadowWouldServe,
			"the Service %q sends real requests to the %s as well as to the %s, which serves: let its selector select the pods of one of them", names[0], s.shadow, s.primary)
	}
	return nil
}

// store has nothing to keep: what is tried runs by itself.
func (p theirs) store(context.Context, *seen) error { return nil }

// shadow applies a Service of our own for the candidate's pods: one of the user's may lead elsewhere, or be changed.
func (p theirs) shadow(ctx context.Context, s *seen) error {
	port, skip := build.ModelPort(s.shadow.Template, s.monitor.Spec.Source.Sidecar.Port)
	if skip != "" {
		return reconcileerr.NewStalled(string(skip), "%s", skip.Remedy())
	}
	_, err := p.applier.Apply(ctx, build.Service(p.r, s.shadow.Selector.MatchLabels, port))
	return err
}

// hold has nothing that could belong to anybody.
func (p theirs) hold(context.Context) error { return nil }

// serve writes nothing but what it has seen.
func (p theirs) serve(_ context.Context, s *seen, _ rollout.Observed, _ rollout.Action) error {
	if s.primary != nil && s.primary.Revision != "" {
		p.r.Status.PrimaryRevision = v1alpha1.Revision(s.primary.Revision)
	}
	return nil
}
