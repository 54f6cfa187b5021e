// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vedette-dev/vedette/hack/cluster/process"
)

const cgroupRoot = "/sys/fs/cgroup"

// cgroups lists the folders of a top-level control group in every hierarchy: one with version 2, one per controller with
// version 1.
func cgroups(name string) []string {
	if _, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers")); err == nil {
		return []string{filepath.Join(cgroupRoot, name)}
	}
	hierarchies, _ := filepath.Glob(filepath.Join(cgroupRoot, "*", "cgroup.procs")) // a fixed pattern is never malformed
	var dirs []string
	for _, h := range hierarchies {
		dirs = append(dirs, filepath.Join(filepath.Dir(h), name))
	}
	return dirs
}

// CreateCgroup makes a top-level control group, in which the kubelet makes those of pods.
func CreateCgroup(name string) error {
	// With version 2 a group has only the controllers that its parent passes on, and the kubelet wants all of them. Which
	// ones may be passed on is the machine's choice; the kubelet names the one that it misses.
	available, _ := os.ReadFile(filepath.Join(cgroupRoot, "cgroup.controllers"))
	for controller := range strings.FieldsSeq(string(available)) {
		_ = os.WriteFile(filepath.Join(cgroupRoot, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
	}
	for _, dir := range cgroups(name) {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("making control group: %w", err)
		}
		// With version 1 a new cpuset is empty and can hold no process until it has processors and memory.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if content, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file)); err == nil {
				if err := os.WriteFile(filepath.Join(dir, file), content, 0o644); err != nil {
					return fmt.Errorf("making control group: %w", err)
				}
			}
		}
	}
	return nil
}

// KillCgroup kills every process in a top-level control group, until there is none.
func KillCgroup(ctx context.Context, name string) error {
	empty := process.Wait(ctx, 10*time.Second, func() bool {
		pids := cgroupProcesses(name)
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile; the next round tells
		}
		return len(pids) == 0
	})
	if !empty {
		return fmt.Errorf("processes %v of control group %s do not end", cgroupProcesses(name), name)
	}
	return nil
}

func cgroupProcesses(name string) []int {
	var pids []int
	for _, dir := range cgroups(name) {
		for _, group := range groupsBelow(dir) {
			content, _ := os.ReadFile(filepath.Join(group, "cgroup.procs")) // it may be gone meanwhile
			for field := range strings.FieldsSeq(string(content)) {
				if pid, err := strconv.Atoi(field); err == nil && pid > 1 {
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids
}

// groupsBelow lists a control group and those in it, a parent before its children. Groups come and go while it looks.
func groupsBelow(dir string) []string {
	var groups []string
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			groups = append(groups, path)
		}
		return nil
	})
	return groups
}

// DeleteCgroup removes a top-level control group and those in it, which must be empty of processes.
func DeleteCgroup(name string) error {
	var errs []error
	for _, dir := range cgroups(name) {
		for _, group := range slices.Backward(groupsBelow(dir)) { // a parent comes before its children
			if err := syscall.Rmdir(group); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("removing control group %s: %w", group, err))
			}
		}
	}
	return errors.Join(errs...)
}
