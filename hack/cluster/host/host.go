// SPDX-License-Identifier: Apache-2.0

// Package host changes the machine that the local cluster runs on, and changes it back: Debian packages, the network
// namespace, control groups, kernel settings, mounts. It knows of no daemon. Each change that outlives the process is
// either below a folder of the cluster's, named by the caller, or written down in a Record before it is made.
package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// packages are the Debian packages that a node needs, each with a program that it brings.
var packages = []struct{ name, file string }{
	{"runc", "sbin/runc"},
	{"containernetworking-plugins", "lib/cni/ptp"},
	{"iptables", "sbin/iptables"},
	{"conntrack", "sbin/conntrack"},
	{"iproute2", "bin/ip"},
	{"ethtool", "sbin/ethtool"},
	{"socat", "bin/socat"},
}

// CNIPlugins is where Debian's network plugins are.
const CNIPlugins = "/usr/lib/cni"

// RequireRoot says what to do when the program does not run as root.
func RequireRoot() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("the local cluster needs root, for network namespaces and control groups: run it with sudo -E, or set KUBECONFIG to a cluster that exists")
	}
	return nil
}

// RequireKernel reports the kernel features that a node cannot do without and this machine lacks.
func RequireKernel(ctx context.Context) error {
	var missing []string
	for _, feature := range []struct{ path, name string }{
		{"/proc/self/ns/net", "network namespaces (CONFIG_NET_NS)"},
		{"/proc/sys/net/ipv4/ip_forward", "IPv4 forwarding (a writable /proc/sys/net)"},
		{"/sys/fs/cgroup", "control groups mounted at /sys/fs/cgroup"},
	} {
		if _, err := os.Stat(feature.path); err != nil {
			missing = append(missing, feature.name)
		}
	}
	filesystems, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return err
	}
	if !strings.Contains(string(filesystems), "\toverlay\n") && Run(ctx, "modprobe", "overlay") != nil {
		missing = append(missing, "the overlay file system (CONFIG_OVERLAY_FS)")
	}
	if len(missing) > 0 {
		return fmt.Errorf("this machine lacks %s; set KUBECONFIG to a cluster that exists instead", strings.Join(missing, ", "))
	}
	return nil
}

// InstallPackages installs the Debian packages that are missing.
func InstallPackages(ctx context.Context) error {
	missing := missingPackages("/usr")
	if len(missing) == 0 {
		return nil
	}
	list := strings.Join(missing, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("missing packages: %s; there is no apt-get here: install them by hand, or set KUBECONFIG to a cluster that exists", list)
	}
	fmt.Fprintf(os.Stderr, "installing Debian packages: %s\n", list)
	install := append([]string{"apt-get", "install", "-y", "-q", "--no-install-recommends"}, missing...)
	if Run(ctx, install...) == nil {
		return nil
	}
	// The lists of packages may be too old, or have never been fetched.
	if err := Run(ctx, "apt-get", "update", "-q"); err != nil {
		return fmt.Errorf("missing packages: %s: %w", list, err)
	}
	if err := Run(ctx, install...); err != nil {
		return fmt.Errorf("missing packages: %s: %w", list, err)
	}
	return nil
}

func missingPackages(root string) []string {
	var missing []string
	for _, p := range packages {
		if _, err := os.Stat(filepath.Join(root, p.file)); err != nil {
			missing = append(missing, p.name)
		}
	}
	return missing
}

// Run runs a command and returns its output as part of the error.
func Run(ctx context.Context, command ...string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
