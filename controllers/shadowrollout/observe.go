// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	build "github.com/vedette-dev/vedette/internal/build/rollout"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=namespaces;pods;services,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch

// referenceRetry is how often something that a template names, and nothing watches, is looked for.
const referenceRetry = 30 * time.Second

// seen is what a pass found.
type seen struct {
	monitor   *v1alpha1.ModelMonitor
	effective monitor.Effective
	// candidate is what the template would run, with its ConfigMaps pinned; its revision is empty where it cannot be known, and
	// missing says why. named are the ConfigMaps that the template names, by their own names.
	candidate build.Version
	missing   error
	named     map[string]rollout.ConfigMapContents
	// templateServes is the revision that the template's own pods run; empty where it has none.
	templateServes string
	// primary and shadow are nil where there are none. answers says that the shadow answers copies that go on being sent.
	primary, shadow *rollout.Workload
	answers         bool
}

// monitored finds the monitor and its class. One rollout uses a monitor: the oldest, by name where they are of one age.
func (p *pass) monitored(ctx context.Context, s *seen) error {
	s.monitor = &v1alpha1.ModelMonitor{}
	name := string(p.r.Spec.MonitorRef.Name)
	err := p.Client.Get(ctx, client.ObjectKey{Namespace: p.r.Namespace, Name: name}, s.monitor)
	if apierrors.IsNotFound(err) {
		return reconcileerr.NewWaiting(v1alpha1.ReasonMonitorNotFound, "the ModelMonitor %q does not exist: create it, or correct spec.monitorRef", name)
	}
	if err != nil {
		return fmt.Errorf("reading the ModelMonitor: %w", err)
	}
	var others v1alpha1.ShadowRolloutList
	if err := p.Client.List(ctx, &others, client.InNamespace(p.r.Namespace), client.MatchingFields{indexMonitor: name}); err != nil {
		return fmt.Errorf("listing rollouts: %w", err)
	}
	for i := range others.Items {
		if o := &others.Items[i]; o.Name != p.r.Name && older(o, p.r) {
			return reconcileerr.NewStalled(v1alpha1.ReasonMonitorTaken,
				"the ShadowRollout %q uses the ModelMonitor %q already: give this model a ModelMonitor of its own", o.Name, name)
		}
	}
	var classes v1alpha1.MonitorClassList
	if err := p.Client.List(ctx, &classes); err != nil {
		return fmt.Errorf("listing classes: %w", err)
	}
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := p.Client.Get(ctx, client.ObjectKey{Name: p.r.Namespace}, namespace); err != nil {
		return fmt.Errorf("reading the namespace: %w", err)
	}
	class, err := monitor.ClassFor(classes.Items, s.monitor.Spec.ClassName, namespace.Labels)
	if err != nil {
		return err
	}
	s.effective = monitor.Bound(s.monitor, class)
	status := &p.r.Status // before anything is made of the decision on record
	status.FromMonitor = rollout.FromMonitor(p.r.Spec.Analysis, s.effective)
	if rollout.Unbound(p.r) {
		status.Decision.FromMonitor = status.FromMonitor
	}
	return nil
}

func older(a, b *v1alpha1.ShadowRollout) bool {
	if a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.Name < b.Name
	}
	return a.CreationTimestamp.Before(&b.CreationTimestamp)
}

func (p ours) template(ctx context.Context, s *seen) error {
	name := string(p.r.Spec.Candidate.TemplateRef.Name)
	d := &appsv1.Deployment{}
	err := p.Client.Get(ctx, client.ObjectKey{Namespace: p.r.Namespace, Name: name}, d)
	if apierrors.IsNotFound(err) {
		return reconcileerr.NewWaiting(v1alpha1.ReasonCandidateNotFound, "the Deployment %q does not exist: create it, or correct spec.candidate", name)
	}
	if err != nil {
		return fmt.Errorf("reading the template: %w", err)
	}
	if inject := d.Spec.Template.Labels[naming.LabelInject]; inject != s.monitor.Name {
		return reconcileerr.NewStalled(v1alpha1.ReasonTemplateNotLabelled,
			"the pod template of the Deployment %q must ask for the sidecar, which copies requests: put the label %s: %s into spec.template.metadata.labels",
			name, naming.LabelInject, s.monitor.Name)
	}
	if err := p.fill(ctx, s, d.Spec.Template); err != nil {
		return err
	}
	if d.Spec.Replicas == nil || *d.Spec.Replicas > 0 {
		s.templateServes = rollout.Revision(d.Spec.Template, s.named) // its own pods have no parameters filled
	}
	return nil
}

// references reads the ConfigMaps that a template names.
func (p *pass) references(ctx context.Context, template corev1.PodTemplateSpec) (map[string]rollout.ConfigMapContents, error) {
	named := map[string]rollout.ConfigMapContents{}
	for _, ref := range rollout.References(template).ConfigMaps {
		m := &corev1.ConfigMap{}
		switch err := p.Live.Get(ctx, client.ObjectKey{Namespace: p.r.Namespace, Name: ref.Name}, m); {
		case apierrors.IsNotFound(err) && ref.Optional:
		case apierrors.IsNotFound(err):
			return nil, &reconcileerr.Waiting{
				Reason: v1alpha1.ReasonReferenceMissing, After: referenceRetry,
				Message: fmt.Sprintf("the ConfigMap %q that the template names does not exist: create it; what serves is left as it is", ref.Name),
			}
		case err != nil:
			return nil, fmt.Errorf("reading a ConfigMap that the template names: %w", err)
		default:
			named[ref.Name] = rollout.Contents(m)
		}
	}
	return named, nil
}

func (p ours) workloads(ctx context.Context, s *seen) (err error) {
	if s.primary, err = p.version(ctx, naming.Primary(p.r.Name)); err != nil {
		return err
	}
	s.shadow, err = p.version(ctx, naming.Shadow(p.r.Name))
	s.answers = s.shadow != nil && s.shadow.Settled
	return err
}

// version is the Deployment of the name, of the revision that it carries; nil where there is none, or it is not ours.
func (p ours) version(ctx context.Context, name string) (*rollout.Workload, error) {
	d, err := p.deployment(ctx, name)
	if d == nil || err != nil {
		return nil, err
	}
	w := rollout.OfDeployment(d)
	w.Revision = d.Labels[naming.LabelRevision]
	return w, nil
}

// deployment is the Deployment of the name; nil where there is none, or it is not ours.
func (p *pass) deployment(ctx context.Context, name string) (*appsv1.Deployment, error) {
	d := &appsv1.Deployment{}
	err := p.Client.Get(ctx, client.ObjectKey{Namespace: p.r.Namespace, Name: name}, d)
	if apierrors.IsNotFound(err) || err == nil && !rollout.Owns(p.r, d) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a Deployment: %w", err)
	}
	return d, nil
}

// observed puts together what the decision needs.
func (p *pass) observed(s *seen) rollout.Observed {
	status, annotations := &p.r.Status, p.r.Annotations
	o := rollout.Observed{
		Template: s.candidate.Revision, Now: p.now,
		Record: rollout.Record{
			Candidate: string(status.Candidate.Revision), Start: status.Candidate.StartTime.Time,
			Baking: string(status.Bake.Revision), Previous: string(status.Bake.PreviousRevision), BakeStart: status.Bake.StartTime.Time,
		},
		Asked: rollout.Asked{
			Approved: string(p.r.Spec.Promotion.ApprovedRevision), Reject: annotations[naming.AnnotationReject],
			Abort: annotations[naming.AnnotationAbort], Paused: annotations[naming.AnnotationPause],
		},
	}
	if promote := annotations[naming.AnnotationPromote]; promote != "" && promote == o.Template {
		o.Approved = promote
	}
	if status.Decision.Verdict == v1alpha1.VerdictPass {
		o.Passed, o.Outdated = string(status.Decision.Revision), rollout.Outdated(p.r)
	}
	if v := annotations[naming.AnnotationRetry]; v != "" && p.retry() != p.retried(o.Template) {
		o.Retry, _, _ = strings.Cut(v, "/")
	}
	for _, r := range status.Rejected {
		o.Rejected = append(o.Rejected, string(r.Revision))
	}
	o.Primary = p.serves(s)
	if s.primary != nil {
		o.PrimarySettled, o.PrimaryFailed = s.primary.Settled, s.primary.Failed
	}
	if s.shadow != nil {
		o.Shadow, o.ShadowAvailable = s.shadow.Revision, s.shadow.Settled
	}
	return o
}

// serves is the revision that serves.
func (p *pass) serves(s *seen) string {
	if s.primary != nil && s.primary.Revision != "" {
		return s.primary.Revision
	}
	return string(p.r.Status.PrimaryRevision) // somebody has deleted it: one of ours comes back as it was
}

// retried is the value of the annotation for which a revision was tried last: a rejected one is tried again when it becomes another.
func (p *pass) retried(revision string) string {
	if x := rollout.Rejection(&p.r.Status, v1alpha1.Revision(revision)); x != nil {
		return x.Retry
	}
	if c := p.r.Status.Candidate; string(c.Revision) == revision {
		return c.Retry
	}
	return p.retry() // it was never tried
}

func (p *pass) policy(watched rollout.Watched) rollout.Policy {
	spec := &p.r.Spec
	return rollout.Policy{
		Automatic:         spec.Promotion.Policy == v1alpha1.PromotionAutomatic,
		Advise:            spec.Promotion.Policy == v1alpha1.PromotionAdvise,
		Deadline:          rollout.Deadline(p.r),
		Bake:              monitor.Duration(cmp.Or(spec.Bake.Duration, "1h")),
		AutomaticRollBack: spec.Bake.Rollback != v1alpha1.RollbackManual,
		BakeFailed:        len(watched.Violated) > 0,
		BakeBlind:         watched.Blind,
	}
}
