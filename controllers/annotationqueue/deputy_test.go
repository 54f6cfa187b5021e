// SPDX-License-Identifier: Apache-2.0

package annotationqueue

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// author is a client of somebody who may edit AnnotationQueues by the role that we ship, and nothing else.
func author(t *testing.T) client.Client {
	t.Helper()
	server := apiserver.Get(t)
	return server.Client(t, server.As(t, "author", apiserver.Role(t, "config/rbac/annotationqueue-roles.yaml", "vedette-annotationqueue-editor")))
}

// TestNoSecretIsReadThroughUs: an author of queues who names a Secret of somebody else has it mounted by items that are made
// for a queue and nothing else, has the client's secret tied to the provider that the Secret names, and finds nothing of it in
// what we write. What the program then does with the files its own tests show.
func TestNoSecretIsReadThroughUs(t *testing.T) {
	f := newFixture(t)
	ctx, a := t.Context(), author(t)
	f.fraud()
	const content = "hunter2"
	theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "theirs"}, StringData: map[string]string{
		"token": content, naming.ClientSecretFile: content, naming.ClientIssuerFile: "https://login.example.com",
	}}
	f.create(theirs)
	q := wrappers.MakeQueue(f.ns, "desk", "fraud").With(func(s *v1alpha1.AnnotationQueueSpec) {
		s.Storage.Postgres.SecretName = "theirs"
		s.Access = v1alpha1.QueueAccess{
			URL:   "https://desk.example.com",
			OIDC:  v1alpha1.OIDCAccess{IssuerURL: "https://evil.example.com", ClientID: "desk", SecretName: "theirs"},
			Local: v1alpha1.LocalAccess{SecretName: "theirs"}, Tokens: v1alpha1.TokenAccess{SecretName: "theirs"},
			Roles: []v1alpha1.RoleGrant{{Role: v1alpha1.QueueRoleAdmin, Users: []string{"mallory"}}},
		}
	}).Obj()
	if err := a.Create(ctx, q); err != nil {
		t.Fatal(err)
	}
	f.settle()

	d := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: f.ns, Name: naming.Review("desk")}
	if err := f.admin.Get(ctx, key, d); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"read the Secret":      a.Get(ctx, client.ObjectKeyFromObject(theirs), &corev1.Secret{}),
		"add to the Secret":    a.Patch(ctx, theirs.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"stringData":{"oidc-issuer":"https://evil.example.com"}}`))),
		"change what we make":  a.Patch(ctx, d.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"replicas":3}}`))),
		"make a pod":           a.Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "mine"}, Spec: d.Spec.Template.Spec}),
		"read a configuration": a.Get(ctx, key, &corev1.ConfigMap{}),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("he may %s: %v", what, err)
		}
	}
	if err := f.Client.Get(ctx, client.ObjectKeyFromObject(theirs), &corev1.Secret{}); !apierrors.IsForbidden(err) {
		t.Errorf("the manager may read the Secret: %v", err)
	}
	if err := f.Client.List(ctx, &corev1.SecretList{}, client.InNamespace(f.ns)); !apierrors.IsForbidden(err) {
		t.Errorf("the manager may list Secrets: %v", err)
	}

	mounted := mountedOf(t, d, "theirs")
	want := []string{naming.DatabaseURLFile, naming.UsersFile, naming.TokensFile, naming.ClientSecretFile, naming.ClientIssuerFile}
	want = append(want, naming.CertificateKeys()...)
	slices.Sort(want)
	if !slices.Equal(mounted, want) {
		t.Errorf("mounted are the items %q, want %q", mounted, want)
	}
	config := &corev1.ConfigMap{}
	if err := f.admin.Get(ctx, key, config); err != nil {
		t.Fatal(err)
	}
	for _, o := range []client.Object{d, config, f.get()} {
		b, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), content) {
			t.Errorf("%T holds what is in the Secret", o)
		}
	}
}

// mountedOf are the items of a Secret that a Deployment mounts; it may get at it by nothing else. The two items of an
// OpenID Connect client come together or not at all.
func mountedOf(t *testing.T, d *appsv1.Deployment, secret string) []string {
	t.Helper()
	spec := d.Spec.Template.Spec
	for _, c := range append(slices.Clone(spec.InitContainers), spec.Containers...) {
		if len(c.EnvFrom) > 0 || slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.ValueFrom != nil }) {
			t.Errorf("the container %s has variables from elsewhere", c.Name)
		}
	}
	var items []string
	for _, v := range spec.Volumes {
		if v.Secret != nil {
			t.Errorf("the volume %s is a whole Secret", v.Name)
		}
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.Secret == nil || s.Secret.Name != secret {
				continue
			}
			var keys []string
			for _, i := range s.Secret.Items {
				keys = append(keys, i.Key)
			}
			if slices.Contains(keys, naming.ClientSecretFile) && (!slices.Contains(keys, naming.ClientIssuerFile) || *s.Secret.Optional) {
				t.Errorf("the client's secret is mounted without the provider that it is for: %q", keys)
			}
			items = append(items, keys...)
		}
	}
	slices.Sort(items)
	return items
}
