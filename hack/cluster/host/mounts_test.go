// SPDX-License-Identifier: Apache-2.0

package host

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMountsBelow(t *testing.T) {
	const mountinfo = `20 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 20 0:25 / /var/lib/vedette/netns rw - nsfs none rw
31 20 0:26 / /var/lib/vedette-other/x rw - tmpfs none rw
32 20 0:27 / /var/lib/vedette/kubelet/pods/a/volumes/with\040space rw - tmpfs none rw
33 20 0:28 / /var/lib/vedette rw - tmpfs none rw
a line cut short
`
	want := []string{
		"/var/lib/vedette",
		"/var/lib/vedette/kubelet/pods/a/volumes/with space",
		"/var/lib/vedette/netns",
	}
	if diff := cmp.Diff(want, mountsBelow(mountinfo, "/var/lib/vedette")); diff != "" {
		t.Errorf("mounts, the latest first (-want +got):\n%s", diff)
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`/plain`: "/plain", `/a\040b`: "/a b", `/a\134b`: `/a\b`, `/end\04`: `/end\04`, `/not\999`: `/not\999`,
	} {
		if got := unescape(in); got != want {
			t.Errorf("unescape(%q) = %q, want %q", in, got, want)
		}
	}
}
