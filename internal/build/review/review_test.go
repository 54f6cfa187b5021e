// SPDX-License-Identifier: Apache-2.0

package review

import (
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/queue"
	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
	"github.com/vedette-dev/vedette/internal/wire"
)

// least is a queue of which only its monitor is said; full one of which everything is.
func least() Params {
	class := wrappers.MakeClass("standard").Spec
	return Params{Queue: wrappers.MakeQueue("payments", "desk", "fraud").UID("uid").Obj(), Class: &class, Image: "review:1", Restart: "0123456789"}
}

func full() Params {
	p := least()
	p.Class.HashKey.SecretName, p.Class.Sidecar.PullSecrets = "pepper", []v1alpha1.ObjectName{"pull"}
	p.Queue = wrappers.MakeQueue("payments", "desk", "fraud").UID("uid").Postgres("db").With(func(s *v1alpha1.AnnotationQueueSpec) {
		s.Resources = &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}}
		s.Alerting = v1alpha1.QueueAlerting{
			OldestPending: "12h", UnreadOutliers: 50, Labels: map[string]string{"team": "ml"}, RunbookURL: "https://runbooks/desk",
		}
		s.Access = v1alpha1.QueueAccess{
			URL:    "https://desk.example.com",
			OIDC:   v1alpha1.OIDCAccess{IssuerURL: "https://login", ClientID: "desk", SecretName: "oidc"},
			Tokens: v1alpha1.TokenAccess{SecretName: "bots"},
			Local:  v1alpha1.LocalAccess{SecretName: "staff"},
			Ingress: &v1alpha1.QueueIngress{
				ClassName: "nginx", TLSSecretName: "desk-tls", Annotations: map[string]string{"cert-manager.io/cluster-issuer": "public"},
			},
			HTTPRoute: v1alpha1.QueueHTTPRoute{ParentRefs: []v1alpha1.GatewayReference{{Name: "public", Namespace: "gateways", SectionName: "https"}, {Name: "inside"}}},
		}
	}).Obj()
	return p
}

// proxied is a queue whose people a proxy vouches for.
func proxied() Params {
	p := least()
	p.Queue.Spec.Access = v1alpha1.QueueAccess{ProxyHeader: v1alpha1.ProxyHeaderAccess{User: "X-User", From: v1alpha1.PodSource{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "ingress"}},
		PodSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{"oauth2-proxy"}},
		}},
	}}}
	return p
}

func suspended() Params {
	p := least()
	p.Queue.Spec.Mode = v1alpha1.QueueModeSuspended
	return p
}

func TestGolden(t *testing.T) {
	monitors := []*v1alpha1.ModelMonitor{wrappers.MakeMonitor("payments", "fraud").Binary().Segment("young", "f.age < 30.0").Obj()}
	for name, p := range map[string]Params{"least": least(), "full": full()} {
		class := &v1alpha1.MonitorClass{Spec: *p.Class}
		document, err := wire.EncodeReview(queue.Document(p.Queue, queue.Resolved{Class: class, Monitors: monitors}))
		if err != nil {
			t.Fatal(err)
		}
		golden.Object(t, name+"-config", Config(p, document), &corev1.ConfigMap{})
		golden.Object(t, name+"-deployment", Deployment(p), &appsv1.Deployment{})
		golden.Object(t, name+"-rules", Rules(p), &monitoringv1.PrometheusRule{})
	}
	golden.Object(t, "suspended-deployment", Deployment(suspended()), &appsv1.Deployment{})
	golden.Object(t, "suspended-rules", Rules(suspended()), &monitoringv1.PrometheusRule{})
	golden.Object(t, "service", Service(least()), &corev1.Service{})
	golden.Object(t, "claim", Claim(least(), queue.Volume{Size: resource.MustParse("5Gi")}), &corev1.PersistentVolumeClaim{})
	golden.Object(t, "claim-class", Claim(least(), queue.Volume{Size: resource.MustParse("5Gi"), Class: "fast"}), &corev1.PersistentVolumeClaim{})
	golden.Object(t, "disruptionbudget", DisruptionBudget(full()), &policyv1.PodDisruptionBudget{})
	golden.Object(t, "networkpolicy", NetworkPolicy(least()), &networkingv1.NetworkPolicy{})
	golden.Object(t, "networkpolicy-proxy", NetworkPolicy(proxied()), &networkingv1.NetworkPolicy{})
	golden.Object(t, "ingress", Ingress(full()), &networkingv1.Ingress{})
	golden.Object(t, "httproute", HTTPRoute(full()), &unstructured.Unstructured{})
	golden.Object(t, "servicemonitor", ServiceMonitor(least()), &monitoringv1.ServiceMonitor{})
}

// TestOnlyOurPodsAreSelected keeps the selectors away from the pods of users, of monitors and of other queues.
func TestOnlyOurPodsAreSelected(t *testing.T) {
	p := least()
	var pods *metav1.LabelSelector
	var policy networkingv1.NetworkPolicy
	typed(t, NetworkPolicy(p), &policy)
	pods = &policy.Spec.PodSelector
	ours, err := metav1.LabelSelectorAsSelector(pods)
	if err != nil {
		t.Fatal(err)
	}
	var d appsv1.Deployment
	typed(t, Deployment(p), &d)
	if !ours.Matches(labels.Set(d.Spec.Template.Labels)) {
		t.Error("the policy does not select the queue's own pods")
	}
	for name, other := range map[string]labels.Set{
		"a user's pod":                     {"app": "fraud", naming.LabelInject: "desk"},
		"an analysis of a monitor":         {naming.LabelMonitor: "desk", naming.LabelRole: naming.RoleAnalysis, naming.LabelManagedBy: naming.ManagedBy},
		"the page of another queue":        {naming.LabelQueue: "other", naming.LabelRole: naming.RoleReview},
		"a pod that only bears the label":  {naming.LabelQueue: "desk"},
		"a pod with no label at all":       {},
		"another thing that Vedette keeps": {naming.LabelManagedBy: naming.ManagedBy},
	} {
		if ours.Matches(other) {
			t.Errorf("%s is selected", name)
		}
	}
}

// TestNoSecretIsReadByTheOperator holds that Secrets are named in volumes, and nowhere else.
func TestNoSecretIsReadByTheOperator(t *testing.T) {
	var d appsv1.Deployment
	typed(t, Deployment(full()), &d)
	spec := d.Spec.Template.Spec
	if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
		t.Error("the pods get a token of the API")
	}
	for _, e := range spec.Containers[0].Env {
		if e.ValueFrom != nil {
			t.Errorf("the variable %s comes from elsewhere: credentials are files, which can be renewed", e.Name)
		}
	}
	needed := map[string]bool{}
	for _, source := range spec.Volumes[0].Projected.Sources {
		if source.Secret != nil && !*source.Secret.Optional {
			needed[source.Secret.Name] = true
		}
	}
	for _, name := range queue.Secrets(full().Queue) {
		if !needed[name] {
			t.Errorf("the Secret %s is said to be needed, and is not", name)
		}
		delete(needed, name)
	}
	if len(needed) > 0 {
		t.Errorf("the Secrets %v are needed, and people are not told", needed)
	}
}

func TestRuleLabelsDoNotHideTheOwner(t *testing.T) {
	p := least()
	p.Class.Prometheus.RuleLabels[naming.LabelQueue] = "another"
	for _, o := range []*unstructured.Unstructured{ServiceMonitor(p), Rules(p)} {
		if got := o.GetLabels()[naming.LabelQueue]; got != "desk" {
			t.Errorf("the label %s of the %s is %q", naming.LabelQueue, o.GetKind(), got)
		}
	}
}

func TestUsersAreNotTemplates(t *testing.T) {
	p := full()
	p.Queue.Spec.Alerting.Labels, p.Queue.Spec.Alerting.RunbookURL = map[string]string{"team": "{{ $labels }}"}, "https://{{ .Secret }}"
	b, err := yaml.Marshal(Rules(p).Object["spec"])
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"{{ $labels }}", "{{ .Secret }}"} {
		if strings.Contains(string(b), bad) {
			t.Errorf("%s would be run as a template", bad)
		}
	}
}

func typed(t *testing.T, from, to any) {
	t.Helper()
	b, err := yaml.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(b, to); err != nil {
		t.Fatal(err)
	}
}
