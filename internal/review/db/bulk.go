// SPDX-License-Identifier: Apache-2.0

package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
)

// column is a column that rows are written to, and its type.
type column struct{ name, kind string }

// The types of columns.
const (
	text   = "text"
	bigint = "bigint"
	double = "double precision"
)

// What many values are given to a database in is what it does fastest, and the same statement however many they are: SQLite runs a
// prepared statement for each row, which costs no more than a call, and takes a list as JSON; Postgres takes an array a column.

func sqliteAmong(parameter int) string {
	return fmt.Sprintf("IN (SELECT value FROM json_each($%d))", parameter)
}

func sqliteList(slice any) (any, error) {
	b, err := json.Marshal(slice)
	return string(b), err
}

func sqliteInsert(ctx context.Context, tx *sql.Tx, table string, columns []column, rows [][]any) (map[string]bool, error) {
	statement, err := tx.PrepareContext(ctx, `INSERT INTO `+table+` (`+names(columns)+`) VALUES `+values(1, len(columns))+` ON CONFLICT DO NOTHING`)
	if err != nil {
		return nil, err
	}
	defer statement.Close() //nolint:errcheck // It ends with the transaction.
	isNew := make(map[string]bool, len(rows))
	through := context.WithoutCancel(ctx) // The driver starts a goroutine to wait for a context's end, for each row.
	for _, row := range rows {
		result, err := statement.ExecContext(through, row...)
		if err != nil {
			return nil, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return nil, err
		}
		isNew[row[0].(string)] = n > 0
	}
	return isNew, ctx.Err()
}

func postgresAmong(parameter int) string { return fmt.Sprintf("= ANY($%d)", parameter) }

func postgresList(slice any) (any, error) { return slice, nil }

func postgresInsert(ctx context.Context, tx *sql.Tx, table string, columns []column, rows [][]any) (map[string]bool, error) {
	arrays, arguments := make([]string, len(columns)), make([]any, len(columns))
	for i, c := range columns {
		array := make([]any, len(rows))
		for j, row := range rows {
			array[j] = row[i]
		}
		arrays[i], arguments[i] = fmt.Sprintf("$%d::%s[]", i+1, c.kind), array
	}
	isNew := make(map[string]bool, len(rows))
	err := each(ctx, tx, `INSERT INTO `+table+` (`+names(columns)+`) SELECT * FROM unnest(`+strings.Join(arrays, ", ")+`) ON CONFLICT DO NOTHING RETURNING `+
		columns[0].name, arguments, func(scan func(...any) error) error {
		var key string
		err := scan(&key)
		isNew[key] = true
		return err
	})
	return isNew, err
}

func names(columns []column) string {
	var list []string
	for _, c := range columns {
		list = append(list, c.name)
	}
	return strings.Join(list, ", ")
}
