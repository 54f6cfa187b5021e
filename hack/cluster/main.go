// SPDX-License-Identifier: Apache-2.0

// Command cluster runs a real one-node Kubernetes on this machine, without container engine, registry or image: every
// program is built from a pinned Go module and cached. It owns the command line and the order of things; what each step
// is made of lies in the packages below. It must not import the operator.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/vedette-dev/vedette/hack/cluster/host"
	"github.com/vedette-dev/vedette/hack/cluster/node"
	"github.com/vedette-dev/vedette/hack/cluster/process"
	"github.com/vedette-dev/vedette/hack/cluster/programs"
)

const usage = `usage: go run ./hack/cluster COMMAND

  up                   start the cluster, building what is missing; does nothing when it runs
  down                 stop it and leave nothing behind but the cache of binaries
  status               tell what runs
  load IMAGE…          build images and import them when they have changed:
                       a name of ours (%s)
                       or REFERENCE=BINARY[,BINARY…]
  kubeconfig           print the path of the kubeconfig
  kubectl ARGS…        run kubectl against the cluster
  exec CMD…            run a command in the cluster's network namespace
  build [PROGRAM…]     build programs into the cache; all of them by default
  which PROGRAM        print the path of a program, building it when missing
  assets               print the folder with kube-apiserver, etcd and kubectl (KUBEBUILDER_ASSETS)
`

// cluster is what the commands work with.
type cluster struct {
	layout  node.Layout
	builder *programs.Builder
	daemons process.Dir
	network host.Network
	// root is the root of this repository, cache the folder of all that is kept between clusters.
	root, cache string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		stop()
		fmt.Fprintf(os.Stderr, "cluster: %v\n", err)
		os.Exit(1) //nolint:gocritic // stop has run
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || args[0] == "help" {
		fmt.Printf(usage, strings.Join(imageNames(), " "))
		return nil
	}
	c, err := newCluster()
	if err != nil {
		return err
	}
	command, args := args[0], args[1:]
	switch command {
	case "up":
		return c.locked(func() error { return c.up(ctx) })
	case "down":
		return c.locked(func() error { return c.down(ctx) })
	case "status":
		return c.status(ctx)
	case "load":
		return c.locked(func() error { return c.load(ctx, args) })
	case "kubeconfig":
		fmt.Println(c.layout.Kubeconfig())
		return nil
	case "kubectl":
		return c.execKubectl(ctx, args)
	case "exec":
		return c.execInside(args)
	case "build":
		return c.build(ctx, args)
	case "which":
		return c.which(ctx, args)
	case "assets":
		dir, err := c.builder.Paths(ctx, "kube-apiserver", "etcd", "kubectl")
		if err == nil {
			fmt.Println(dir)
		}
		return err
	default:
		return fmt.Errorf("no command %q: go run ./hack/cluster help lists them", command)
	}
}

func newCluster() (*cluster, error) {
	root, err := repositoryRoot()
	if err != nil {
		return nil, err
	}
	cache := os.Getenv("VEDETTE_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("no place for the cache, set VEDETTE_CACHE: %w", err)
		}
		cache = filepath.Join(dir, "vedette")
	}
	layout := node.Local
	return &cluster{
		layout: layout,
		builder: &programs.Builder{
			Modules:   filepath.Join(root, "hack", "cluster", "modules"),
			Cache:     filepath.Join(cache, "bin"),
			GoVersion: runtime.Version(),
			Log:       os.Stderr,
			Now:       time.Now,
		},
		daemons: process.Dir(layout.Path("run")),
		network: host.Network{
			Netns:         layout.Netns(),
			HostInterface: node.HostInterface, HostIP: node.HostIP,
			Interface: node.Interface, IP: node.IP,
			Routes: []string{node.ServiceCIDR, node.PodCIDR},
		},
		root: root, cache: cache,
	}, nil
}

// repositoryRoot is the folder of the main module's go.mod, at or above the current one.
func repositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "hack", "cluster", "modules")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("run this inside the repository: no folder hack/cluster/modules here or above")
		}
		dir = parent
	}
}

// locked keeps two commands from changing the cluster at once.
func (c *cluster) locked(command func() error) error {
	if err := host.RequireRoot(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.cache, 0o755); err != nil {
		return err
	}
	unlock, err := programs.Lock(filepath.Join(c.cache, "cluster.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	return command()
}

func (c *cluster) build(ctx context.Context, names []string) error {
	if len(names) == 0 {
		names = programs.Names()
	}
	for _, name := range names {
		if _, err := c.builder.Path(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) which(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("which needs the name of one program")
	}
	path, err := c.builder.Path(ctx, args[0])
	if err == nil {
		fmt.Println(path)
	}
	return err
}

// execInside replaces this process by a command inside of the network namespace.
func (c *cluster) execInside(args []string) error {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return errors.New("exec needs a command")
	}
	if err := host.RequireRoot(); err != nil {
		return err
	}
	if _, err := os.Stat(c.layout.Netns()); err != nil {
		return errNotUp
	}
	return replace(append(os.Environ(), "KUBECONFIG="+c.layout.Kubeconfig()), c.network.Command(args...))
}

// execKubectl replaces this process by kubectl.
func (c *cluster) execKubectl(ctx context.Context, args []string) error {
	path, err := c.builder.Path(ctx, "kubectl")
	if err != nil {
		return err
	}
	return replace(append(os.Environ(), "KUBECONFIG="+c.layout.Kubeconfig()), append([]string{path}, args...))
}

func replace(env, command []string) error {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", path, syscall.Exec(path, command, env))
}
