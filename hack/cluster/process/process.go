// SPDX-License-Identifier: Apache-2.0

// Package process starts daemons that outlive the caller and finds them again. A process is known by its id together
// with its start time, so that an id that the system has given to another process is never signalled.
package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Dir is a folder that holds one file per daemon.
type Dir string

// Start starts a command in a session of its own, its output appended to logFile, and remembers it under name. It gets
// only the environment given, and no file of the caller's: a proxy setting would divert the API server's webhooks, and
// an inherited pipe would keep a caller's "make | tee" from ending.
func (d Dir) Start(name, logFile string, env []string, command ...string) error {
	out, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(command[0], command[1:]...) //nolint:noctx // it outlives every context of the caller
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Dir, cmd.Env = "/", env
	closeOnExec()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	started, err := startTime(os.DirFS("/proc"), cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	// The daemon is reaped here if it dies while this program runs, and by init afterwards.
	go func() { _ = cmd.Wait() }()
	return os.WriteFile(d.file(name), fmt.Appendf(nil, "%d %s\n", cmd.Process.Pid, started), 0o644)
}

// closeOnExec keeps the files that this process has inherited from its children; Go does so for those that it opens.
func closeOnExec() {
	entries, _ := os.ReadDir("/proc/self/fd") // without /proc nothing here works
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// Running returns the process id of a daemon, or 0 if it does not run (any more).
func (d Dir) Running(name string) int {
	content, err := os.ReadFile(d.file(name))
	if err != nil {
		return 0
	}
	return owned(os.DirFS("/proc"), string(content))
}

// Stop asks a daemon to end, waits for grace, and then kills it. A daemon that does not run is no error.
func (d Dir) Stop(ctx context.Context, name string, grace time.Duration) error {
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGTERM, grace}, {syscall.SIGKILL, 10 * time.Second}} {
		pid := d.Running(name)
		if pid == 0 {
			break
		}
		if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stopping %s: %w", name, err)
		}
		if Wait(ctx, step.wait, func() bool { return d.Running(name) == 0 }) {
			break
		}
	}
	if pid := d.Running(name); pid != 0 {
		return fmt.Errorf("stopping %s: process %d does not end", name, pid)
	}
	if err := os.Remove(d.file(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d Dir) file(name string) string { return filepath.Join(string(d), name+".pid") }

// Wait polls until done says so; it reports false when limit or ctx has ended first.
func Wait(ctx context.Context, limit time.Duration, done func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// owned reads a pid file's content ("PID START") and returns the id if that very process still runs, else 0.
func owned(proc fs.FS, content string) int {
	id, started, ok := strings.Cut(strings.TrimSpace(content), " ")
	pid, err := strconv.Atoi(id)
	if !ok || err != nil || pid <= 1 {
		return 0
	}
	if now, err := startTime(proc, pid); err != nil || now != started {
		return 0
	}
	return pid
}

// startTime returns when a process started, in clock ticks since boot; a zombie counts as gone. The fields of
// /proc/PID/stat are counted after the command's name, which is in parentheses and may hold anything.
func startTime(proc fs.FS, pid int) (string, error) {
	stat, err := fs.ReadFile(proc, strconv.Itoa(pid)+"/stat")
	if err != nil {
		return "", err
	}
	end := strings.LastIndexByte(string(stat), ')')
	fields := strings.Fields(string(stat)[end+1:])
	const state, starttime = 0, 19 // fields 3 and 22 of proc_pid_stat(5)
	if len(fields) <= starttime {
		return "", fmt.Errorf("/proc/%d/stat is cut short", pid)
	}
	if fields[state] == "Z" || fields[state] == "X" {
		return "", fmt.Errorf("process %d: %w", pid, fs.ErrNotExist)
	}
	return fields[starttime], nil
}

// CommandsWith returns the ids of the processes that have arg among their arguments.
func CommandsWith(proc fs.FS, arg string) []int {
	var pids []int
	files, _ := fs.Glob(proc, "[0-9]*/cmdline") // a fixed pattern is never malformed
	for _, file := range files {
		content, err := fs.ReadFile(proc, file)
		if err != nil {
			continue // ended meanwhile
		}
		for a := range strings.SplitSeq(string(content), "\x00") {
			if pid, err := strconv.Atoi(filepath.Dir(file)); a == arg && err == nil {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}
