// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Define makes the server know kinds, and waits until they are served. That they are established says only that they will be: a
// controller that asks before then hears that they do not exist, and asks again no sooner than after a minute.
func (s *Server) Define(t *testing.T, definitions ...*apiextensionsv1.CustomResourceDefinition) {
	t.Helper()
	for _, crd := range definitions {
		if err := s.Client(t, s.Config).Create(t.Context(), crd); client.IgnoreAlreadyExists(err) != nil { // another test may have made it
			t.Fatal(err)
		}
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{Group: crd.Spec.Group, Version: crd.Spec.Versions[0].Name, Kind: crd.Spec.Names.ListKind})
		var refused error
		if err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, awaitLimit, true, func(ctx context.Context) (bool, error) {
			refused = s.Client(t, s.Config).List(ctx, list) // by a new client, which knows no kinds from before
			return refused == nil, nil
		}); err != nil {
			t.Fatalf("%s is not served: %v: %v", crd.Name, err, refused)
		}
	}
}
