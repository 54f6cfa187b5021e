// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/vedette-dev/vedette/internal/testing/apiserver"
)

// as is the configuration of a user who holds the generated roles, and nothing else: a missing marker fails a test, and
// not a cluster.
func as(t *testing.T, server *apiserver.Server, c client.Client) *rest.Config {
	t.Helper()
	const user = "vedette-manager"
	b, err := os.ReadFile(apiserver.File("config/rbac/role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var clusterRoles []*rbacv1.ClusterRole
	for doc := range bytes.SplitSeq(b, []byte("---\n")) {
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal(doc, &kind); err != nil {
			t.Fatal(err)
		}
		switch kind.Kind {
		case "ClusterRole":
			role := &rbacv1.ClusterRole{}
			if err := yaml.UnmarshalStrict(doc, role); err != nil {
				t.Fatal(err)
			}
			clusterRoles = append(clusterRoles, role)
		case "Role":
			role := &rbacv1.Role{}
			if err := yaml.UnmarshalStrict(doc, role); err != nil {
				t.Fatal(err)
			}
			binding := &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: role.Namespace, Name: role.Name},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
				Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
			}
			for _, obj := range []client.Object{role, binding} {
				if err := c.Create(t.Context(), obj); err != nil {
					t.Fatal(err)
				}
			}
			server.AwaitAllowed(t, user, role.Namespace, role.Rules)
		}
	}
	return server.As(t, user, clusterRoles...)
}
