// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vedette-dev/vedette/internal/naming"
)

// maxBypassing bounds how many Services a message names.
const maxBypassing = 5

// server is what a pod of the target is to Services and NetworkPolicies: its labels, and the port that the sidecar takes over.
type server struct {
	labels labels.Set
	port   corev1.ContainerPort
}

// servers are the target's: the one that its workload's template makes, else each pod that carries a sidecar.
func (in Injection) servers() []server {
	if in.Template != nil {
		if in.Port.Name == "" {
			return nil
		}
		return []server{{in.Template.Labels, in.Port}}
	}
	var all []server
	for _, p := range in.Pods {
		if p.Inject == in.Monitor.Name && p.Sidecar && p.Upstream != 0 && p.PortName != "" {
			all = append(all, server{p.Labels, corev1.ContainerPort{Name: p.PortName, ContainerPort: p.Upstream, HostPort: p.HostPort}})
		}
	}
	return all
}

// bypassed tells of Services that send traffic to the model's port by number: it reaches the model without passing the
// sidecar, which takes over the port's name.
func (in Injection) bypassed() string {
	var texts []string
	for _, s := range in.servers() {
		texts = append(texts, in.bypassing(s)...)
	}
	slices.Sort(texts)
	texts = slices.Compact(texts) // pods of one workload have the same
	if more := len(texts) - maxBypassing; more > 0 {
		texts = append(texts[:maxBypassing], fmt.Sprintf("%d more do so", more))
	}
	return strings.Join(texts, "\n")
}

func (in Injection) bypassing(to server) []string {
	var texts []string
	if n := to.port.HostPort; n != 0 {
		texts = append(texts, fmt.Sprintf("the hostPort %d of the port %s goes past the sidecar. Remove hostPort from it, and reach the model through a Service", n, to.port.Name))
	}
	for i := range in.Services {
		s := &in.Services[i]
		if len(s.Spec.Selector) == 0 || s.Labels[naming.LabelMonitor] != "" || !labels.SelectorFromSet(s.Spec.Selector).Matches(to.labels) {
			continue
		}
		for _, p := range s.Spec.Ports {
			if p.TargetPort.Type == intstr.Int && p.TargetPort.IntVal == to.port.ContainerPort {
				texts = append(texts, fmt.Sprintf("the Service %s sends port %d to number %d, past the sidecar. Use the port's name in it: {spec: {ports: [{port: %[2]d, targetPort: %[4]s}]}}",
					s.Name, p.Port, p.TargetPort.IntVal, to.port.Name))
			}
		}
	}
	return texts
}
