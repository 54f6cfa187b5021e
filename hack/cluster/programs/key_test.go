// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"testing"
	"testing/fstest"
)

func TestModuleKey(t *testing.T) {
	key := func(module, goVersion string, files map[string]string) string {
		t.Helper()
		tree := fstest.MapFS{}
		for name, content := range files {
			tree[name] = &fstest.MapFile{Data: []byte(content)}
		}
		k, err := moduleKey(tree, module, goVersion)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	files := map[string]string{"go.mod": "module a", "go.sum": "sums", "sub/main.go": "package main"}
	base := key("containerd", "go1.26.0", files)
	if again := key("containerd", "go1.26.0", files); again != base {
		t.Errorf("the same module has keys %s and %s", base, again)
	}

	for name, other := range map[string]string{
		"another toolchain":     key("containerd", "go1.26.1", files),
		"other build flags":     key("versitygw", "go1.26.0", files),
		"a pin changed":         key("containerd", "go1.26.0", map[string]string{"go.mod": "module b", "go.sum": "sums", "sub/main.go": "package main"}),
		"a source file changed": key("containerd", "go1.26.0", map[string]string{"go.mod": "module a", "go.sum": "sums", "sub/main.go": "package x"}),
		"a file moved":          key("containerd", "go1.26.0", map[string]string{"go.mod": "module a", "go.sum": "sums", "main.go": "package main"}),
		"a file's end moved to the next": key("containerd", "go1.26.0",
			map[string]string{"go.mod": "module as", "go.sum": "ums", "sub/main.go": "package main"}),
	} {
		if other == base {
			t.Errorf("%s: the key stays the same", name)
		}
	}
}
