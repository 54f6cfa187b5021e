// SPDX-License-Identifier: Apache-2.0

package duckdb

import "testing"

func TestQuery(t *testing.T) {
	rows := Query(t, "SELECT 42::BIGINT AS n, 0.5::DOUBLE AS x, 'a' AS s")
	if len(rows) != 1 || rows[0]["n"] != "42" || rows[0]["x"] != 0.5 || rows[0]["s"] != "a" {
		t.Errorf("rows %v", rows)
	}
}
