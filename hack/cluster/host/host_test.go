// SPDX-License-Identifier: Apache-2.0

package host

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMissingPackages(t *testing.T) {
	root := t.TempDir()
	for _, file := range []string{"sbin/runc", "bin/ip", "bin/socat", "sbin/iptables", "sbin/conntrack"} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"containernetworking-plugins", "ethtool"}, missingPackages(root)); diff != "" {
		t.Errorf("missing packages (-want +got):\n%s", diff)
	}
}
