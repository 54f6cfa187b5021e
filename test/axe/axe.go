// SPDX-License-Identifier: Apache-2.0

// Package axe finds what keeps people from using a page, with the pinned package of this folder, and is for tests only.
package axe

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Source is the script. It defines axe in the page that it is run in.
func Source(t testing.TB) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	b, err := os.ReadFile(filepath.Join(filepath.Dir(here), "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("%v\nIs it installed? npm install in %s", err, filepath.Dir(here))
	}
	return string(b)
}
