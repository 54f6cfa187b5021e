// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/vedette-dev/vedette/hack/cluster/host"
	"github.com/vedette-dev/vedette/hack/cluster/node"
	"github.com/vedette-dev/vedette/hack/cluster/process"
)

// down ends every process of the cluster and undoes what up has done to the machine, from whatever state it is in. It goes
// on after an error, so that as little as possible is left, and keeps the cluster's folder until all else is gone.
func (c *cluster) down(ctx context.Context) error {
	if _, err := os.Stat(string(c.layout)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var errs []error
	daemons := node.Daemons(c.layout)
	slices.Reverse(daemons)
	for _, d := range daemons {
		if d.Program == "containerd" { // kubelet and proxy have ended: nothing starts a pod any more
			errs = append(errs, host.KillCgroup(ctx, node.Name))
		}
		errs = append(errs, c.daemons.Stop(ctx, d.Program, d.Grace))
	}
	errs = append(errs,
		c.killShims(ctx),
		host.KillCgroup(ctx, node.Name),
		c.network.Delete(ctx),
		host.DeleteCgroup(node.Name),
		host.RemoveTraces(node.Name, string(c.layout)),
		host.Restore(c.layout.Path("host.json")),
	)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return host.RemoveAll(string(c.layout))
}

// killShims ends the shims of containers, which outlive containerd. They are ours by the socket among their arguments.
func (c *cluster) killShims(ctx context.Context) error {
	shims := func() []int { return process.CommandsWith(os.DirFS("/proc"), c.layout.Socket()) }
	ended := process.Wait(ctx, 10*time.Second, func() bool {
		pids := shims()
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile; the next round tells
		}
		return len(pids) == 0
	})
	if !ended {
		return fmt.Errorf("container shims %v do not end", shims())
	}
	return nil
}
