// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
)

// LockMode is how an object is locked against removal in a bucket with S3's Object Lock.
type LockMode string

// The modes of locks.
const (
	// LockGovernance lets those remove an object early who may bypass the lock, LockCompliance nobody.
	LockGovernance LockMode = "Governance"
	LockCompliance LockMode = "Compliance"
)

// Lock says for how long an object is locked. The zero Lock locks nothing, but for what the bucket does by itself.
type Lock struct {
	Mode LockMode
	// For is how long objects are locked, and Until until when one is.
	For   time.Duration
	Until time.Time
}

// CreateLocked is Create for an object that cannot be removed before its lock ends. A folder has no locks: there it is Create.
func (b *Bucket) CreateLocked(ctx context.Context, key string, body io.Reader, l Lock) error {
	before := b.beforeWrite
	if before != nil && l.Mode != "" {
		before = func(as func(any) bool) error {
			var upload *transfermanager.UploadObjectInput
			if !as(&upload) {
				return errors.New("the upload cannot be locked")
			}
			upload.ObjectLockMode = types.ObjectLockModeGovernance
			if l.Mode == LockCompliance {
				upload.ObjectLockMode = types.ObjectLockModeCompliance
			}
			// Servers take a locked object only with a checksum, which those of others do not get otherwise.
			upload.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32
			until := l.Until.UTC()
			upload.ObjectLockRetainUntilDate = &until
			return b.beforeWrite(as)
		}
	}
	return b.write(ctx, "creating", key, body, true, before)
}
