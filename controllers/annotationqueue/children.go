// SPDX-License-Identifier: Apache-2.0

package annotationqueue

import (
	"context"
	"errors"
	"fmt"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/review"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/queue"
	"github.com/vedette-dev/vedette/internal/wire"
)

// +kubebuilder:rbac:groups="",resources=configmaps;persistentvolumeclaims;services,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups=networking.k8s.io,resources=ingresses,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=gateway.networking.k8s.io,resources=httproutes,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=monitoring.coreos.com,resources=servicemonitors;prometheusrules,verbs=get;list;watch;create;patch

// absentPeriod is the time until an API that the cluster lacks is looked for again.
const absentPeriod = time.Minute

var (
	monitoringKinds = []schema.GroupVersionKind{
		{Group: "monitoring.coreos.com", Version: "v1", Kind: "ServiceMonitor"},
		{Group: "monitoring.coreos.com", Version: "v1", Kind: "PrometheusRule"},
	}
	routeKind = schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}
)

// children applies what the queue needs, and removes what it needs no more; never its volume, which holds people's work.
func (p *pass) children(ctx context.Context, r queue.Resolved) []error {
	document := queue.Document(p.q, r)
	encoded, err := wire.EncodeReview(document)
	if err != nil {
		return []error{err}
	}
	params := review.Params{Queue: p.q, Class: &r.Class.Spec, Image: p.Image, Restart: queue.Restart(document)}
	wanted := []any{review.Config(params, encoded), review.Service(params), review.NetworkPolicy(params)}
	var problems []error
	switch claim, err := p.volume(ctx, params); {
	case err != nil: // the pods go on as they are
		problems = append(problems, err)
	case claim != nil:
		wanted = append(wanted, claim, review.Deployment(params))
	default:
		wanted = append(wanted, review.Deployment(params))
	}
	var budgets, ingresses []string
	if review.HasDisruptionBudget(p.q) {
		wanted, budgets = append(wanted, review.DisruptionBudget(params)), append(budgets, naming.Review(p.q.Name))
	}
	if p.q.Spec.Access.Ingress != nil {
		wanted, ingresses = append(wanted, review.Ingress(params)), append(ingresses, naming.Review(p.q.Name))
	}
	for _, w := range wanted {
		if _, err := p.applier.Apply(ctx, w); err != nil {
			problems = append(problems, err)
		}
	}
	return append(problems,
		p.prune(ctx, &policyv1.PodDisruptionBudgetList{}, budgets),
		p.prune(ctx, &networkingv1.IngressList{}, ingresses),
		p.route(ctx, params),
		p.monitoring(ctx, params))
}

// volume is the claim to apply; nil on Postgres.
func (p *pass) volume(ctx context.Context, params review.Params) (any, error) {
	if queue.Postgres(p.q) {
		return nil, nil
	}
	live, err := p.claim(ctx)
	if err != nil {
		return nil, err
	}
	v, err := queue.VolumeOf(p.q, live)
	if err != nil {
		return nil, err
	}
	return review.Claim(params, v), nil
}

func (p *pass) prune(ctx context.Context, existing client.ObjectList, keep []string) error {
	if err := p.Client.List(ctx, existing, client.InNamespace(p.q.Namespace), client.MatchingLabels{naming.LabelQueue: p.q.Name}); err != nil {
		return fmt.Errorf("listing what may be no longer wanted: %w", err)
	}
	return p.applier.Prune(ctx, existing, keep...)
}

// route applies or removes the HTTPRoute, where the cluster has the Gateway API, and reports how the page is exposed.
func (p *pass) route(ctx context.Context, params review.Params) error {
	a := p.q.Spec.Access
	wanted := len(a.HTTPRoute.ParentRefs) > 0
	available, err := p.APIs.Available(ctx, routeKind)
	if err != nil {
		return err
	}
	if available {
		err = p.applyRoute(ctx, params, wanted)
		if gone(err) {
			available, err = false, nil
		}
	}
	switch {
	case wanted && !available:
		p.set.False(v1alpha1.ConditionExposed, v1alpha1.ReasonDependencyMissing,
			"the cluster has no HTTPRoutes: install the Gateway API, which is noticed within minutes, or set spec.access.ingress")
		p.lookAgain(absentPeriod)
	case wanted:
		p.set.True(v1alpha1.ConditionExposed, v1alpha1.ReasonExposed, "the HTTPRoute exists; its status says which Gateways have taken it")
	case a.Ingress != nil:
		p.set.True(v1alpha1.ConditionExposed, v1alpha1.ReasonExposed, "the Ingress exists; its status says where it is served")
	default:
		p.set.Remove(v1alpha1.ConditionExposed)
	}
	return err
}

func (p *pass) applyRoute(ctx context.Context, params review.Params, wanted bool) error {
	if wanted {
		_, err := p.applier.Apply(ctx, review.HTTPRoute(params))
		return err
	}
	existing := &unstructured.Unstructured{}
	existing.SetGroupVersionKind(routeKind)
	if err := p.Client.Get(ctx, p.key(), existing); err != nil {
		return client.IgnoreNotFound(err)
	}
	return p.applier.Delete(ctx, existing)
}

// monitoring applies what the Prometheus operator reads, where the cluster has its APIs.
func (p *pass) monitoring(ctx context.Context, params review.Params) error {
	available, err := p.APIs.Available(ctx, monitoringKinds...)
	if err != nil {
		return err
	}
	if available {
		err = p.applier.All(ctx, review.ServiceMonitor(params), review.Rules(params))
		if gone(err) {
			available, err = false, nil
		}
	}
	if !available {
		p.set.False(v1alpha1.ConditionPrometheusAvailable, v1alpha1.ReasonDependencyMissing,
			"the cluster has no ServiceMonitors and PrometheusRules: install the Prometheus operator; it is noticed within minutes")
		p.lookAgain(absentPeriod)
		return nil
	}
	p.set.True(v1alpha1.ConditionPrometheusAvailable, v1alpha1.ReasonAvailable, "the cluster has ServiceMonitors and PrometheusRules")
	return err
}

// gone says that the cluster refuses to know a kind. What is known about kinds tells that only later.
func gone(err error) bool {
	return meta.IsNoMatchError(err) || apierrors.IsNotFound(err)
}

// joined takes errors apart that were joined, so that each is judged by itself.
func joined(err error) []error {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		return many.Unwrap()
	}
	return []error{err}
}
