// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/vedette-dev/vedette/hack/cluster/node"
)

// Diff is what "kubectl diff" prints of objects: what applying them would change; nothing when it would change nothing.
func (c *Cluster) Diff(ctx context.Context, objects []*unstructured.Unstructured) (string, error) {
	list, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": objects})
	if err != nil {
		return "", fmt.Errorf("encoding manifests: %w", err)
	}
	args := []string{"diff", "-f", "-"}
	if c.Local {
		args = append(args, "--kubeconfig", node.Local.Kubeconfig())
	}
	cmd := exec.CommandContext(ctx, kubectl(), args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(list), &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 1: // there are differences
		return string(out), nil
	case err != nil:
		return "", fmt.Errorf("running kubectl diff: %w: %s", err, tail(stderr.String(), 2000))
	}
	return string(out), nil
}

// kubectl is the one that was built with the API server of the tests, or the one of this machine.
func kubectl() string {
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return filepath.Join(dir, "kubectl")
	}
	return "kubectl"
}
