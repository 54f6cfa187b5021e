// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// As returns the configuration of a user who holds the ClusterRoles in the files, and nothing else.
func (s *Server) As(t *testing.T, user string, roles ...*rbacv1.ClusterRole) *rest.Config {
	t.Helper()
	c := s.Client(t, s.Config)
	for _, role := range roles {
		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: user + "-" + role.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		}
		known := true // from another test, which waited for it
		for _, obj := range []client.Object{role, binding} {
			err := c.Create(t.Context(), obj)
			if client.IgnoreAlreadyExists(err) != nil {
				t.Fatal(err)
			}
			known = known && err != nil
		}
		if !known {
			s.AwaitAllowed(t, user, "", role.Rules)
		}
	}
	u, err := s.env.AddUser(envtest.User{Name: user}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := u.Config()
	cfg.QPS = -1
	return cfg
}

// AwaitAllowed waits until a user may do what rules say, in a namespace or, where none is named, in all of them. The server learns of
// roles and of their bindings by watching: who asks right after they were made is refused.
func (s *Server) AwaitAllowed(t *testing.T, user, namespace string, rules []rbacv1.PolicyRule) {
	t.Helper()
	c := s.Client(t, s.Config)
	for i := range rules {
		rule := &rules[i]
		if len(rule.Resources) == 0 {
			continue // it is about paths
		}
		asked := &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: rule.Verbs[0], Group: rule.APIGroups[0]}
		asked.Resource, asked.Subresource, _ = strings.Cut(rule.Resources[0], "/")
		if len(rule.ResourceNames) > 0 {
			asked.Name = rule.ResourceNames[0]
		}
		if err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, awaitLimit, true, func(ctx context.Context) (bool, error) {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: asked}}
			err := c.Create(ctx, review)
			return review.Status.Allowed, err
		}); err != nil {
			t.Fatalf("%s may not %+v: %v", user, *asked, err)
		}
	}
}
