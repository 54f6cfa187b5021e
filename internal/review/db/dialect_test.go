// SPDX-License-Identifier: Apache-2.0

package db

import (
	"math"
	"path/filepath"
	"testing"
)

func TestSQLiteCachesWhatThereIsRoomFor(t *testing.T) {
	t.Parallel()
	d, err := connectSQLite(filepath.Join(t.TempDir(), "queue.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	wantWriter, wantReader := caches(math.MaxInt64)
	var writer, reader int64
	if err := d.write.QueryRowContext(t.Context(), `PRAGMA cache_size`).Scan(&writer); err != nil {
		t.Fatal(err)
	}
	if err := d.read.QueryRowContext(t.Context(), `PRAGMA cache_size`).Scan(&reader); err != nil {
		t.Fatal(err)
	}
	if writer != -wantWriter || reader != -wantReader {
		t.Errorf("the caches are of %d and %d KiB, want %d and %d", -writer, -reader, wantWriter, wantReader)
	}
	// Of the memory of a pod Go has six tenths: the caches must fit beside it, with some to spare.
	for _, pod := range []int64{128 << 20, 512 << 20, 4 << 30} {
		memory := pod / 10 * 6
		writer, reader := caches(memory)
		if all := (writer + sqliteReaders*reader) << 10; all <= 0 || all > (pod-memory)*8/10 {
			t.Errorf("in a pod of %d MiB the caches take %d MiB", pod>>20, all>>20)
		}
	}
}
