// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gocloud.dev/blob/memblob"

	"github.com/vedette-dev/vedette/internal/store"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	backends := map[string]func(*testing.T) *store.Bucket{
		"in memory": func(*testing.T) *store.Bucket { return store.Wrap(memblob.OpenBucket(nil)) },
		"in a folder": func(t *testing.T) *store.Bucket {
			return open(t, "file://"+t.TempDir(), "")
		},
		"in S3": func(t *testing.T) *store.Bucket {
			s := startS3(t)
			return open(t, s.url, s.credentials)
		},
	}
	for name, backend := range backends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testBucket(t, backend(t))
		})
	}
}

func testBucket(t *testing.T, b *store.Bucket) {
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	ctx := t.Context()
	// Larger than one part, so that the conditional write of a multipart upload is covered, and than the blocks kept.
	large := bytes.Repeat([]byte("0123456789abcdef"), 12<<16)
	for key, body := range map[string][]byte{"a/one.parquet": []byte("one"), "a/b/large.parquet": large, "a/empty.json": nil} {
		if err := b.Create(ctx, key, bytes.NewReader(body)); err != nil {
			t.Fatalf("Create(%q): %v", key, err)
		}
		if err := b.Create(ctx, key, strings.NewReader("other")); !errors.Is(err, store.ErrExists) {
			t.Errorf("Create(%q) again = %v, want ErrExists", key, err)
		}
		got, err := b.Get(ctx, key, 1<<30)
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("Get(%q) = %d bytes, %v; want the %d first written", key, len(got), err, len(body))
		}
	}
	if err := b.Create(ctx, "a/b/large.parquet", bytes.NewReader(large[1:])); !errors.Is(err, store.ErrExists) {
		t.Errorf("Create of a large object again = %v, want ErrExists", err)
	}
	if _, err := b.Get(ctx, "a/b/large.parquet", 10); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("Get with a limit of 10 bytes = %v, want ErrTooLarge", err)
	}
	if err := b.Put(ctx, "a/one.parquet", []byte("two")); err != nil {
		t.Errorf("Put over an object: %v", err)
	}
	if got, err := b.Get(ctx, "a/one.parquet", 3); err != nil || string(got) != "two" {
		t.Errorf("Get after Put = %q, %v; want two", got, err)
	}
	testRanges(t, b, "a/b/large.parquet", large)

	var keys []string
	for item, err := range b.List(ctx, "a/") {
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		if item.Key == "a/b/large.parquet" && item.Size != int64(len(large)) {
			t.Errorf("List: size = %d, want %d", item.Size, len(large))
		}
		keys = append(keys, item.Key)
	}
	if diff := cmp.Diff([]string{"a/b/large.parquet", "a/empty.json", "a/one.parquet"}, keys); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	for folder, err := range b.Folders(ctx, "a/") {
		if folder != "b" || err != nil {
			t.Errorf("Folders = %q, %v; want only b", folder, err)
		}
	}
	if err := b.Delete(ctx, "a/one.parquet"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	for doing, err := range map[string]error{
		"Get":  second(b.Get(ctx, "a/one.parquet", 1)),
		"Open": second(b.Open(ctx, "a/one.parquet")),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of what is not there = %v, want ErrNotFound", doing, err)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := b.Create(cancelled, "late", strings.NewReader("x")); !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnreachable) {
		t.Errorf("Create after the caller gave up = %v, want context.Canceled and no verdict on the store", err)
	}
}

func testRanges(t *testing.T, b *store.Bucket, key string, want []byte) {
	t.Helper()
	o, err := b.Open(t.Context(), key)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	if o.Size() != int64(len(want)) {
		t.Errorf("Size = %d, want %d", o.Size(), len(want))
	}
	for _, r := range [][2]int{{0, 4}, {1<<20 - 2, 4}, {5 << 20, 3 << 20}, {len(want) - 8, 8}, {3, len(want) - 3}} {
		got := make([]byte, r[1])
		if n, err := o.ReadAt(got, int64(r[0])); n != len(got) || err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("ReadAt(%d bytes at %d) = %d, %v", r[1], r[0], n, err)
		}
		if !bytes.Equal(got, want[r[0]:r[0]+r[1]]) {
			t.Errorf("ReadAt(%d bytes at %d) read other bytes than were written", r[1], r[0])
		}
	}
	if n, err := o.ReadAt(make([]byte, 10), o.Size()-4); n != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("ReadAt past the end = %d, %v; want 4, io.EOF", n, err)
	}
	if _, err := o.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("ReadAt before the start succeeded")
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ url, want string }{
		"an unknown scheme":          {"ftp://host/x", `"ftp" is not supported`},
		"no URL":                     {"://", "cannot be parsed"},
		"S3 without a bucket":        {"s3:///prefix", "names no bucket"},
		"credentials in the URL":     {"s3://key:secret@bucket", "belong"},
		"an endpoint without scheme": {"s3://bucket?endpoint=minio:9000", "not an http or https URL"},
		"a style that is no boolean": {"s3://bucket?use_path_style=perhaps", "neither true nor false"},
		"an unknown parameter":       {"s3://bucket?reigon=eu-west-1", "reigon"},
		"a folder that is not there": {"file:///nonexistent/folder", "no such file"},
		"a file URL with parameters": {"file:///tmp?create_dir=1", "neither host nor parameters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Open(t.Context(), tc.url, "")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("Open(%q) = %v, want an error with %q", tc.url, err, tc.want)
			}
			if strings.Contains(err.Error(), "secret@") {
				t.Errorf("the error repeats the secret: %v", err)
			}
		})
	}
}

// Answers of S3 servers that cannot be provoked at will on a real one.
func TestErrorsOfS3AreToldApart(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		code   string
		want   error
	}{
		"an expired token":       {http.StatusBadRequest, "ExpiredToken", store.ErrCredentials},
		"a policy that forbids":  {http.StatusForbidden, "AccessDenied", store.ErrCredentials},
		"a refusal with no body": {http.StatusForbidden, "", store.ErrCredentials},
		"a missing bucket":       {http.StatusNotFound, "NoSuchBucket", store.ErrNotFound},
		"an object that exists":  {http.StatusPreconditionFailed, "PreconditionFailed", store.ErrExists},
		"a server under load":    {http.StatusServiceUnavailable, "SlowDown", store.ErrUnreachable},
		"a broken gateway":       {http.StatusBadGateway, "", store.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				if tc.code != "" {
					_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>`+tc.code+`</Code><Message>m</Message></Error>`)
				}
			}))
			t.Cleanup(server.Close)
			b := open(t, "s3://bucket?endpoint="+url.QueryEscape(server.URL), credentials(t, "KEY", "SECRET"))
			if err := b.Create(t.Context(), "key", strings.NewReader("x")); !errors.Is(err, tc.want) {
				t.Errorf("Create = %v, want %v", err, tc.want)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	b := open(t, "s3://bucket?endpoint="+url.QueryEscape(server.URL), credentials(t, "KEY", "SECRET"))
	if err := b.Create(t.Context(), "key", strings.NewReader("x")); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("Create with nothing listening = %v, want ErrUnreachable", err)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	s := startS3(t)
	ctx := t.Context()
	t.Run("a wrong secret is refused, and a rotation needs no restart", func(t *testing.T) {
		t.Parallel()
		dir := credentials(t, s.key, "wrong")
		b := open(t, s.url, dir)
		if err := b.Create(ctx, "rotated", strings.NewReader("x")); !errors.Is(err, store.ErrCredentials) {
			t.Errorf("Create with a wrong secret = %v, want ErrCredentials", err)
		}
		if _, err := b.Get(ctx, "rotated", 1); !errors.Is(err, store.ErrCredentials) {
			t.Errorf("Get with a wrong secret = %v, want ErrCredentials", err)
		}
		for _, err := range b.List(ctx, "") {
			if !errors.Is(err, store.ErrCredentials) {
				t.Errorf("List with a wrong secret = %v, want ErrCredentials", err)
			}
		}
		write(t, dir, "AWS_SECRET_ACCESS_KEY", s.secret)
		if err := b.Create(ctx, "rotated", strings.NewReader("x")); err != nil {
			t.Errorf("Create after the Secret was mended: %v", err)
		}
	})
	t.Run("an unknown key is refused", func(t *testing.T) {
		t.Parallel()
		if err := open(t, s.url, credentials(t, "NOBODY", "x")).Put(ctx, "k", nil); !errors.Is(err, store.ErrCredentials) {
			t.Errorf("Put with an unknown key = %v, want ErrCredentials", err)
		}
	})
	t.Run("half a pair is not another identity", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		write(t, dir, "AWS_ACCESS_KEY_ID", s.key)
		err := open(t, s.url, dir).Put(ctx, "k", nil)
		if !errors.Is(err, store.ErrCredentials) || !strings.Contains(err.Error(), "AWS_SECRET_ACCESS_KEY") {
			t.Errorf("Put with half a pair = %v, want ErrCredentials that names the missing half", err)
		}
	})
	t.Run("a bucket that is not there is not found", func(t *testing.T) {
		t.Parallel()
		b := open(t, strings.Replace(s.url, "s3://vedette", "s3://missing", 1), s.credentials)
		if err := b.Put(ctx, "k", nil); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Put to a missing bucket = %v, want ErrNotFound", err)
		}
	})
	t.Run("the path of the URL is a folder", func(t *testing.T) {
		t.Parallel()
		deep := open(t, strings.Replace(s.url, "s3://vedette", "s3://vedette/deep/er", 1), s.credentials)
		if err := deep.Put(ctx, "k", []byte("v")); err != nil {
			t.Fatal(err)
		}
		if got, err := open(t, s.url, s.credentials).Get(ctx, "deep/er/k", 1); err != nil || string(got) != "v" {
			t.Errorf("Get from the root = %q, %v; want v", got, err)
		}
	})
}

func open(t *testing.T, rawURL, credentialsDir string) *store.Bucket {
	t.Helper()
	b, err := store.Open(t.Context(), rawURL, credentialsDir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// credentials writes a Secret as the kubelet mounts it: links to a folder that a rotation would replace.
func credentials(t *testing.T, key, secret string) string {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "..2026")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, data, "AWS_ACCESS_KEY_ID", key+"\n")
	write(t, data, "AWS_SECRET_ACCESS_KEY", secret+"\n")
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		if err := os.Symlink(filepath.Join("..2026", name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func write(t *testing.T, dir, name, value string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
}

func second[T any](_ T, err error) error { return err }

func collect[T any](t *testing.T, seq func(func(T, error) bool)) []T {
	t.Helper()
	var all []T
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return slices.Clip(all)
}
