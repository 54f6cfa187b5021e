// SPDX-License-Identifier: Apache-2.0

package decode

import (
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
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if quoted {
			switch c {
			case '\\':
				i++
			case '"':
				quoted = false
				if depth == 0 {
					return i + 1
				}
			}
			continue
		}
		switch c {
		case '"':
			quoted = true
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

// members yields names and values of an object, and nothing for anything else.
func members(raw []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		if raw = trim(raw); kind(raw) != '{' {
			return
		}
		for rest := trim(raw[1:]); len(rest) > 0 && rest[0] == '"'; {
			n := end(rest)
			name, _ := text(rest[:n])
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
		if n == name {
			return v, true
		}
	}
	return nil, false
}

// text is the value of a JSON string.
func text(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	inner := raw[1 : len(raw)-1]
	plain := true
	for _, c := range inner {
		if c == '\\' || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
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
