// SPDX-License-Identifier: Apache-2.0

// Package queue decides about AnnotationQueues: which monitors feed one, whether it is valid, the document that review
// reads, its volume, and whether its page is served. It is pure: values in, values out.
package queue
