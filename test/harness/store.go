// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vedette-dev/vedette/internal/store"
)

// S3 is an S3 server and the keys to it.
type S3 struct {
	// Endpoint is its root, for example "http://127.0.0.1:7070".
	Endpoint string
	// AccessKey and Secret are its keys.
	AccessKey, Secret string
}

// region is what requests are signed for; servers of their own have no others.
const region = "us-east-1"

// CreateBucket creates a bucket unless there is one.
func (s S3) CreateBucket(ctx context.Context, bucket string) error {
	c := s3.New(s3.Options{
		BaseEndpoint: &s.Endpoint, UsePathStyle: true, Region: region,
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(s.AccessKey, s.Secret, "")),
	})
	_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket})
	var owned *types.BucketAlreadyOwnedByYou
	if err != nil && !errors.As(err, &owned) {
		return fmt.Errorf("creating bucket %s: %w", bucket, err)
	}
	return nil
}

// Open opens a bucket. It keeps the keys in dir, a folder that outlives the bucket.
func (s S3) Open(ctx context.Context, bucket, dir string) (*store.Bucket, error) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": s.AccessKey, "AWS_SECRET_ACCESS_KEY": s.Secret} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600); err != nil {
			return nil, fmt.Errorf("writing the keys of the store: %w", err)
		}
	}
	return store.Open(ctx, "s3://"+bucket+"?region="+region+"&endpoint="+s.Endpoint, dir)
}
