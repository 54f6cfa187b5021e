// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"gocloud.dev/gcerrors"
)

// classify names the operation and wraps err in the sentinel that it belongs to, if any.
func classify(doing, key string, err error) error {
	if err == nil {
		return nil
	}
	if kind := kindOf(err); kind != nil {
		return fmt.Errorf("%s %q: %w: %w", doing, key, kind, err)
	}
	return fmt.Errorf("%s %q: %w", doing, key, err)
}

// refusals are the error codes of S3 servers that mean: not with these credentials.
var refusals = map[string]bool{
	"AccessDenied": true, "AccountProblem": true, "AllAccessDisabled": true, "AuthorizationHeaderMalformed": true,
	"ExpiredToken": true, "Forbidden": true, "InvalidAccessKeyId": true, "InvalidSecurity": true, "InvalidToken": true,
	"NotSignedUp": true, "RequestTimeTooSkewed": true, "SignatureDoesNotMatch": true, "TokenRefreshRequired": true,
	"XAdminUserNotFound": true, // versitygw's InvalidAccessKeyId
}

func kindOf(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if errors.Is(err, errNoCredentials) || errors.Is(err, fs.ErrPermission) {
		return ErrCredentials
	}
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	var api smithy.APIError
	if errors.As(err, &api) && refusals[api.ErrorCode()] {
		return ErrCredentials
	}
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return ErrNotFound
	case gcerrors.FailedPrecondition, gcerrors.AlreadyExists:
		return ErrExists
	case gcerrors.PermissionDenied:
		return ErrCredentials
	case gcerrors.DeadlineExceeded, gcerrors.ResourceExhausted:
		return ErrUnreachable
	}
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() != 0 { // 0: the request was never answered.
		return kindOfStatus(answer.HTTPStatusCode())
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded) {
		return ErrUnreachable
	}
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return nil
}

func kindOfStatus(code int) error {
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return ErrCredentials
	case code == http.StatusNotFound:
		return ErrNotFound
	case code == http.StatusPreconditionFailed:
		return ErrExists
	// A conflict is another upload to the same key at the same time: it is settled when that one has ended.
	case code == http.StatusConflict, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		return ErrUnreachable
	}
	return nil
}

// contentType is what a browser or a reader should take an object for.
func contentType(key string) string {
	switch {
	case strings.HasSuffix(key, ".parquet"):
		return "application/vnd.apache.parquet"
	case strings.HasSuffix(key, ".json"):
		return "application/json"
	case strings.HasSuffix(key, ".csv"):
		return "text/csv; charset=utf-8"
	default:
		return "application/octet-stream"
	}
}
