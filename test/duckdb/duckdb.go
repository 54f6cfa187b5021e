// SPDX-License-Identifier: Apache-2.0

// Package duckdb asks DuckDB, a reader of Parquet that shares no code with ours, what is in our files. It runs the pinned
// package of this folder under node, and is for tests only.
package duckdb

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Query runs sql and returns its rows, by column. DuckDB's 64-bit integers and timestamps are strings.
func Query(t testing.TB, sql string) []map[string]any {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	cmd := exec.CommandContext(t.Context(), "node", "query.mjs", sql)
	cmd.Dir = filepath.Dir(here)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("duckdb: %v\n%s\nIs it installed? npm install in %s\n%s", err, sql, cmd.Dir, stderr.Bytes())
	}
	var rows []map[string]any
	if err := json.Unmarshal(out, &rows); err != nil {
		t.Fatalf("duckdb: %v: %s", err, out)
	}
	return rows
}
