// SPDX-License-Identifier: Apache-2.0

package profile_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/test/duckdb"
)

func TestDuckDBReadsProfiles(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts DuckDB")
	}
	set := profile.NewSet(schema, 1<<20)
	for range 3 {
		set.Observe(row(minute, "atl"))
	}
	file := filepath.Join(t.TempDir(), "profiles.parquet")
	if err := os.WriteFile(file, encode(t, set.Take(minute.Add(time.Hour))...), 0o600); err != nil {
		t.Fatal(err)
	}
	got := duckdb.Query(t, `SELECT "window", segment, feature, type, "count" AS n, sum, sum_squares, list_sum(bucket_counts) AS bucketed,
		categories[1] AS category FROM '`+file+`' WHERE feature IN ('distance', 'origin') AND segment = 'atl' ORDER BY feature`)
	want := []map[string]any{
		{
			"window": "2001-05-31 12:34:00+00", "segment": "atl", "feature": "distance", "type": "Numeric", "n": "3",
			"sum": 1500.0, "sum_squares": 750000.0, "bucketed": "3", "category": nil,
		},
		{
			"window": "2001-05-31 12:34:00+00", "segment": "atl", "feature": "origin", "type": "Categorical", "n": "3",
			"sum": 0.0, "sum_squares": 0.0, "bucketed": nil, "category": "ATL",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what DuckDB reads (-want +got):\n%s", diff)
	}
}
