// SPDX-License-Identifier: Apache-2.0

// Package rollout builds the children of a ShadowRollout: the primary that serves, the shadow that is tried, its Service, and
// the templates and ConfigMaps of every revision that serves, is tried or served. It is pure.
//
// Pods of the primary carry the template's labels, so that the user's Services select them; pods of the shadow carry none but
// ours, so that no Service of the user's can.
package rollout

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Version is a revision of a rollout with its template, which has the parameters in it and names the copies of its ConfigMaps.
type Version struct {
	Revision string
	// Run is the retraining run that made the values of its parameters; empty where they are the template's own.
	Run      string
	Template corev1.PodTemplateSpec
}

// Selector are the labels by which the pods of a role of a rollout are found.
func Selector(r *v1alpha1.ShadowRollout, role string) map[string]string {
	return map[string]string{naming.LabelRollout: r.Name, naming.LabelRole: role}
}

// labels are the labels of what belongs to a revision in a role; without a role, of what belongs to the revision in any.
func labels(r *v1alpha1.ShadowRollout, role, revision string) map[string]string {
	l := owner.RolloutLabels(r)
	l[naming.LabelRevision] = revision
	if role != "" {
		l[naming.LabelRole] = role
	}
	return l
}

// podLabels are the labels of ours that pods of a role carry.
func podLabels(r *v1alpha1.ShadowRollout, role, revision string) map[string]string {
	l := Selector(r, role)
	l[naming.LabelRevision] = revision
	return l
}

// selector is the selector of a Deployment.
func selector(r *v1alpha1.ShadowRollout, role string) *metav1.LabelSelectorApplyConfiguration {
	return metav1.LabelSelector().WithMatchLabels(Selector(r, role))
}
