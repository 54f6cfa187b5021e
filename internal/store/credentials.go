// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// errNoCredentials marks a failure to find credentials, as opposed to one to reach the store.
var errNoCredentials = errors.New("no credentials")

// maxCredentialBytes bounds one credential file; session tokens are below 4 KiB.
const maxCredentialBytes = 16 << 10

// fileCredentials provides what is in the files of a mounted Secret, and otherwise what the default chain finds.
type fileCredentials struct {
	dir       string
	otherwise aws.CredentialsProvider
}

// Retrieve implements aws.CredentialsProvider. What it provides has always expired, so that the SDK asks again for each
// request: three small files cost nothing, the default chain has a cache of its own, and a rotated or late Secret
// holds at once.
func (f *fileCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := readCredentials(f.dir)
	if errors.Is(err, fs.ErrNotExist) && f.otherwise != nil {
		c, err = f.otherwise.Retrieve(ctx)
	}
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("%w: %w", errNoCredentials, err)
	}
	c.CanExpire, c.Expires = true, time.Time{}
	return c, nil
}

func readCredentials(dir string) (aws.Credentials, error) {
	if dir == "" {
		return aws.Credentials{}, fs.ErrNotExist
	}
	// The kubelet swaps a link to a folder. All files are read from the folder that the first is in, so that a
	// rotation in between cannot mix an old key with a new secret.
	first, err := filepath.EvalSymlinks(filepath.Join(dir, "AWS_ACCESS_KEY_ID"))
	if err != nil {
		return aws.Credentials{}, err
	}
	dir = filepath.Dir(first)
	c := aws.Credentials{Source: "the store's Secret"}
	if c.AccessKeyID, err = readCredential(first); err != nil {
		return aws.Credentials{}, err
	}
	if c.SecretAccessKey, err = readCredential(filepath.Join(dir, "AWS_SECRET_ACCESS_KEY")); err != nil {
		// Half a pair is a mistake to report, not a reason to try another identity.
		return aws.Credentials{}, errors.New("the Secret has AWS_ACCESS_KEY_ID but no readable AWS_SECRET_ACCESS_KEY")
	}
	if c.SessionToken, err = readCredential(filepath.Join(dir, "AWS_SESSION_TOKEN")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return aws.Credentials{}, err
	}
	return c, nil
}

func readCredential(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if info.Size() > maxCredentialBytes {
		return "", fmt.Errorf("%s: %d bytes are more than %d", filepath.Base(name), info.Size(), maxCredentialBytes)
	}
	b, err := os.ReadFile(name)
	return strings.TrimSpace(string(b)), err
}

// signer signs as the SDK does. The SDK's own signer remembers the signing key by the name of the access key, so that
// after a wrong secret the right one would be refused until midnight.
type signer struct {
	mu     sync.Mutex
	secret string
	v4     *v4.Signer
}

// SignHTTP implements s3.HTTPSignerV4.
func (s *signer) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, payloadHash, service, region string, at time.Time, opts ...func(*v4.SignerOptions)) error {
	s.mu.Lock()
	if s.v4 == nil || s.secret != c.SecretAccessKey {
		s.secret = c.SecretAccessKey
		s.v4 = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }) // as S3 wants it
	}
	current := s.v4
	s.mu.Unlock()
	return current.SignHTTP(ctx, c, r, payloadHash, service, region, at, opts...)
}
