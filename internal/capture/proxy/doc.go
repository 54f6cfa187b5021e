// SPDX-License-Identifier: Apache-2.0

// Package proxy owns the serving path of the sidecar: it forwards every request to the model server in the same pod,
// and copies, of those that a Recorder asks for, a bounded part of both bodies into an Exchange.
//
// Two rules decide everything here. First forward, then copy: what the client or the model server waits for is never
// behind the recording. And what passes stays as it is: streams, trailers, informational answers, upgrades and errors
// arrive as they were sent; the headers x-request-id and traceparent of inference calls are the one addition.
//
// The package knows nothing of models, metrics or files. It must not import the packages that consume an Exchange.
package proxy
