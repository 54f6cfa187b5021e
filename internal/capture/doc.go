// SPDX-License-Identifier: Apache-2.0

// Package capture puts the sidecar together: the proxy that forwards, the pipeline that decodes, scores and writes, the
// spool that uploads, the mirror that copies requests to a shadow, the metrics, and the reload of the documents; and it owns
// their start and their end.
//
// Whatever fails in capture, the proxy goes on. Without a configuration, or with mode PassThrough, bytes pass, and
// nothing is copied. Without a usable spool, rows are counted as lost. The process ends by itself only if it cannot
// listen.
//
// The end: a native sidecar is told to stop after the containers it serves, so requests may still come. It goes on
// accepting until none has come for a moment, waits an eighth of its time for shadows, completes its files, and uploads them within what is left of the time to
// drain. What is not uploaded then stays in the spool, for a successor in the same pod.
//
// Nothing below this package imports a Kubernetes package.
package capture
