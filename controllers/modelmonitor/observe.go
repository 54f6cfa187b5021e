// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/sidecar"
	"github.com/vedette-dev/vedette/internal/inject"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// +kubebuilder:rbac:groups="",resources=namespaces;pods;services,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps,resources=deployments;statefulsets,verbs=get;list;watch

// class finds the monitor's class.
func (p *pass) class(ctx context.Context) (*v1alpha1.MonitorClass, error) {
	var classes v1alpha1.MonitorClassList
	if err := p.Client.List(ctx, &classes); err != nil {
		return nil, fmt.Errorf("listing classes: %w", err)
	}
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := p.Client.Get(ctx, client.ObjectKey{Name: p.m.Namespace}, namespace); err != nil {
		return nil, fmt.Errorf("reading the namespace: %w", err)
	}
	return monitor.ClassFor(classes.Items, p.m.Spec.ClassName, namespace.Labels)
}

// target is what serves the model.
type target struct {
	selector labels.Selector
	// template is the workload's; nil for a pod selector. deployment is nil for anything else.
	template   *corev1.PodTemplateSpec
	deployment *appsv1.Deployment
}

func (p *pass) target(ctx context.Context) (target, error) {
	ref := p.m.Spec.Target.WorkloadRef
	if ref.Name == "" {
		s, err := metav1.LabelSelectorAsSelector(p.m.Spec.Target.PodSelector)
		return target{selector: s}, err
	}
	key := client.ObjectKey{Namespace: p.m.Namespace, Name: string(ref.Name)}
	var t target
	var selector *metav1.LabelSelector
	var err error
	switch ref.Kind {
	case v1alpha1.WorkloadKindStatefulSet:
		w := &appsv1.StatefulSet{}
		err = p.Client.Get(ctx, key, w)
		t.template, selector = &w.Spec.Template, w.Spec.Selector
	default:
		w := &appsv1.Deployment{}
		err = p.Client.Get(ctx, key, w)
		t.template, selector, t.deployment = &w.Spec.Template, w.Spec.Selector, w
	}
	if apierrors.IsNotFound(err) {
		return target{}, reconcileerr.NewWaiting(v1alpha1.ReasonTargetNotFound, "the %s does not exist: create it, or correct spec.target", monitor.Target(p.m))
	}
	if err != nil {
		return target{}, fmt.Errorf("reading the target: %w", err)
	}
	t.selector, err = metav1.LabelSelectorAsSelector(selector)
	return t, err
}

// capture looks at the target's pods, decides whether injection must stop, and reports both.
func (p *pass) capture(ctx context.Context, e monitor.Effective) error {
	t, err := p.target(ctx)
	if err != nil {
		p.uncounted()
		p.set.Unknown(v1alpha1.ConditionCaptureInjected, v1alpha1.ReasonNoPods, "the target has no pods")
		return err
	}
	var pods corev1.PodList
	if err := p.Client.List(ctx, &pods, client.InNamespace(p.m.Namespace), client.MatchingLabelsSelector{Selector: t.selector}); err != nil {
		return fmt.Errorf("listing the target's pods: %w", err)
	}
	var services corev1.ServiceList
	if err := p.Client.List(ctx, &services, client.InNamespace(p.m.Namespace)); err != nil {
		return fmt.Errorf("listing services: %w", err)
	}
	var policies networkingv1.NetworkPolicyList
	if err := p.Client.List(ctx, &policies, client.InNamespace(p.m.Namespace)); err != nil {
		return fmt.Errorf("listing NetworkPolicies: %w", err)
	}
	in := monitor.Injection{
		Monitor:  p.m,
		Pods:     monitor.Pods(pods.Items),
		Template: t.template,
		Services: services.Items,
		Policies: policies.Items,
		Revision: sidecar.Revision(sidecar.Params{Monitor: p.m.Name, Image: p.Images.Capture, Class: &e.Class.Spec}),
	}
	in.Port, in.Refused = p.port(t.template)
	breaker := monitor.Breaker{
		Revision:        in.Revision,
		Tripped:         monitor.TripOf(&p.m.Status),
		Rearmed:         p.m.Annotations[naming.AnnotationRearm],
		Pods:            in.Pods,
		CreationRefused: monitor.CreationRefused(t.deployment, p.m.Name),
		Now:             p.now,
	}
	in.Tripped = breaker.Decide()
	p.lookAgain(breaker.Recheck())
	return p.captured(in)
}

// port is the port that the sidecar takes over in pods of the template, or why it cannot.
func (p *pass) port(template *corev1.PodTemplateSpec) (port corev1.ContainerPort, refused string) {
	if template == nil || template.Labels[naming.LabelInject] != p.m.Name {
		return corev1.ContainerPort{}, ""
	}
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	port, skip := inject.Check(pod, p.m.Spec.Source.Sidecar.Port)
	if skip != "" {
		return corev1.ContainerPort{}, skip.Remedy()
	}
	return port, ""
}

// captured reports what was found. Pods that do not ask for the sidecar, or cannot carry it, and a tripped breaker, need a
// person.
func (p *pass) captured(in monitor.Injection) error {
	p.m.Status.Capture = in.Count()
	f := in.Judge()
	p.set.Set(v1alpha1.ConditionCaptureInjected, f.Status, f.Reason, f.Message)
	if in.Tripped == (monitor.Trip{}) {
		p.set.Remove(v1alpha1.ConditionInjectionBlocked)
	} else {
		p.set.True(v1alpha1.ConditionInjectionBlocked, v1alpha1.ReasonInjectionTripped, in.TrippedMessage())
	}
	if f.Reason == v1alpha1.ReasonInjectionTripped || f.Reason == v1alpha1.ReasonTemplateNotLabelled || in.Refused != "" {
		return reconcileerr.NewStalled(f.Reason, "%s", f.Message)
	}
	return nil
}

// uncounted forgets the pods that were counted. What tripped the breaker is no count: it holds until somebody re-arms it.
func (p *pass) uncounted() {
	p.m.Status.Capture = v1alpha1.CaptureStatus{
		TrippedRevision: p.m.Status.Capture.TrippedRevision,
		TrippedTime:     p.m.Status.Capture.TrippedTime,
	}
}

// notLookedAt makes unknown what was found out earlier and nobody looks at any more, for the reason.
func (p *pass) notLookedAt(reason string) {
	p.uncounted()
	p.m.Status.Violations = nil
	for _, kind := range []string{
		v1alpha1.ConditionCaptureInjected, v1alpha1.ConditionDriftDetected, v1alpha1.ConditionStoreReachable, v1alpha1.ConditionWithinThresholds,
	} {
		if p.set.Get(kind) != nil {
			p.set.Unknown(kind, reason, "this is not looked at while the monitor cannot be reconciled; Ready says why")
		}
	}
}
