// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"fmt"
	"strings"
)

// Analyze has the database look at how its values are distributed, as it does by itself now and then, or never.
func (d *DB) Analyze(ctx context.Context) error {
	_, err := d.write.ExecContext(ctx, "ANALYZE")
	return err
}

// PlanOfNext is how the database finds the next item, a line a step.
func (d *DB) PlanOfNext(ctx context.Context) (string, error) {
	explain := "EXPLAIN QUERY PLAN "
	if d.dialect == postgresDialect {
		explain = "EXPLAIN "
	}
	var plan strings.Builder
	for _, q := range []struct {
		query string
		args  []any
	}{
		{bestOfEachBand, []any{0, 1}},
		{bestOfBand + d.dialect.lockIfFree, []any{0, 0, 1}},
	} {
		rows, err := d.read.QueryContext(ctx, explain+q.query, q.args...)
		if err != nil {
			return "", err
		}
		names, err := rows.Columns()
		if err != nil {
			return "", err
		}
		for rows.Next() {
			values, targets := make([]any, len(names)), make([]any, len(names))
			for i := range values {
				targets[i] = &values[i]
			}
			if err := rows.Scan(targets...); err != nil {
				return "", err
			}
			fmt.Fprintln(&plan, values...)
		}
		if err := rows.Err(); err != nil {
			return "", err
		}
	}
	return plan.String(), nil
}
