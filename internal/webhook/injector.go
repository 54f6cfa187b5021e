// SPDX-License-Identifier: Apache-2.0

// Package webhook owns the admission webhook that injects the capture sidecar: it looks up what is known about the
// monitor that a pod names, lets internal/inject decide, and tells what it did. It asks the API server and no cache: what
// a pod starts with it keeps, and a replica whose cache lags would inject a sidecar that the circuit breaker has stopped,
// or leave out one that its monitor asked for a moment ago. It admits every pod: what goes wrong here is counted, and
// shown as an event, but never keeps a model from starting. It must not import controllers.
package webhook

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/vedette-dev/vedette/internal/inject"
	"github.com/vedette-dev/vedette/internal/naming"
)

// The webhook's configuration and its place on the webhook server.
const (
	// ConfigurationName is the name of the MutatingWebhookConfiguration.
	ConfigurationName = "vedette-injection"
	// Path is the path under which the webhook is served.
	Path = "/inject-v1-pod"
)

// +kubebuilder:webhookconfiguration:mutating=true,name=vedette-injection
// +kubebuilder:webhook:path=/inject-v1-pod,serviceName=vedette-webhook,serviceNamespace=vedette-system,mutating=true,failurePolicy=ignore,matchPolicy=Equivalent,reinvocationPolicy=Never,sideEffects=NoneOnDryRun,timeoutSeconds=5,groups="",resources=pods,verbs=create,versions=v1,name=inject.vedette.dev,admissionReviewVersions=v1,patch=`{"objectSelector":{"matchExpressions":[{"key":"vedette.dev/inject","operator":"Exists"}]},"namespaceSelector":{"matchExpressions":[{"key":"kubernetes.io/metadata.name","operator":"NotIn","values":["kube-system","vedette-system"]}]}}`

// Values of the label result of the injection counter.
const (
	resultInjected = "Injected"
	resultSkipped  = "Skipped"
	resultFailed   = "Failed"
)

// Reasons of the result Failed.
const (
	reasonUndecodable = "Undecodable"
	reasonNotReady    = "NotReady"
)

// Recorder records events; the manager's recorders are some.
type Recorder interface {
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// Injector handles admission requests for pods.
type Injector struct {
	// Reader reads ModelMonitors, MonitorClasses, and the metadata of Namespaces and ReplicaSets, all as they are now.
	Reader client.Reader
	// Decoder decodes the pod of a request.
	Decoder admission.Decoder
	// Recorder records what was done, as events of the pod's owner.
	Recorder Recorder
	// Injections counts admissions; NewCounter makes it.
	Injections *prometheus.CounterVec
	// Image is the sidecar's image where the class names none.
	Image string
	// NativeSidecars says whether the cluster has them. Nothing is injected where it has not.
	NativeSidecars bool
}

// NewCounter makes the counter of admissions, by result and reason.
func NewCounter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: naming.MetricInjections,
		Help: "Pods that asked for the capture sidecar, by result and, unless it was injected, reason.",
	}, []string{"result", "reason"})
}

// Handle admits a pod, with a patch where it gets the sidecar.
func (i *Injector) Handle(ctx context.Context, req admission.Request) admission.Response {
	dryRun := req.DryRun != nil && *req.DryRun
	pod := &corev1.Pod{}
	if err := i.Decoder.Decode(req, pod); err != nil {
		return i.fail(ctx, dryRun, reasonUndecodable, err)
	}
	// The API server fills in the pod's own namespace only after admission.
	pod.Namespace = req.Namespace

	res := inject.Result{Skip: inject.SkipUnsupportedKubernetes}
	if i.NativeSidecars {
		known, err := i.known(ctx, pod)
		if err != nil {
			return i.fail(ctx, dryRun, reasonNotReady, err)
		}
		res = inject.Into(known)
	}
	if !dryRun {
		i.report(ctx, pod, res)
	}
	return admission.Patched("", res.Patch...)
}

// fail admits the pod as it is: a model without capture is better than no model.
func (i *Injector) fail(ctx context.Context, dryRun bool, reason string, err error) admission.Response {
	log.FromContext(ctx).Error(err, "pod admitted without the capture sidecar", "reason", reason)
	if !dryRun {
		i.Injections.WithLabelValues(resultFailed, reason).Inc()
	}
	return admission.Allowed("")
}

// report counts what was done, and shows it on the pod's owner: the pod has no name yet, and might never get one.
func (i *Injector) report(ctx context.Context, pod *corev1.Pod, res inject.Result) {
	owner := i.owner(ctx, pod)
	if res.Skip != "" {
		i.Injections.WithLabelValues(resultSkipped, string(res.Skip)).Inc()
		// Each has a reason of its own: events of one reason and object are folded into one, and only its first note is kept.
		i.Recorder.Eventf(owner, nil, corev1.EventTypeWarning, "CaptureSkipped"+string(res.Skip), "Inject",
			"The capture sidecar of ModelMonitor %q was not injected. %s", bounded(inject.Monitor(pod)), res.Skip.Remedy())
		return
	}
	i.Injections.WithLabelValues(resultInjected, "").Inc()
	i.Recorder.Eventf(owner, nil, corev1.EventTypeNormal, "CaptureInjected", "Inject",
		"The capture sidecar of ModelMonitor %q was injected, revision %s", inject.Monitor(pod), res.Revision)
}

// bounded cuts what a user wrote to what a label may hold.
func bounded(s string) string {
	if len(s) > 63 {
		return s[:63]
	}
	return s
}
