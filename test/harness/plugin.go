// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"

	"github.com/vedette-dev/vedette/hack/cluster/node"
)

// Plugin runs kubectl-vedette as somebody at this machine would, and returns what it prints.
func (c *Cluster) Plugin(ctx context.Context, args ...string) (string, error) {
	command := []string{"run", "./internal/cmd/kubectl-vedette"}
	if c.Local {
		command = append(command, "--kubeconfig", node.Local.Kubeconfig())
	}
	return c.run(ctx, nil, "go", append(command, args...)...)
}
