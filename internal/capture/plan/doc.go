// SPDX-License-Identifier: Apache-2.0

// Package plan owns what the sidecar does with one configuration: the compiled form of the document, of the pod's
// versions, of the key of hashes and of the baseline's summary. A plan never changes; a reload makes another, and a
// request keeps the one that it began with.
//
// The package must not import the proxy, the pipeline or Kubernetes packages, and reads no clock.
package plan
