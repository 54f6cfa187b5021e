// SPDX-License-Identifier: Apache-2.0

package db

import (
	"path/filepath"
	"testing"
)

// The pod has 512Mi by default, and the page cache is not Go's.
func TestSQLiteCachesLittle(t *testing.T) {
	t.Parallel()
	d, err := connectSQLite(filepath.Join(t.TempDir(), "queue.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	var writer, reader int
	if err := d.write.QueryRowContext(t.Context(), `PRAGMA cache_size`).Scan(&writer); err != nil {
		t.Fatal(err)
	}
	if err := d.read.QueryRowContext(t.Context(), `PRAGMA cache_size`).Scan(&reader); err != nil {
		t.Fatal(err)
	}
	if kib := -writer*d.write.Stats().MaxOpenConnections - reader*d.read.Stats().MaxOpenConnections; kib <= 0 || kib > 64<<10 {
		t.Errorf("the caches may take %d KiB", kib)
	}
}
