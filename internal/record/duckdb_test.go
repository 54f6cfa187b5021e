// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"bytes"
	"maps"
	"math"
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

func TestDuckDBReadsPairs(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts DuckDB")
	}
	root := t.TempDir()
	dir := filepath.Join(root, "rollout=fraud/revision=abcdef0123/dt=2001-06-01/hh=02")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	w, err := record.NewPairWriter(&file)
	if err != nil {
		t.Fatal(err)
	}
	none := record.Answer{LatencyMS: math.NaN(), Score: math.NaN(), Confidence: math.NaN(), Entropy: math.NaN()}
	for _, p := range []record.Pair{
		{PairID: "a", Rollout: "fraud", Outcome: record.PairCompared, Segments: []string{"web"}, Primary: none, Shadow: record.Answer{Status: 200, Score: 0.5}, Replica: none, Same: new(false)},
		{PairID: "b", Rollout: "fraud", Outcome: record.PairDropped, Instance: 1, Primary: none, Shadow: none, Replica: none},
	} {
		if err := w.Write(&p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "n.parquet"), file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	got := duckdb.Query(t, `SELECT rollout, revision, count(*) AS n, count(same) AS same, bool_or(same) AS agrees, max(shadow_status) AS status,
		count(shadow_score) AS scores, max(instance) AS instance, sum(len(segments)) AS segments FROM read_parquet('`+root+`/**/*.parquet', hive_partitioning = true)
		GROUP BY rollout, revision`)
	want := []map[string]any{{
		"rollout": "fraud", "revision": "abcdef0123", "n": "2", "same": "1", "agrees": false, "status": 200.0, "scores": "1", "instance": 1.0, "segments": "1",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what DuckDB reads (-want +got):\n%s", diff)
	}
}
