// SPDX-License-Identifier: Apache-2.0

package naming

import (
	"strings"
	"testing"
)

// TestNamesOfARolloutFit: the longest names of a rollout and of a ConfigMap make names that Kubernetes accepts as labels, too.
func TestNamesOfARolloutFit(t *testing.T) {
	rollout, revision := strings.Repeat("r", 40), "0123456789"
	names := []string{
		Primary(rollout), Shadow(rollout), Revision(rollout, revision),
		Copy(rollout, revision, strings.Repeat("c", 253)), Copy(rollout, revision, "c"), Mirror(rollout),
	}
	seen := map[string]bool{}
	for _, name := range names {
		if len(name) > 63 || seen[name] {
			t.Errorf("%s is too long, or the name of two objects", name)
		}
		seen[name] = true
	}
}
