// SPDX-License-Identifier: Apache-2.0

package naming

import (
	"crypto/sha256"
	"encoding/hex"
)

// Annotations on a ShadowRollout by which a person decides. The value is the revision that is meant; another has no effect.
const (
	// AnnotationPromote approves it, as spec.promotion.approvedRevision does: for when no commit can be waited for.
	AnnotationPromote = "vedette.dev/promote"
	// AnnotationReject rejects it.
	AnnotationReject = "vedette.dev/reject"
	// AnnotationAbort ends its trial: it is on record as not to serve.
	AnnotationAbort = "vedette.dev/abort"
	// AnnotationPause holds every step, while evidence goes on being gathered.
	AnnotationPause = "vedette.dev/pause"
	// AnnotationRetry tries a revision again that was rejected, aborted or not judged in time; once for each value. What follows a
	// slash makes another value of it.
	AnnotationRetry = "vedette.dev/retry"
)

// AnnotationCopyOf on the copy of a ConfigMap names the original.
const AnnotationCopyOf = "vedette.dev/copy-of"

// Primary names the Deployment that serves for a rollout.
func Primary(rollout string) string { return rollout + "-primary" }

// Shadow names the Deployment of the candidate, and its Service.
func Shadow(rollout string) string { return rollout + "-shadow" }

// Revision names the ControllerRevision that holds a template of a rollout.
func Revision(rollout, revision string) string { return rollout + "-" + revision }

// Copy names the copy of a ConfigMap that belongs to a revision of a rollout. The hash of the original's name keeps it within
// the bounds of a name, however long that is.
func Copy(rollout, revision, original string) string {
	sum := sha256.Sum256([]byte(original))
	return Revision(rollout, revision) + "-" + hex.EncodeToString(sum[:4])
}
