// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/hack/cluster/host"
	"github.com/vedette-dev/vedette/hack/cluster/node"
	"github.com/vedette-dev/vedette/hack/cluster/process"
)

var errNotUp = errors.New("the cluster is not up: run go run ./hack/cluster up")

// readyLimit bounds each wait of up.
const readyLimit = 2 * time.Minute

// up brings the cluster up. What a crashed or half-ended up has left is taken down first.
func (c *cluster) up(ctx context.Context) error {
	if err := host.RequireKernel(ctx); err != nil {
		return err
	}
	if err := host.InstallPackages(ctx); err != nil {
		return err
	}
	for _, d := range node.Daemons(c.layout) {
		if err := c.build(ctx, []string{d.Program}); err != nil {
			return err
		}
	}
	if err := c.build(ctx, []string{"containerd-shim-runc-v2", "ctr", "kubectl", "coredns"}); err != nil {
		return err
	}
	if c.complete() {
		fmt.Fprintln(os.Stderr, "the cluster is up")
		return nil
	}
	if err := c.down(ctx); err != nil {
		return fmt.Errorf("clearing what an earlier cluster left: %w", err)
	}
	start := time.Now()
	if err := c.prepare(ctx); err != nil {
		return err
	}
	for _, d := range node.Daemons(c.layout) {
		if err := c.start(ctx, d); err != nil {
			return err
		}
	}
	if err := c.load(ctx, []string{"pause", "coredns"}); err != nil {
		return err
	}
	if err := c.waitReady(ctx); err != nil {
		return err
	}
	if err := os.WriteFile(c.layout.Path("complete"), nil, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "the cluster is up after %s; to use it: go run ./hack/cluster kubectl get pods -A\n", time.Since(start).Round(time.Second))
	return nil
}

// complete tells whether an earlier up has come to its end and all that it started still runs.
func (c *cluster) complete() bool {
	if _, err := os.Stat(c.layout.Path("complete")); err != nil {
		return false
	}
	for _, d := range node.Daemons(c.layout) {
		if c.daemons.Running(d.Program) == 0 {
			return false
		}
	}
	return true
}

// prepare makes everything that the daemons need.
func (c *cluster) prepare(ctx context.Context) error {
	if err := c.network.Overlaps(ctx); err != nil {
		return err
	}
	for _, dir := range []string{"run", "log", "pki", "cni", "manifests", "images"} {
		if err := os.MkdirAll(c.layout.Path(dir), 0o755); err != nil {
			return err
		}
	}
	if err := host.Observe(c.layout.Path("host.json")); err != nil {
		return err
	}
	pki, err := node.PKI(time.Now())
	if err != nil {
		return err
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return err
	}
	files, err := node.Files(c.layout, node.Host{Runc: runc, CNIPlugins: host.CNIPlugins}, pki)
	if err != nil {
		return err
	}
	for path, content := range files {
		if err := os.WriteFile(c.layout.Path(path), content, 0o600); err != nil {
			return err
		}
	}
	if err := host.CreateCgroup(node.Name); err != nil {
		return err
	}
	return c.network.Create(ctx)
}

// start starts a daemon inside the network namespace and waits for what the next ones need of it.
func (c *cluster) start(ctx context.Context, d node.Daemon) error {
	path, err := c.builder.Path(ctx, d.Program)
	if err != nil {
		return err
	}
	logFile := c.layout.Path("log", d.Program+".log")
	env := []string{"PATH=" + filepath.Dir(path) + ":/usr/sbin:/usr/bin:/sbin:/bin"} // containerd finds its shim beside itself
	if err := c.daemons.Start(d.Program, logFile, env, c.network.Command(append([]string{path}, d.Args...)...)...); err != nil {
		return err
	}
	ready := func() bool { return true }
	switch d.Program {
	case "kube-apiserver":
		ready = func() bool { return c.kubectl(ctx, "get", "--raw=/readyz") == nil }
	case "containerd":
		ready = func() bool { _, err := os.Stat(c.layout.Socket()); return err == nil }
	}
	ok := process.Wait(ctx, readyLimit, func() bool { return c.daemons.Running(d.Program) == 0 || ready() })
	if !ok || c.daemons.Running(d.Program) == 0 {
		return fmt.Errorf("%s does not come up; the end of %s:\n%s", d.Program, logFile, tail(logFile))
	}
	return nil
}

// waitReady applies the cluster's own manifests, and waits until pods can run and find each other.
func (c *cluster) waitReady(ctx context.Context) error {
	if err := c.kubectl(ctx, "apply", "--server-side", "-f", c.layout.Path("manifests")); err != nil {
		return err
	}
	for _, check := range []struct {
		what, log string
		args      []string
	}{
		{"node", "kubelet", []string{"wait", "--for=condition=Ready", "node/" + node.Name, "--timeout=1s"}},
		{"service account", "kube-controller-manager", []string{"get", "serviceaccount", "default"}},
		{"DNS", "kubelet", []string{"rollout", "status", "deployment/coredns", "-n", "kube-system", "--timeout=1s"}},
	} {
		var last error
		if !process.Wait(ctx, readyLimit, func() bool { last = c.kubectl(ctx, check.args...); return last == nil }) {
			logFile := c.layout.Path("log", check.log+".log")
			return fmt.Errorf("the %s does not get ready: %w; the end of %s:\n%s", check.what, last, logFile, tail(logFile))
		}
	}
	return nil
}

// kubectl runs kubectl as the administrator.
func (c *cluster) kubectl(ctx context.Context, args ...string) error {
	path, err := c.builder.Path(ctx, "kubectl")
	if err != nil {
		return err
	}
	return host.Run(ctx, append([]string{path, "--kubeconfig=" + c.layout.Kubeconfig()}, args...)...)
}

// tail is the last lines of a file.
func tail(file string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// status tells what runs. It is an error if the cluster is not up.
func (c *cluster) status(ctx context.Context) error {
	if _, err := os.Stat(string(c.layout)); errors.Is(err, fs.ErrNotExist) {
		return errNotUp
	}
	for _, d := range node.Daemons(c.layout) {
		state := "not running"
		if pid := c.daemons.Running(d.Program); pid != 0 {
			state = fmt.Sprintf("running, process %d", pid)
		}
		fmt.Printf("%-24s %s\n", d.Program, state)
	}
	if !c.complete() {
		return errors.New("the cluster is not complete: run go run ./hack/cluster up, which starts it anew")
	}
	fmt.Printf("%-24s %s\n", "KUBECONFIG", c.layout.Kubeconfig())
	path, err := c.builder.Path(ctx, "kubectl")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, "--kubeconfig="+c.layout.Kubeconfig(), "get", "nodes,pods", "-A")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
