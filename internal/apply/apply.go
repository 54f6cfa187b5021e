// SPDX-License-Identifier: Apache-2.0

// Package apply writes desired objects with server-side apply, sends nothing when nothing would change, and deletes what is
// no longer desired. It never touches an object that the owner does not control.
package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// FieldOwner is the field manager of everything that the operator applies.
const FieldOwner client.FieldOwner = naming.ManagedBy

// Applier applies desired objects on behalf of an owner.
type Applier struct {
	// Client writes, and reads from the cache.
	Client client.Client
	// Live reads from the API server: whether a name is free must not depend on what the cache selects.
	Live client.Reader
	// Owns says whether an object is the owner's.
	Owns func(metav1.Object) bool
}

// ControlledBy makes those objects an owner's that it controls.
func ControlledBy(owner types.UID) func(metav1.Object) bool {
	return func(obj metav1.Object) bool {
		ref := metav1.GetControllerOf(obj)
		return ref != nil && ref.UID == owner
	}
}

// Apply applies an object, an apply configuration or unstructured. It says whether it sent anything. An object of the name that is not
// the owner's is left alone: the error is Stalled.
func (a Applier) Apply(ctx context.Context, desired any) (sent bool, err error) {
	u, live, err := a.prepare(ctx, desired)
	if err != nil {
		return false, err
	}
	return a.apply(ctx, u, live)
}

// ApplyExisting is Apply for an object that is not to be made where there is none. It says whether there is one.
func (a Applier) ApplyExisting(ctx context.Context, desired any) (exists bool, err error) {
	u, live, err := a.prepare(ctx, desired)
	if err != nil || live == nil {
		return false, err
	}
	u.SetUID(live.GetUID()) // the cache may hold what is deleted already: the API server refuses to make it
	_, err = a.apply(ctx, u, live)
	return true, err
}

// prepare returns what is to be applied, and what there is; nil when there is nothing.
func (a Applier) prepare(ctx context.Context, desired any) (*unstructured.Unstructured, client.Object, error) {
	u, err := mark(desired)
	if err != nil {
		return nil, nil, err
	}
	live, err := a.live(ctx, u)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the %s: %w", u.GetKind(), err)
	}
	return u, live, nil
}

func (a Applier) apply(ctx context.Context, u *unstructured.Unstructured, live client.Object) (sent bool, err error) {
	kind := u.GetKind()
	if live != nil {
		if !a.Owns(live) {
			return false, reconcileerr.NewStalled(v1alpha1.ReasonNameConflict,
				"the %s %q belongs to something else: delete or rename it, or rename the %s", kind, u.GetName(), ownerKind(u))
		}
		same, err := a.same(u, live)
		if err != nil {
			return false, fmt.Errorf("comparing the %s: %w", kind, err)
		}
		if same {
			return false, nil
		}
	}
	if err := a.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), FieldOwner, client.ForceOwnership); err != nil {
		return false, fmt.Errorf("applying the %s: %w", kind, err)
	}
	return true, nil
}

// ownerKind is the kind of the object on whose behalf u is applied.
func ownerKind(u *unstructured.Unstructured) string {
	if ref := metav1.GetControllerOf(u); ref != nil {
		return ref.Kind
	}
	if u.GetLabels()[naming.LabelRollout] != "" {
		return "ShadowRollout" // what is to outlive it has no owner
	}
	return "owner"
}

// Changed says whether live was applied from something else than desired.
func Changed(desired any, live client.Object) (bool, error) {
	u, err := mark(desired)
	if err != nil {
		return false, err
	}
	return live.GetAnnotations()[naming.AnnotationHash] != u.GetAnnotations()[naming.AnnotationHash], nil
}

// mark turns desired into unstructured and puts its hash on it.
func mark(desired any) (*unstructured.Unstructured, error) {
	b, err := json.Marshal(desired)
	if err != nil {
		return nil, fmt.Errorf("encoding an object: %w", err)
	}
	sum := sha256.Sum256(b)
	u := &unstructured.Unstructured{}
	if err := utiljson.Unmarshal(b, &u.Object); err != nil { // numbers as the API machinery wants them
		return nil, fmt.Errorf("decoding an object: %w", err)
	}
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[naming.AnnotationHash] = hex.EncodeToString(sum[:])[:16]
	u.SetAnnotations(annotations)
	return u, nil
}

// live is the object of u's name, from the cache or, when it holds none, from the API server; nil when there is none.
func (a Applier) live(ctx context.Context, u *unstructured.Unstructured) (client.Object, error) {
	key := client.ObjectKeyFromObject(u)
	obj, err := a.empty(u)
	if err != nil {
		return nil, err
	}
	err = a.Client.Get(ctx, key, obj)
	if apierrors.IsNotFound(err) {
		err = a.Live.Get(ctx, key, obj)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return obj, err
}

// empty is an object of u's kind: typed where the scheme knows the kind, so that the cache of the typed client is used.
func (a Applier) empty(u *unstructured.Unstructured) (client.Object, error) {
	gvk := u.GroupVersionKind()
	if !a.Client.Scheme().Recognizes(gvk) {
		o := &unstructured.Unstructured{}
		o.SetGroupVersionKind(gvk)
		return o, nil
	}
	o, err := a.Client.Scheme().New(gvk)
	if err != nil {
		return nil, err
	}
	return o.(client.Object), nil
}

// same says whether live is what an apply of u would make it: it carries u's hash, so u has not changed since, and holds
// what u holds, so that nobody else has changed it.
func (a Applier) same(u *unstructured.Unstructured, live client.Object) (bool, error) {
	if live.GetAnnotations()[naming.AnnotationHash] != u.GetAnnotations()[naming.AnnotationHash] {
		return false, nil
	}
	want, err := a.normal(u)
	if err != nil {
		return false, err
	}
	got, err := runtime.DefaultUnstructuredConverter.ToUnstructured(live)
	if err != nil {
		return false, err
	}
	for _, o := range []map[string]any{want, got} {
		delete(o, "status")
		delete(o, "apiVersion") // the cache leaves both out
		delete(o, "kind")
	}
	return holds(got, want), nil
}

// normal takes u through its type, which gives quantities and the like the form in which the API server returns them.
func (a Applier) normal(u *unstructured.Unstructured) (map[string]any, error) {
	typed, err := a.empty(u)
	if err != nil {
		return nil, err
	}
	if _, untyped := typed.(*unstructured.Unstructured); untyped {
		return u.DeepCopy().Object, nil
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, typed); err != nil {
		return nil, err
	}
	return runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
}

// All applies every object and reports all failures, not only the first.
func (a Applier) All(ctx context.Context, desired ...any) error {
	var errs []error
	for _, d := range desired {
		if _, err := a.Apply(ctx, d); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Delete deletes an object if it is the owner's. The UID guards against deleting a namesake that was made meanwhile.
func (a Applier) Delete(ctx context.Context, obj client.Object) error {
	if !a.Owns(obj) || obj.GetDeletionTimestamp() != nil {
		return nil
	}
	uid := obj.GetUID()
	err := a.Client.Delete(ctx, obj, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting a %s that is no longer wanted: %w", kindOf(obj), err)
	}
	return nil
}

// Prune deletes the objects of list that are the owner's and keep does not name.
func (a Applier) Prune(ctx context.Context, list client.ObjectList, keep ...string) error {
	var errs []error
	err := meta.EachListItem(list, func(o runtime.Object) error {
		obj, ok := o.(client.Object)
		if !ok {
			return fmt.Errorf("%T is no object", o)
		}
		for _, name := range keep {
			if obj.GetName() == name {
				return nil
			}
		}
		errs = append(errs, a.Delete(ctx, obj))
		return nil
	})
	return errors.Join(append(errs, err)...)
}

func kindOf(obj client.Object) string {
	if kind := obj.GetObjectKind().GroupVersionKind().Kind; kind != "" {
		return kind
	}
	return fmt.Sprintf("%T", obj)
}
