// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strconv"
	"strings"
)

// ParseDownward reads a file of labels or annotations as the downward API writes it: lines of key="value", with the
// value escaped as in Go. Lines of any other form are skipped.
func ParseDownward(b []byte) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(string(b)) {
		key, quoted, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			continue
		}
		if value, err := strconv.Unquote(quoted); err == nil {
			m[key] = value
		}
	}
	return m
}
