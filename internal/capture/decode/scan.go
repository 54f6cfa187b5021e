// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"bytes"
	"encoding/json"
	"iter"
	"math"
	"strconv"
	"unicode/utf8"
)

// The functions of this file take JSON texts that are known to be valid, and cut them without copying.

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func trim(raw []byte) []byte {
	for len(raw) > 0 && isSpace(raw[0]) {
		raw = raw[1:]
	}
	for len(raw) > 0 && isSpace(raw[len(raw)-1]) {
		raw = raw[:len(raw)-1]
	}
	return raw
}

// kind is the first byte of a trimmed value: one of { [ " t f n, and 0 for all numbers.
func kind(raw []byte) byte {
	if len(raw) == 0 {
		return 'n'
	}
	switch c := raw[0]; c {
	case '{', '[', '"', 't', 'f', 'n':
		return c
	}
	return '0'
}

// end is the length of the value that raw begins with.
func end(raw []byte) int {
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			if i += quoted(raw[i:]) - 1; depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // the end of what contains a bare value
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		}
	}
	return len(raw)
}

// quoted is the length of the string that raw begins with, with its quotes.
func quoted(raw []byte) int {
	for i := 1; ; {
		n := bytes.IndexByte(raw[i:], '"')
		if n < 0 {
			return len(raw)
		}
		i += n + 1
		escapes := 0
		for raw[i-2-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i
		}
	}
}

// elements yields the values of an array, and nothing for anything else.
func elements(raw []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if raw = trim(raw); kind(raw) != '[' {
			return
		}
		for rest := trim(raw[1:]); len(rest) > 0 && rest[0] != ']'; {
			n := end(rest)
			if n == 0 || !yield(rest[:n]) {
				return
			}
			rest = after(rest[n:])
		}
	}
}

// members yields the names of an object, with their quotes, and the values; nothing for anything else.
func members(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		if raw = trim(raw); kind(raw) != '{' {
			return
		}
		for rest := trim(raw[1:]); len(rest) > 0 && rest[0] == '"'; {
			n := end(rest)
			name := rest[:n]
			rest = trim(rest[n:])
			if len(rest) == 0 || rest[0] != ':' {
				return
			}
			rest = trim(rest[1:])
			if n = end(rest); n == 0 || !yield(name, rest[:n]) {
				return
			}
			rest = after(rest[n:])
		}
	}
}

// after skips the comma that follows a value.
func after(rest []byte) []byte {
	rest = trim(rest)
	if len(rest) > 0 && rest[0] == ',' {
		rest = trim(rest[1:])
	}
	return rest
}

// member is the value of the first member of that name.
func member(raw []byte, name string) ([]byte, bool) {
	for n, v := range members(raw) {
		if string(plain(n)) == name {
			return v, true
		}
	}
	return nil, false
}

// plain is the value of a JSON string as bytes, without a copy where it can be.
func plain(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	s, _ := text(quoted)
	return []byte(s)
}

// text is the value of a JSON string.
func text(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner), true
	}
	var s string
	return s, json.Unmarshal(raw, &s) == nil
}

// number is the value of a JSON number. What exceeds a float64 is no number.
func number(raw []byte) (float64, bool) {
	if kind(raw) != '0' {
		return math.NaN(), false
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return math.NaN(), false
	}
	return v, true
}

// integer is the value of a JSON number that is a whole number of at most 2^53.
func integer(raw []byte) (int64, bool) {
	v, ok := number(raw)
	return int64(v), ok && v == math.Trunc(v) && math.Abs(v) <= 1<<53
}
