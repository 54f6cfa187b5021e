// SPDX-License-Identifier: Apache-2.0

package wrappers

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// Queue wraps an AnnotationQueue.
type Queue struct{ v1alpha1.AnnotationQueue }

// MakeQueue makes a queue of monitors, with what the API server would fill in.
func MakeQueue(namespace, name string, monitors ...v1alpha1.ObjectName) *Queue {
	q := &Queue{}
	q.Namespace, q.Name = namespace, name
	q.Spec.Mode, q.Spec.Overlap, q.Spec.Lease = v1alpha1.QueueModeServe, 1, "10m"
	for _, m := range monitors {
		q.Spec.Monitors = append(q.Spec.Monitors, v1alpha1.QueueMonitor{Name: m, WeightPercent: 100})
	}
	return q
}

// UID sets the UID, for tests without an API server.
func (q *Queue) UID(uid types.UID) *Queue {
	q.AnnotationQueue.UID = uid
	return q
}

// Postgres keeps its items in the database of a Secret.
func (q *Queue) Postgres(secret v1alpha1.ObjectName) *Queue {
	q.Spec.Storage = v1alpha1.QueueStorage{Postgres: v1alpha1.PostgresStorage{SecretName: secret, Replicas: 2}}
	return q
}

// With changes the queue.
func (q *Queue) With(change func(*v1alpha1.AnnotationQueueSpec)) *Queue {
	change(&q.Spec)
	return q
}

// Obj is the queue.
func (q *Queue) Obj() *v1alpha1.AnnotationQueue { return &q.AnnotationQueue }
