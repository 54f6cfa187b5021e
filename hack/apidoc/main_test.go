// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestRewrite(t *testing.T) {
	known := map[string]func() (string, error){"a": func() (string, error) { return "new\n", nil }}
	for name, tt := range map[string]struct {
		page, want, wantErr string
	}{
		"a section is replaced, and what people wrote stays": {
			page: "x\n<!-- generated: a -->\nold\n<!-- end -->\ny\n",
			want: "x\n<!-- generated: a -->\nnew\n<!-- end -->\ny\n",
		},
		"a section that nothing generates": {page: "<!-- generated: b -->\n<!-- end -->", wantErr: `section "b"`},
		"a page without its section":       {page: "x", wantErr: "0 of 1"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := rewrite([]byte(tt.page), known)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("error %v, want one with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}
