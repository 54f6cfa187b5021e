// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	gcaws "gocloud.dev/aws"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
)

// defaultRegion signs requests to servers that have no regions.
const defaultRegion = "us-east-1"

// Limits on a single connection: a store that hangs must show as unreachable, not as silence.
const (
	dialTimeout     = 5 * time.Second
	responseTimeout = 30 * time.Second
	idleConnections = 4
)

func openS3(ctx context.Context, u *url.URL, credentialsDir string) (*Bucket, error) {
	if u.Host == "" {
		return nil, errors.New("opening the store: the URL names no bucket, as in s3://bucket/prefix")
	}
	if u.User != nil {
		return nil, errors.New("opening the store: credentials do not belong in its URL but in a Secret")
	}
	q := u.Query()
	endpoint, pathStyle, err := takeEndpoint(q)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	if endpoint != "" {
		// Servers other than Amazon's often refuse the newer checksums; the signature covers the body anyway.
		setDefault(q, "request_checksum_calculation", "when_required")
		setDefault(q, "response_checksum_validation", "when_required")
		setDefault(q, "region", defaultRegion)
	}
	cfg, err := gcaws.V2ConfigFromURLParams(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("opening the store: the parameters of its URL: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = defaultRegion
	}
	cfg.HTTPClient = awshttp.NewBuildableClient().
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout }).
		WithTransportOptions(func(t *http.Transport) {
			t.ResponseHeaderTimeout = responseTimeout
			t.MaxIdleConns, t.MaxIdleConnsPerHost = idleConnections, idleConnections
		})
	cfg.Credentials = &fileCredentials{dir: credentialsDir, otherwise: cfg.Credentials}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		if endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
		o.UsePathStyle = pathStyle
		o.HTTPSignerV4 = &signer{}
	})
	b, err := s3blob.OpenBucket(ctx, client, u.Host, &s3blob.Options{RequestChecksumCalculation: cfg.RequestChecksumCalculation})
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		b = blob.PrefixedBucket(b, prefix+"/")
	}
	return &Bucket{blob: b, beforeWrite: smallParts(client, cfg.RequestChecksumCalculation)}, nil
}

// uploadPartBytes is what an upload holds in memory, and the least that S3 takes as a part. Larger objects go up in
// parts, so that create-if-absent is decided by a short last request: a server that refuses a long one while it is
// being sent may cut the connection instead of answering.
const uploadPartBytes = 5 << 20

// smallParts replaces the upload manager of a write. The bucket's options do not reach its threshold for uploads in
// parts, and it reads 16 MiB before it has decided, which is a third of a sidecar's memory.
func smallParts(client *s3.Client, checksums aws.RequestChecksumCalculation) func(func(any) bool) error {
	return func(as func(any) bool) error {
		var manager *transfermanager.Client
		if !as(&manager) {
			return errors.New("the upload manager cannot be configured")
		}
		*manager = *transfermanager.New(client, func(o *transfermanager.Options) {
			o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency = uploadPartBytes, uploadPartBytes, 1
			o.RequestChecksumCalculation = checksums
			o.FailTimeout = dialTimeout // to abort the parts of an upload whose context has ended
		})
		return nil
	}
}

// takeEndpoint removes from q what says how to address the server. A server of one's own seldom has a name for each
// bucket, so with an endpoint the bucket is part of the path unless the URL says otherwise.
func takeEndpoint(q url.Values) (endpoint string, pathStyle bool, err error) {
	endpoint = q.Get("endpoint")
	if e, err := url.Parse(endpoint); endpoint != "" && (err != nil || e.Host == "" || e.Scheme != "http" && e.Scheme != "https") {
		return "", false, fmt.Errorf("endpoint %.100q is not an http or https URL", endpoint)
	}
	pathStyle = endpoint != ""
	for _, name := range []string{"use_path_style", "s3ForcePathStyle"} {
		if v := q.Get(name); v != "" {
			if pathStyle, err = strconv.ParseBool(v); err != nil {
				return "", false, fmt.Errorf("%s is %.20q, neither true nor false", name, v)
			}
		}
		q.Del(name)
	}
	q.Del("endpoint")
	// Always so with a base endpoint; accepted because URLs of this kind carry it.
	q.Del("hostname_immutable")
	return endpoint, pathStyle, nil
}

func setDefault(q url.Values, name, value string) {
	if !q.Has(name) {
		q.Set(name, value)
	}
}
