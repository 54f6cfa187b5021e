// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/testing/freeport"
)

// s3 is a real S3 server with a bucket named vedette.
type s3 struct {
	url, key, secret string
	// credentials is a folder with the right key and secret.
	credentials string
}

// startS3 starts the S3 server whose program VEDETTE_VERSITYGW names, as `make test` does, or takes the bucket at the
// URL VEDETTE_TEST_S3 with the credentials of the environment.
func startS3(t *testing.T) s3 {
	t.Helper()
	if u := os.Getenv("VEDETTE_TEST_S3"); u != "" {
		s := s3{url: u, key: os.Getenv("AWS_ACCESS_KEY_ID"), secret: os.Getenv("AWS_SECRET_ACCESS_KEY")}
		s.credentials = credentials(t, s.key, s.secret)
		return s
	}
	program := os.Getenv("VEDETTE_VERSITYGW")
	if program == "" {
		t.Skip("needs an S3 server: run `make test`, or set VEDETTE_VERSITYGW to a versitygw program or VEDETTE_TEST_S3 to the URL of a bucket")
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "vedette"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := s3{key: "test", secret: "test-secret"}
	s.credentials = credentials(t, s.key, s.secret)
	address := freeport.Address(t)
	s.url = "s3://vedette?region=us-east-1&endpoint=" + url.QueryEscape("http://"+address)

	ctx, stop := context.WithCancel(context.Background())
	var output bytes.Buffer
	server := exec.CommandContext(ctx, program, "--port", address, "--access", s.key, "--secret", s.secret, "--quiet", "posix", root)
	server.Stdout, server.Stderr = &output, &output
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = server.Wait() // It is killed; its output tells the rest.
	}()
	t.Cleanup(func() {
		stop()
		<-exited
	})
	awaitListener(t, address, exited, &output)
	return s
}

func awaitListener(t *testing.T, address string, exited <-chan struct{}, output *bytes.Buffer) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-tick.C:
		case <-exited:
			t.Fatalf("the S3 server ended before it listened:\n%s", output)
		case <-t.Context().Done():
			t.Fatal("the S3 server did not listen in time")
		}
	}
}
