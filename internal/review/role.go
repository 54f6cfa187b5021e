// SPDX-License-Identifier: Apache-2.0

package review

import (
	"fmt"
	"slices"
	"strings"
)

// roleNames are the names of roles in documents and files, by role.
var roleNames = []string{"Nobody", "Annotator", "Reviewer", "Admin"}

// String is the name of the role.
func (r Role) String() string {
	if r < 0 || int(r) >= len(roleNames) {
		return fmt.Sprintf("Role(%d)", int(r))
	}
	return roleNames[r]
}

// ParseRole reads the name of a role that allows something; case does not matter.
func ParseRole(name string) (Role, error) {
	i := slices.IndexFunc(roleNames, func(n string) bool { return strings.EqualFold(n, name) })
	if i <= 0 {
		return Nobody, fmt.Errorf("%.40q is no role: want annotator, reviewer or admin", name)
	}
	return Role(i), nil
}
