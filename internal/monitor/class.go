// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// DefaultClass returns the class of monitors that name none: the oldest of those that want to be it, by name when they
// are of one age; nil when there is none.
func DefaultClass(classes []v1alpha1.MonitorClass) *v1alpha1.MonitorClass {
	var oldest *v1alpha1.MonitorClass
	for i := range classes {
		c := &classes[i]
		if c.Spec.Selection != v1alpha1.ClassSelectionDefault {
			continue
		}
		if oldest == nil || c.CreationTimestamp.Before(&oldest.CreationTimestamp) ||
			c.CreationTimestamp.Equal(&oldest.CreationTimestamp) && c.Name < oldest.Name {
			oldest = c
		}
	}
	return oldest
}

// ClassFor returns the class of a monitor in a namespace with the given labels, or why there is none. A class that does
// not exist may come yet; one that does not allow the namespace needs a person.
func ClassFor(classes []v1alpha1.MonitorClass, name v1alpha1.ObjectName, namespaceLabels map[string]string) (*v1alpha1.MonitorClass, error) {
	class := DefaultClass(classes)
	if name != "" {
		class = classNamed(classes, name)
	}
	switch {
	case class == nil && name == "":
		return nil, reconcileerr.NewWaiting(v1alpha1.ReasonClassNotFound,
			"no MonitorClass is the default: set spec.className, or spec.selection: Default in a MonitorClass")
	case class == nil:
		return nil, reconcileerr.NewWaiting(v1alpha1.ReasonClassNotFound, "the MonitorClass %q does not exist: create it, or name another in spec.className", name)
	}
	allowed, err := Allowed(class)
	if err != nil {
		return nil, reconcileerr.NewStalled(v1alpha1.ReasonInvalidSelector, "the MonitorClass %q has an invalid allowedNamespaces: %v", class.Name, err)
	}
	if !allowed.Matches(labels.Set(namespaceLabels)) {
		return nil, reconcileerr.NewStalled(v1alpha1.ReasonNamespaceNotAllowed,
			"the MonitorClass %q allows only namespaces with labels %s: label the namespace, or name another class in spec.className", class.Name, allowed)
	}
	return class, nil
}

// Stops says whether nothing may be captured for a monitor, whether or not it is valid: it or its class says so, or it has
// no class, and noClass tells that for certain, unlike a failure to read the classes.
func Stops(m *v1alpha1.ModelMonitor, class *v1alpha1.MonitorClass, noClass error) bool {
	switch {
	case m.Spec.Mode == v1alpha1.ModePassThrough:
		return true
	case class != nil:
		return class.Spec.Mode == v1alpha1.ModePassThrough
	}
	return reconcileerr.Reason(noClass) != ""
}

// Allowed is the selector of the namespaces whose monitors may use the class.
func Allowed(class *v1alpha1.MonitorClass) (labels.Selector, error) {
	if class.Spec.AllowedNamespaces == nil {
		return labels.Everything(), nil
	}
	s, err := metav1.LabelSelectorAsSelector(class.Spec.AllowedNamespaces)
	if err != nil {
		return nil, fmt.Errorf("reading the selector: %w", err)
	}
	return s, nil
}

// Uses says whether a monitor that asks for the class name would use the class called want, by name or as the default.
func Uses(classes []v1alpha1.MonitorClass, name v1alpha1.ObjectName, want string) bool {
	if name != "" {
		return string(name) == want
	}
	d := DefaultClass(classes)
	return d != nil && d.Name == want
}

func classNamed(classes []v1alpha1.MonitorClass, name v1alpha1.ObjectName) *v1alpha1.MonitorClass {
	for i := range classes {
		if classes[i].Name == string(name) {
			return &classes[i]
		}
	}
	return nil
}
