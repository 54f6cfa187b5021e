// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
)

// class finds the class of a monitor: the one that it names, else the oldest default. It is nil when there is none, or it
// does not allow the monitor's namespace; the monitor's status says so.
func (i *Injector) class(ctx context.Context, monitor *vedettev1alpha1.ModelMonitor) (*vedettev1alpha1.MonitorClass, error) {
	var classes vedettev1alpha1.MonitorClassList
	if err := i.Reader.List(ctx, &classes); err != nil {
		return nil, fmt.Errorf("reading the MonitorClasses: %w", err)
	}
	class := choose(classes.Items, string(monitor.Spec.ClassName))
	if class == nil || class.Spec.AllowedNamespaces == nil {
		return class, nil
	}
	allowed, err := metav1.LabelSelectorAsSelector(class.Spec.AllowedNamespaces)
	if err != nil {
		return nil, nil //nolint:nilerr // the class's own status says so; no namespace is allowed
	}
	namespace := metadata(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := i.Reader.Get(ctx, client.ObjectKey{Name: monitor.Namespace}, namespace); err != nil {
		return nil, fmt.Errorf("reading the Namespace: %w", err)
	}
	if !allowed.Matches(labels.Set(namespace.Labels)) {
		return nil, nil
	}
	return class, nil
}

// choose finds the class of a name; without a name, the oldest default.
func choose(classes []vedettev1alpha1.MonitorClass, name string) *vedettev1alpha1.MonitorClass {
	var chosen *vedettev1alpha1.MonitorClass
	for n := range classes {
		c := &classes[n]
		switch {
		case name != "" && c.Name == name:
			return c
		case name != "" || c.Spec.Selection != vedettev1alpha1.ClassSelectionDefault:
		case chosen == nil || c.CreationTimestamp.Before(&chosen.CreationTimestamp):
			chosen = c
		}
	}
	return chosen
}
