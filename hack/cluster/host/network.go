// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// Network is a network namespace that the host reaches through a pair of interfaces.
type Network struct {
	// Netns is the file that the namespace is bound to. It exists while the namespace does.
	Netns string
	// HostInterface and HostIP are the host's end, Interface and IP the other; both are in one /24.
	HostInterface, HostIP, Interface, IP string
	// Routes are the ranges that the host reaches through the namespace.
	Routes []string
}

// Create makes the namespace, the interfaces and the routes.
func (n Network) Create(ctx context.Context) error {
	if err := bindNewNetns(n.Netns); err != nil {
		return fmt.Errorf("making network namespace %s: %w", n.Netns, err)
	}
	inside := n.Command("ip")
	steps := [][]string{
		{"ip", "link", "add", n.HostInterface, "type", "veth", "peer", "name", n.Interface, "netns", n.Netns},
		{"ip", "address", "add", n.HostIP + "/24", "dev", n.HostInterface},
		{"ip", "link", "set", n.HostInterface, "up"},
		append(inside, "link", "set", "lo", "up"),
		append(inside, "address", "add", n.IP+"/24", "dev", n.Interface),
		append(inside, "link", "set", n.Interface, "up"),
		append(inside, "route", "add", "default", "via", n.HostIP),
		n.Command("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"),
	}
	for _, route := range n.Routes {
		steps = append(steps, []string{"ip", "route", "add", route, "via", n.IP})
	}
	for _, step := range steps {
		if err := Run(ctx, step...); err != nil {
			return fmt.Errorf("setting up the network: %w", err)
		}
	}
	return nil
}

// Delete removes the host's interface, and with it the routes. The namespace goes with its last process, once the file
// that it is bound to is unmounted.
func (n Network) Delete(ctx context.Context) error {
	if _, err := os.Stat("/sys/class/net/" + n.HostInterface); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return Run(ctx, "ip", "link", "delete", n.HostInterface)
}

// Command returns a command line that runs a command inside. It enters the network namespace only: "ip netns exec" would
// mount /sys anew, and hide the control groups.
func (n Network) Command(command ...string) []string {
	return append([]string{"nsenter", "--net=" + n.Netns, "--"}, command...)
}

// Overlaps reports an error if a range that the cluster wants is routed elsewhere already.
func (n Network) Overlaps(ctx context.Context) error {
	for _, cidr := range append([]string{n.IP + "/24"}, n.Routes...) {
		out, err := exec.CommandContext(ctx, "ip", "route", "show", "to", "root", cidr).Output()
		if err != nil {
			return fmt.Errorf("ip route show: %w", err)
		}
		if route := strings.TrimSpace(string(out)); route != "" {
			return fmt.Errorf("this machine routes %s already (%s): the cluster needs that range; set KUBECONFIG to a cluster that exists", cidr, route)
		}
	}
	return nil
}

// bindNewNetns makes a network namespace and binds it to a file, which keeps it.
func bindNewNetns(file string) error {
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	result := make(chan error)
	go func() {
		// The thread is in the new namespace for ever: without an unlock it ends with the goroutine.
		runtime.LockOSThread()
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			result <- fmt.Errorf("unshare: %w", err)
			return
		}
		result <- syscall.Mount("/proc/thread-self/ns/net", file, "", syscall.MS_BIND, "")
	}()
	return <-result
}
