// SPDX-License-Identifier: Apache-2.0

// Package optional lets a controller use APIs that the cluster may lack: it says whether they are there, and watches their
// objects from the moment they are.
package optional

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Watcher starts a watch; a controller is one.
type Watcher interface {
	Watch(source.Source) error
}

// APIs tracks optional kinds. The zero value tracks without watching.
type APIs struct {
	// Mapper knows which kinds the cluster has. It asks again for kinds that it did not find.
	Mapper meta.RESTMapper
	// Watcher watches kinds as they appear; nil to watch none.
	Watcher Watcher
	// Source makes the source of events of a kind. Their metadata says enough: the kinds are others', and there may be many.
	Source func(*metav1.PartialObjectMetadata) source.Source

	mu      sync.Mutex
	watched map[schema.GroupVersionKind]bool
}

// Available says whether the cluster has all the kinds, and watches those that it has. A cluster that cannot be asked is
// an error, not an absence.
func (a *APIs) Available(_ context.Context, kinds ...schema.GroupVersionKind) (bool, error) {
	all := true
	for _, gvk := range kinds {
		_, err := a.Mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
		if meta.IsNoMatchError(err) {
			all = false
			continue
		}
		if err != nil {
			return false, fmt.Errorf("asking for the API of %s: %w", gvk.Kind, err)
		}
		if err := a.watch(gvk); err != nil {
			return false, fmt.Errorf("watching %s: %w", gvk.Kind, err)
		}
	}
	return all, nil
}

func (a *APIs) watch(gvk schema.GroupVersionKind) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Watcher == nil || a.watched[gvk] {
		return nil
	}
	obj := &metav1.PartialObjectMetadata{}
	obj.SetGroupVersionKind(gvk)
	if err := a.Watcher.Watch(a.Source(obj)); err != nil {
		return err
	}
	if a.watched == nil {
		a.watched = map[schema.GroupVersionKind]bool{}
	}
	a.watched[gvk] = true
	return nil
}
