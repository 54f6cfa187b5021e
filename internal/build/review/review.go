// SPDX-License-Identifier: Apache-2.0

// Package review builds what runs the page of an AnnotationQueue, one file for each object. It is pure. The pods have no
// API permissions: they get configuration and credentials as files, and nothing of the operator reads their Secrets.
package review

import (
	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/build/owner"
	"github.com/vedette-dev/vedette/internal/naming"
)

// container is the name of the container of every pod.
const container = "review"

// Params are what the objects of a queue depend on.
type Params struct {
	Queue *v1alpha1.AnnotationQueue
	// Class is the class of its monitors.
	Class *v1alpha1.MonitorClassSpec
	// Image is the image of review.
	Image string
	// Restart is the hash of what only a restart brings into effect.
	Restart string
}

func (p Params) name() string { return naming.Review(p.Queue.Name) }

func (p Params) labels() map[string]string { return owner.QueueLabels(p.Queue) }

// selector selects the pods of the queue, and no other.
func selector(q *v1alpha1.AnnotationQueue) map[string]string {
	return map[string]string{naming.LabelQueue: q.Name, naming.LabelRole: naming.RoleReview}
}
