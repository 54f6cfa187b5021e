// SPDX-License-Identifier: Apache-2.0

// Package expr owns what users write to point into requests and answers: paths, and CEL expressions over an instance.
// The manager checks them with it, the sidecar evaluates them. It imports no Kubernetes package, and nothing that reads
// or writes files.
package expr

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/buger/jsonparser"
)

// The root words of paths.
const (
	RootRequest  = "request"
	RootResponse = "response"
)

// Bounds on what users write.
const (
	maxPathBytes = 1024
	maxPathSteps = 32
	// maxIndex is the largest integer that RFC 9535 allows.
	maxIndex = 1<<53 - 1
)

// Path points at one value of a JSON document. The zero Path points at the whole of it.
type Path struct {
	// Root is RootRequest or RootResponse.
	Root  string
	steps []step
}

// step goes into an object by name, or into an array by index, counted from the end when negative.
type step struct {
	name    string
	index   int
	isIndex bool
}

// ParsePath parses a path such as "request.a.b[0]['x y']": a root word, and then a singular query of RFC 9535.
func ParsePath(s string) (Path, error) {
	p, err := parsePath(s)
	if err != nil {
		return Path{}, fmt.Errorf("path %.100q: %w", s, err)
	}
	return p, nil
}

func parsePath(s string) (Path, error) {
	if len(s) > maxPathBytes || !utf8.ValidString(s) {
		return Path{}, fmt.Errorf("it is longer than %d bytes or no valid UTF-8", maxPathBytes)
	}
	end := strings.IndexAny(s, ".[")
	if end < 0 {
		end = len(s)
	}
	p := Path{Root: s[:end]}
	if p.Root != RootRequest && p.Root != RootResponse {
		return Path{}, fmt.Errorf("it begins with %.20q, want %s or %s", p.Root, RootRequest, RootResponse)
	}
	for rest := s[end:]; rest != ""; {
		at := len(s) - len(rest) + 1
		next, after, err := parseStep(rest)
		if err != nil {
			return Path{}, fmt.Errorf("at character %d: %w", at, err)
		}
		if p.steps = append(p.steps, next); len(p.steps) > maxPathSteps {
			return Path{}, fmt.Errorf("it has more than %d steps", maxPathSteps)
		}
		rest = after
	}
	return p, nil
}

func parseStep(s string) (step, string, error) {
	if s[0] == '.' {
		n := nameLength(s[1:])
		if n == 0 {
			return step{}, "", errors.New("want a name of letters, digits and underscores after the dot; write other names as ['…']")
		}
		return step{name: s[1 : 1+n]}, s[1+n:], nil
	}
	if s[0] != '[' || len(s) < 2 {
		return step{}, "", errors.New("want .name, ['name'] or [0]; write names with other characters, such as a dash, as ['…']")
	}
	var next step
	var rest string
	var err error
	if s[1] == '\'' || s[1] == '"' {
		next.name, rest, err = parseQuoted(s[1:])
	} else {
		next.isIndex = true
		next.index, rest, err = parseIndex(s[1:])
	}
	if err == nil && !strings.HasPrefix(rest, "]") {
		err = errors.New("want ] after it")
	}
	if err != nil {
		return step{}, "", err
	}
	return next, rest[1:], nil
}

// nameLength is the length of the name in shorthand at the beginning of s.
func nameLength(s string) int {
	for i, r := range s {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r >= 0x80
		if !letter && (i == 0 || r < '0' || r > '9') {
			return i
		}
	}
	return len(s)
}

func parseIndex(s string) (int, string, error) {
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return 0, "", errors.New("the bracket is not closed")
	}
	digits := s[:end]
	n, err := strconv.Atoi(digits)
	if err != nil || strconv.Itoa(n) != digits || n > maxIndex || n < -maxIndex {
		return 0, "", fmt.Errorf("%.20q is neither a quoted name nor an index", digits)
	}
	return n, s[end:], nil
}

func parseQuoted(s string) (name, rest string, err error) {
	quote := rune(s[0])
	var b strings.Builder
	for i := 1; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case r == quote:
			return b.String(), s[i:], nil
		case r < 0x20:
			return "", "", errors.New("a control character must be escaped")
		case r == '\\':
			if r, size = unescape(s[i:], quote); size == 0 {
				return "", "", fmt.Errorf("%.6q is no escape sequence", s[i-1:])
			}
			i += size
		}
		b.WriteRune(r)
	}
	return "", "", errors.New("the quote is not closed")
}

// unescape reads what follows a backslash. Its size is 0 when that is no escape sequence.
func unescape(s string, quote rune) (r rune, size int) {
	if s == "" {
		return 0, 0
	}
	switch c := rune(s[0]); c {
	case quote, '\\', '/':
		return c, 1
	case 'b':
		return '\b', 1
	case 'f':
		return '\f', 1
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'u':
		r, ok := hex4(s[1:])
		if !ok {
			return 0, 0
		}
		if !utf16.IsSurrogate(r) {
			return r, 5
		}
		if len(s) < 7 || s[5] != '\\' || s[6] != 'u' {
			return 0, 0
		}
		low, ok := hex4(s[7:])
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return 0, 0
		}
		return r, 11
	}
	return 0, 0
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:4], 16, 16)
	return rune(n), err == nil
}

// String renders the path in a form that parses to the same path.
func (p Path) String() string {
	var b strings.Builder
	b.WriteString(p.Root)
	for _, s := range p.steps {
		switch {
		case s.isIndex:
			fmt.Fprintf(&b, "[%d]", s.index)
		case s.name != "" && nameLength(s.name) == len(s.name):
			b.WriteString("." + s.name)
		default:
			b.WriteString("['" + quoter.Replace(s.name) + "']")
		}
	}
	return b.String()
}

var quoter = newQuoter()

func newQuoter() *strings.Replacer {
	pairs := []string{`'`, `\'`, `\`, `\\`}
	for c := range rune(0x20) {
		pairs = append(pairs, string(c), fmt.Sprintf(`\u%04x`, c))
	}
	return strings.NewReplacer(pairs...)
}

// FindJSON is the text of the value that p points at in a JSON document, strings with their quotes. It reads the
// document only as far as it must, so that an error behind the value goes unnoticed. It reports false when there is no
// such value, or none can be read.
func (p Path) FindJSON(document []byte) ([]byte, bool) {
	for _, s := range p.steps {
		var ok bool
		if document, ok = s.find(document); !ok {
			return nil, false
		}
	}
	return document, len(document) > 0
}

func (s step) find(document []byte) (found []byte, ok bool) {
	switch firstByte(document) {
	case '{':
		if s.isIndex {
			return nil, false
		}
		err := jsonparser.ObjectEach(document, func(key, value []byte, typ jsonparser.ValueType, end int) error {
			if string(key) != s.name {
				return nil
			}
			found = rawValue(document, value, typ, end)
			return io.EOF // It stops the walk.
		})
		return found, errors.Is(err, io.EOF)
	case '[':
		if !s.isIndex {
			return nil, false
		}
		return element(document, s.index)
	}
	return nil, false
}

func element(document []byte, index int) (found []byte, ok bool) {
	if index < 0 {
		n, err := jsonparser.ArrayEachErr(document, func([]byte, jsonparser.ValueType, int, error) error { return nil })
		if index += n; err != nil || index < 0 {
			return nil, false
		}
	}
	i := 0
	_, err := jsonparser.ArrayEachErr(document, func(value []byte, typ jsonparser.ValueType, start int, err error) error {
		if err != nil {
			return err
		}
		if i++; i <= index {
			return nil
		}
		// For the parser, an element starts at its end less its length, even where it took the quotes off.
		found, ok = rawValue(document, value, typ, start+len(value)), true
		return io.EOF
	})
	return found, ok && err == nil
}

// rawValue is the text of a value that ends at end, with the quotes that the parser takes off strings.
func rawValue(document, value []byte, typ jsonparser.ValueType, end int) []byte {
	if typ == jsonparser.String {
		return document[end-len(value)-2 : end]
	}
	return value
}

func firstByte(document []byte) byte {
	for _, c := range document {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c
		}
	}
	return 0
}
