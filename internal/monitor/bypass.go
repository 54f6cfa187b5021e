// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vedette-dev/vedette/internal/naming"
)

// maxBypassing bounds how many Services a message names.
const maxBypassing = 5

// bypassed tells of Services that send traffic to the model's port by number: it reaches the model without passing the
// sidecar, which takes over the port's name.
func (in Injection) bypassed() string {
	if in.Template == nil || in.Port.Name == "" {
		return ""
	}
	var texts []string
	if n := in.Port.HostPort; n != 0 {
		texts = append(texts, fmt.Sprintf("the hostPort %d of the port %s goes past the sidecar. Remove hostPort from it, and reach the model through a Service", n, in.Port.Name))
	}
	for i := range in.Services {
		s := &in.Services[i]
		if len(s.Spec.Selector) == 0 || s.Labels[naming.LabelMonitor] != "" || !labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(in.Template.Labels)) {
			continue
		}
		for _, p := range s.Spec.Ports {
			if p.TargetPort.Type == intstr.Int && p.TargetPort.IntVal == in.Port.ContainerPort {
				texts = append(texts, fmt.Sprintf("the Service %s sends port %d to number %d, past the sidecar. Use the port's name in it: {spec: {ports: [{port: %[2]d, targetPort: %[4]s}]}}",
					s.Name, p.Port, p.TargetPort.IntVal, in.Port.Name))
			}
		}
	}
	slices.Sort(texts)
	if more := len(texts) - maxBypassing; more > 0 {
		texts = append(texts[:maxBypassing], fmt.Sprintf("%d more do so", more))
	}
	return strings.Join(texts, "\n")
}
