// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/store"
)

func TestALockIsAskedForWhereThereIsOne(t *testing.T) {
	t.Parallel()
	until := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, tc := range map[string]struct {
		lock              store.Lock
		mode, retainUntil string
	}{
		"no lock":         {store.Lock{}, "", ""},
		"a lock":          {store.Lock{Mode: store.LockGovernance, Until: until}, "GOVERNANCE", "2030-01-02T03:04:05Z"},
		"one for nobody":  {store.Lock{Mode: store.LockCompliance, Until: until}, "COMPLIANCE", "2030-01-02T03:04:05Z"},
		"a time but none": {store.Lock{Until: until}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			headers := make(chan http.Header, 1)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { headers <- r.Header }))
			t.Cleanup(server.Close)
			b := open(t, "s3://bucket?endpoint="+url.QueryEscape(server.URL), credentials(t, "KEY", "SECRET"))
			if err := b.CreateLocked(t.Context(), "key", strings.NewReader("x"), tc.lock); err != nil {
				t.Fatal(err)
			}
			h := <-headers
			if got := h.Get("X-Amz-Object-Lock-Mode"); got != tc.mode {
				t.Errorf("mode %q, want %q", got, tc.mode)
			}
			if got := h.Get("X-Amz-Object-Lock-Retain-Until-Date"); got != tc.retainUntil {
				t.Errorf("until %q, want %q", got, tc.retainUntil)
			}
			if got := h.Get("X-Amz-Checksum-Crc32") + h.Get("X-Amz-Trailer"); tc.mode != "" && got == "" {
				t.Error("a locked object goes without the checksum that servers want")
			}
			if h.Get("If-None-Match") != "*" {
				t.Error("it is not created only where it is absent")
			}
		})
	}
}

func TestOfManyThatCreateInAFolderOneDoes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 50 {
		var created atomic.Int32
		var wg sync.WaitGroup
		for range 4 {
			b := open(t, "file://"+dir, "") // each as another process would
			wg.Go(func() {
				switch err := b.Create(t.Context(), "a/key", strings.NewReader("x")); {
				case err == nil:
					created.Add(1)
				case !errors.Is(err, store.ErrExists):
					t.Error(err)
				}
				for _, err := range b.List(t.Context(), "a/") {
					if err != nil {
						t.Errorf("a listing meanwhile: %v", err)
					}
				}
			})
		}
		wg.Wait()
		if n := created.Load(); n != 1 {
			t.Fatalf("%d of four created the object, want one", n)
		}
		if err := os.Remove(dir + "/a/key"); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%v (%v) is left, want only the folder", left, err)
	}
}
