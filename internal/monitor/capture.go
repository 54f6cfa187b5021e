// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Pod is what matters about one pod of the target.
type Pod struct {
	Name string
	// Inject is the monitor that the pod's label names.
	Inject string
	// Labels are those by which Services and NetworkPolicies select the pod.
	Labels map[string]string
	// Sidecar says whether the pod carries one, and Revision which.
	Sidecar  bool
	Revision string
	// Upstream is the port on which the sidecar expects the model server, PortName its name, which the sidecar's has now, and
	// HostPort the port of the node that leads to it past the sidecar.
	Upstream int32
	PortName string
	HostPort int32
	// Failing is why the sidecar's container does not run, such as ImagePullBackOff; empty while it does.
	Failing string
	// Started says that the sidecar's container runs and is ready.
	Started bool
	// CreationTimestamp is when the pod was made.
	CreationTimestamp metav1.Time
}

// Pods reads the pods that run, or are about to; sorted by name.
func Pods(pods []corev1.Pod) []Pod {
	var out []Pod
	for i := range pods {
		p := &pods[i]
		if p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		out = append(out, readPod(p))
	}
	slices.SortFunc(out, func(a, b Pod) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func readPod(p *corev1.Pod) Pod {
	out := Pod{
		Name:              p.Name,
		Inject:            p.Labels[naming.LabelInject],
		Labels:            p.Labels,
		Revision:          p.Annotations[naming.AnnotationSidecar],
		CreationTimestamp: p.CreationTimestamp,
	}
	for i := range p.Spec.InitContainers {
		if c := &p.Spec.InitContainers[i]; c.Name == naming.SidecarContainer {
			out.Sidecar, out.Upstream = true, upstream(c.Args)
			for _, port := range c.Ports {
				if port.ContainerPort == naming.CapturePort {
					out.PortName = port.Name
				}
			}
		}
	}
	for i := range p.Spec.Containers {
		for _, port := range p.Spec.Containers[i].Ports {
			if out.Sidecar && port.ContainerPort == out.Upstream && port.HostPort != 0 {
				out.HostPort = port.HostPort
			}
		}
	}
	for _, s := range p.Status.InitContainerStatuses {
		if s.Name != naming.SidecarContainer {
			continue
		}
		out.Started = s.Ready
		if w := s.State.Waiting; w != nil && ourFault(w.Reason) {
			out.Failing = w.Reason
		}
	}
	return out
}

// upstream finds the port in the arguments that internal/build/sidecar writes.
func upstream(args []string) int32 {
	var port int32
	for i := range len(args) - 1 {
		if args[i] == "--upstream" {
			if _, err := fmt.Sscanf(args[i+1], "127.0.0.1:%d", &port); err != nil {
				return 0
			}
		}
	}
	return port
}

// Injection is what is observed about the injection of a monitor's sidecar.
type Injection struct {
	Monitor *v1alpha1.ModelMonitor
	// Pods are the target's.
	Pods []Pod
	// Template is the pod template of the target's workload; nil for a pod selector.
	Template *corev1.PodTemplateSpec
	// Refused says why pods of the template cannot carry the sidecar, and what to do; empty when they can.
	Refused string
	// Port is the port of the template whose traffic the sidecar takes over; zero when it is not known.
	Port corev1.ContainerPort
	// Services are those of the namespace.
	Services []corev1.Service
	// Policies are the NetworkPolicies of the namespace.
	Policies []networkingv1.NetworkPolicy
	// Revision is that of the current sidecar.
	Revision string
	// Tripped is the trip by which the circuit breaker has stopped it.
	Tripped Trip
}

// Finding is what a condition says.
type Finding struct {
	Status          metav1.ConditionStatus
	Reason, Message string
}

// Count counts the target's pods by the state of their sidecar.
func (in Injection) Count() v1alpha1.CaptureStatus {
	var injected, current int32
	for _, p := range in.Pods {
		if p.Sidecar {
			injected++
			if p.Revision == in.Revision {
				current++
			}
		}
	}
	return v1alpha1.CaptureStatus{
		Revision:        in.Revision,
		TrippedRevision: in.Tripped.Revision,
		TrippedTime:     second(in.Tripped.Time),
		Pods:            new(int32(len(in.Pods))),
		InjectedPods:    &injected,
		CurrentPods:     &current,
	}
}

// Judge says whether every pod of the target carries the current sidecar and all its traffic passes it. Of several
// problems, the first gives the reason, and the message holds all.
func (in Injection) Judge() Finding {
	problems := in.problems()
	switch {
	case len(problems) > 0:
		texts := make([]string, 0, len(problems))
		for _, p := range problems {
			texts = append(texts, p.text)
		}
		return Finding{metav1.ConditionFalse, problems[0].reason, strings.Join(texts, "\n")}
	case len(in.Pods) == 0:
		return Finding{metav1.ConditionUnknown, v1alpha1.ReasonNoPods, "the target has no pods"}
	}
	return Finding{metav1.ConditionTrue, v1alpha1.ReasonInjected, "every pod of the target carries the current sidecar"}
}

type problem struct{ reason, text string }

func (in Injection) problems() []problem {
	var all []problem
	add := func(reason, text string) {
		if text != "" {
			all = append(all, problem{reason, text})
		}
	}
	if in.tripped() {
		add(v1alpha1.ReasonInjectionTripped, in.TrippedMessage())
	}
	add(v1alpha1.ReasonTemplateNotLabelled, in.notLabelled())
	add(v1alpha1.ReasonPortBypassed, in.Refused)
	add(v1alpha1.ReasonPortBypassed, in.bypassed())
	add(v1alpha1.ReasonPortBlocked, in.blocked())
	add(v1alpha1.ReasonPodsNotInjected, in.notInjected())
	add(v1alpha1.ReasonPortMismatch, in.mismatched())
	add(v1alpha1.ReasonPodsOutdated, in.outdated())
	return all
}

// TrippedMessage says why injection is stopped and how to go on.
func (in Injection) TrippedMessage() string {
	return fmt.Sprintf("several pods could not start because of the sidecar, so new pods start without it. Pods that hang do so until they are replaced: %[5]s\n"+
		"Mend the image, its pull secrets or the quota; then, to inject sidecar %[2]s again: kubectl -n %[3]s annotate modelmonitor %[1]s %[4]s=%[6]s --overwrite",
		in.Monitor.Name, in.Tripped.Revision, in.Monitor.Namespace, naming.AnnotationRearm, in.restart(), in.Tripped.Token())
}

func (in Injection) tripped() bool {
	return in.Tripped.Revision != "" && in.Tripped.Revision == in.Revision
}

func (in Injection) notLabelled() string {
	name := in.Monitor.Name
	if in.Template != nil {
		if in.Template.Labels[naming.LabelInject] == name {
			return ""
		}
		return fmt.Sprintf("the pod template of %s does not ask for the sidecar. Add to it: {spec: {template: {metadata: {labels: {%s: %s}}}}}",
			Target(in.Monitor), naming.LabelInject, name)
	}
	if slices.ContainsFunc(in.Pods, func(p Pod) bool { return p.Inject != name }) {
		return fmt.Sprintf("some of the selected pods do not ask for the sidecar. Add to their template: {metadata: {labels: {%s: %s}}}", naming.LabelInject, name)
	}
	return ""
}

// notInjected tells of pods that ask for the sidecar and run without it.
func (in Injection) notInjected() string {
	bare := 0
	for _, p := range in.Pods {
		if p.Inject == in.Monitor.Name && !p.Sidecar {
			bare++
		}
	}
	if bare == 0 || in.Refused != "" || in.tripped() {
		return ""
	}
	return "some pods started while the sidecar could not be injected. To replace them: " + in.restart()
}

func (in Injection) mismatched() string {
	if in.Port.ContainerPort == 0 {
		return ""
	}
	for _, p := range in.Pods {
		if p.Sidecar && p.Upstream != in.Port.ContainerPort {
			return fmt.Sprintf("some sidecars stand before another port than %d, which the monitor names now. To replace their pods: %s", in.Port.ContainerPort, in.restart())
		}
	}
	return ""
}

func (in Injection) outdated() string {
	for _, p := range in.Pods {
		if p.Sidecar && p.Revision != in.Revision && !in.tripped() {
			return "some pods run an older sidecar, which goes on working. To replace them: " + in.restart()
		}
	}
	return ""
}

func (in Injection) restart() string {
	ref := in.Monitor.Spec.Target.WorkloadRef
	if ref.Name == "" {
		return "restart their workload"
	}
	return fmt.Sprintf("kubectl -n %s rollout restart %s/%s", in.Monitor.Namespace, strings.ToLower(string(ref.Kind)), ref.Name)
}

// Target names what a monitor watches, in short.
func Target(m *v1alpha1.ModelMonitor) string {
	if ref := m.Spec.Target.WorkloadRef; ref.Name != "" {
		return fmt.Sprintf("%s/%s", ref.Kind, ref.Name)
	}
	s := "pods/" + metav1.FormatLabelSelector(m.Spec.Target.PodSelector)
	return s[:min(len(s), 512)]
}
