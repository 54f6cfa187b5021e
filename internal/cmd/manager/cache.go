// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/controllers/annotationqueue"
	"github.com/vedette-dev/vedette/controllers/modelmonitor"
	"github.com/vedette-dev/vedette/internal/naming"
)

// cacheOptions keep the cache small, and reads honest: reading a kind that nothing watches is an error, not the start of
// a watch over the whole cluster.
func cacheOptions(namespaces []string) cache.Options {
	o := cache.Options{
		DefaultTransform:            cache.TransformStripManagedFields(),
		ReaderFailOnMissingInformer: true,
		ByObject:                    modelmonitor.CacheByObject(),
	}
	maps.Copy(o.ByObject, annotationqueue.CacheByObject())
	// For the webhook, which asks for the Deployment of a pod. A ReplicaSet has the labels of its pod template.
	o.ByObject[&appsv1.ReplicaSet{}] = cache.ByObject{Label: exists(naming.LabelInject)}
	if len(namespaces) > 0 {
		o.DefaultNamespaces = make(map[string]cache.Config, len(namespaces))
		for _, n := range namespaces {
			o.DefaultNamespaces[n] = cache.Config{}
		}
	}
	return o
}

// clientOptions keep Secrets out of the cache: the manager reads none but its own, with a cache of its own.
func clientOptions() client.Options {
	return client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}}
}

func exists(label string) labels.Selector {
	r, err := labels.NewRequirement(label, selection.Exists, nil)
	if err != nil {
		panic(err) // the label is a constant
	}
	return labels.NewSelector().Add(*r)
}
