// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"cmp"
	"net/url"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Address is where the page is reached: by people, else within the cluster.
func Address(q *v1alpha1.AnnotationQueue) string {
	return cmp.Or(q.Spec.Access.URL, "http://"+naming.Review(q.Name)+"."+q.Namespace+".svc")
}

// Host is the host of the queue's URL; "" where it has none.
func Host(q *v1alpha1.AnnotationQueue) string {
	u, err := url.Parse(q.Spec.Access.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// Replicas is the number of pods: one on SQLite, as a file has one writer.
func Replicas(q *v1alpha1.AnnotationQueue) int32 {
	switch {
	case q.Spec.Mode == v1alpha1.QueueModeSuspended:
		return 0
	case Postgres(q):
		return cmp.Or(q.Spec.Storage.Postgres.Replicas, 2)
	}
	return 1
}

// Postgres says whether the queue keeps its items in a database of its own, beside which several pods may run.
func Postgres(q *v1alpha1.AnnotationQueue) bool { return q.Spec.Storage.Postgres.SecretName != "" }

// UsersSecret is the Secret of local users; "" where people sign in otherwise.
func UsersSecret(q *v1alpha1.AnnotationQueue) string {
	a := q.Spec.Access
	if a.Local.SecretName == "" && (a.OIDC.IssuerURL != "" || a.ProxyHeader.User != "") {
		return ""
	}
	return cmp.Or(string(a.Local.SecretName), naming.LocalUsers(q.Name))
}

// Secrets are the Secrets without which no pod starts.
func Secrets(q *v1alpha1.AnnotationQueue) []string {
	a := q.Spec.Access
	var names []string
	for _, name := range []string{
		string(q.Spec.Storage.Postgres.SecretName), UsersSecret(q), string(a.Tokens.SecretName), string(a.OIDC.SecretName),
	} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}
