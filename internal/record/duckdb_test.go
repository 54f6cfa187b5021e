// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/test/duckdb"
)

func TestDuckDBReadsTypedColumns(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts DuckDB")
	}
	// Two partitions, as the store lays them out: DuckDB reads their columns from the path, escapes included.
	root := t.TempDir()
	for _, part := range []string{"version=v%2F1/dt=2001-06-01/hh=02", "version=v2/dt=2001-06-01/hh=03"} {
		dir := filepath.Join(root, part)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "n.parquet"), write(t, record.Records, fullRow(), emptyRow()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	from := " FROM read_parquet('" + root + "/**/*.parquet', hive_partitioning = true)"

	got := duckdb.Query(t, `SELECT version, count(*) AS n, sum(f_zulu) AS zulu, min(ts) AS ts, max(status) AS status,
		count(score) AS scores, sum(len(segments)) AS segments, max(list_sum(scores)) AS total, bool_or(f_weekend) AS weekend,
		max(f_origin) AS origin, count(f_note) AS notes, max(response_bytes) AS bytes, sum(octet_length(request)) AS body`+from+` GROUP BY version ORDER BY version`)
	want := map[string]any{
		"version": "v/1", "n": "2", "zulu": -2.5, "ts": "2001-06-01 02:03:04.000567+00", "status": 200.0,
		"scores": "1", "segments": "2", "total": 1.0, "weekend": true, "origin": "ATL", "notes": "1", "bytes": "1099511627776", "body": "2",
	}
	second := maps.Clone(want)
	second["version"] = "v2"
	if diff := cmp.Diff([]map[string]any{want, second}, got); diff != "" {
		t.Errorf("what DuckDB reads (-want +got):\n%s", diff)
	}

	types := map[string]string{}
	for _, row := range duckdb.Query(t, "DESCRIBE SELECT *"+from) {
		types[row["column_name"].(string)] = row["column_type"].(string)
	}
	for column, typ := range map[string]string{
		"record_id": "VARCHAR", "ts": "TIMESTAMP WITH TIME ZONE", "latency_ms": "DOUBLE", "status": "INTEGER", "scores": "DOUBLE[]",
		"segments": "VARCHAR[]", "truncated": "BOOLEAN", "request": "BLOB", "f_zulu": "DOUBLE", "f_weekend": "BOOLEAN", "f_note": "VARCHAR",
	} {
		if types[column] != typ {
			t.Errorf("column %s is %q in DuckDB, want %s", column, types[column], typ)
		}
	}
}
