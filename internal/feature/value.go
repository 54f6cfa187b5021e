// SPDX-License-Identifier: Apache-2.0

// Package feature owns the value of a feature, which rows, expressions and outlier scores share. It imports nothing,
// so that the manager can check expressions without what reads and writes rows.
package feature

// Kind is the kind of a Value.
type Kind uint8

// The kinds of values. The zero Value is Missing.
const (
	Missing Kind = iota
	// Invalid is present but not of the declared type, such as "abc" for a number, or NaN.
	Invalid
	Number
	String
	Bool
)

// Value is the value of one feature of one instance.
type Value struct {
	Kind Kind
	// Num holds a Number, and 0 or 1 for a Bool.
	Num float64
	// Str holds a String.
	Str string
}
