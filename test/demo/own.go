// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// demoLabel marks what the demo brought. On a cluster that is not ours, nothing else is changed or removed: an operator
// that was there before may watch models that people depend on.
const demoLabel = "vedette.dev/demo"

// render renders the kustomization in dir, marked as the demo's.
func (d *demo) render(ctx context.Context, dir string) ([]*unstructured.Unstructured, error) {
	objects, err := d.cluster.Kustomize(ctx, dir)
	mark(objects)
	return objects, err
}

func mark(objects []*unstructured.Unstructured) {
	for _, o := range objects {
		labels := o.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		labels[demoLabel] = "true"
		o.SetLabels(labels)
	}
}

// requireOwn is an error if something of objects is on the cluster already and is not the demo's. Our own cluster has
// nobody else's.
func (d *demo) requireOwn(ctx context.Context, objects []*unstructured.Unstructured) error {
	if d.cluster.Local {
		return nil
	}
	_, foreign, err := d.present(ctx, objects)
	if err != nil || len(foreign) == 0 {
		return err
	}
	return fmt.Errorf("the cluster of KUBECONFIG has what the demo would make, without the label %s that the demo gives: %s; "+
		"nothing was changed there. Name a cluster without them in KUBECONFIG, or unset it, and the demo brings a cluster of its own",
		demoLabel, list(foreign))
}

// remove deletes those of objects that are the demo's, waits until they are gone, and says what it left alone.
func (d *demo) remove(ctx context.Context, timeout time.Duration, objects []*unstructured.Unstructured) error {
	own, foreign, err := d.present(ctx, objects)
	if err != nil {
		return err
	}
	if len(foreign) > 0 {
		d.sayf("left alone, for want of the label %s: %s", demoLabel, list(foreign))
	}
	return d.cluster.Delete(ctx, timeout, own)
}

// present returns those of objects that are on the cluster, as they are asked for: the demo's own, and the others.
func (d *demo) present(ctx context.Context, objects []*unstructured.Unstructured) (own, foreign []*unstructured.Unstructured, err error) {
	for _, o := range objects {
		found := new(unstructured.Unstructured)
		found.SetGroupVersionKind(o.GroupVersionKind())
		err := d.cluster.Get(ctx, client.ObjectKeyFromObject(o), found)
		switch {
		case apierrors.IsNotFound(err), meta.IsNoMatchError(err):
			// A kind that is not served has no objects.
		case err != nil:
			return nil, nil, fmt.Errorf("looking for %s: %w", describe(o), err)
		case found.GetLabels()[demoLabel] != "":
			own = append(own, o)
		default:
			foreign = append(foreign, o)
		}
	}
	return own, foreign, nil
}

// listed is how many objects a message names.
const listed = 6

// list names objects, namespaces and definitions first: they tell the most.
func list(objects []*unstructured.Unstructured) string {
	sorted := slices.Clone(objects)
	slices.SortStableFunc(sorted, func(a, b *unstructured.Unstructured) int { return rank(a) - rank(b) })
	var names []string
	for _, o := range sorted[:min(len(sorted), listed)] {
		names = append(names, describe(o))
	}
	if more := len(sorted) - listed; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

func rank(o *unstructured.Unstructured) int {
	switch o.GetKind() {
	case "Namespace":
		return 0
	case "CustomResourceDefinition":
		return 1
	default:
		return 2
	}
}

func describe(o *unstructured.Unstructured) string {
	return o.GetKind() + " " + strings.TrimPrefix(o.GetNamespace()+"/"+o.GetName(), "/")
}
