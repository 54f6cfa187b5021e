// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/controllers/annotationqueue"
	"github.com/vedette-dev/vedette/controllers/modelmonitor"
	"github.com/vedette-dev/vedette/controllers/shadowrollout"
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
	maps.Copy(o.ByObject, shadowrollout.CacheByObject())
	if len(namespaces) > 0 {
		o.DefaultNamespaces = make(map[string]cache.Config, len(namespaces))
		for _, n := range namespaces {
			o.DefaultNamespaces[n] = cache.Config{}
		}
	}
	return o
}

// clientOptions keep Secrets out of the cache: the manager reads none but its own.
func clientOptions() client.Options {
	return client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}}
}
