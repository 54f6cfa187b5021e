// SPDX-License-Identifier: Apache-2.0

// Package decode owns how inference calls are recognised and how their bodies are taken apart: into instances, the
// values of their features, and the predictions about them.
//
// Every protocol is reduced to one form: instance i is one JSON text on the side of the request and one on the side of
// the response, and paths such as request.age[2] are looked up in it.
//
//	Open Inference v2   {"<tensor>": row i, …}: a row of one element is that element, a longer one an array
//	KServe v1           element i of "instances" (or "inputs"), and of "predictions" (or "outputs")
//	JSON                element i at the declared path; a value that is no array, or no path at all, is one instance
//
// A feature without a path is request.<name>; where the instance is an array, or a v2 request has one single tensor
// with as many columns as there are features, it is the element at the feature's position; where the instance is a
// scalar, and there is one feature, it is that.
//
// A prediction without paths is, in a v2 response without a tensor named score, label or scores, the first output, and
// then: a number is the score (the class's index, if the kind is multiclass), a string or a boolean the label, an
// array the scores (of a regression: its first element is the score). In an object it is the keys score, label, scores.
// An array of one element stands for that element.
//
// All input is untrusted: what cannot be read is an error, what would take too much memory is ErrLimit before any is
// taken, and nothing here panics. A call has at most 16384 instances, and at most 262144 instances times features.
//
// The package must not import the proxy, files or metrics.
package decode
