// SPDX-License-Identifier: Apache-2.0

package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// foreign are the folders that daemons make outside of the cluster's own, with no setting to move them.
var foreign = []string{
	"/etc/cni", "/opt/cni", "/run/containerd", "/run/mount", "/run/xtables.lock", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers",
}

// kernelSettings are those that the kubelet writes.
var kernelSettings = []string{
	"/proc/sys/kernel/keys/root_maxbytes", "/proc/sys/kernel/keys/root_maxkeys", "/proc/sys/kernel/panic",
	"/proc/sys/kernel/panic_on_oops", "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/panic_on_oom",
}

// Record is what the machine was like before the cluster.
type Record struct {
	// Absent are the foreign paths that did not exist.
	Absent []string `json:"absent"`
	// Kernel holds the kernel settings.
	Kernel map[string]string `json:"kernel"`
}

// Observe records the machine as it is, in a file.
func Observe(file string) error {
	record := Record{Kernel: map[string]string{}}
	for _, path := range foreign {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			record.Absent = append(record.Absent, path)
		}
	}
	for _, path := range kernelSettings {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // this kernel lacks it
		}
		record.Kernel[path] = string(content)
	}
	content, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

// Restore makes the machine what it was when it was observed. Without a record there is nothing to restore.
func Restore(file string) error {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var record Record
	if err := json.Unmarshal(content, &record); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	var errs []error
	for path, value := range record.Kernel {
		if now, err := os.ReadFile(path); err == nil && string(now) != value {
			errs = append(errs, os.WriteFile(path, []byte(value), 0o644))
		}
	}
	for _, path := range record.Absent {
		errs = append(errs, RemoveAll(path))
	}
	return errors.Join(errs...)
}

// RemoveTraces removes what daemons leave in foreign folders that were there before: the results of the network called
// network, and links to logs below dir.
func RemoveTraces(network, dir string) error {
	return removeTraces("/var/lib/cni/results", network, "/var/log/containers", dir)
}

func removeTraces(results, network, links, dir string) error {
	var errs []error
	for _, file := range glob(results, network+"-*") {
		errs = append(errs, os.Remove(file))
	}
	for _, link := range glob(links, "*.log") {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, dir+"/") {
			errs = append(errs, os.Remove(link))
		}
	}
	return errors.Join(errs...)
}

// glob lists the files of a folder that match a pattern, which must be well formed; none if there is no such folder.
func glob(dir, pattern string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, pattern))
	return files
}

// RemoveAll unmounts what is below a folder and removes it. It removes nothing while something is mounted there.
func RemoveAll(path string) error {
	if err := unmount(path); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

// unmount unmounts everything at and below a path, the latest mount first. A mount that is busy is detached: it goes with
// the last process that uses it.
func unmount(path string) error {
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var errs []error
	for _, point := range mountsBelow(string(mountinfo), path) {
		err := syscall.Unmount(point, 0)
		if errors.Is(err, syscall.EBUSY) {
			err = syscall.Unmount(point, syscall.MNT_DETACH)
		}
		if err != nil && !errors.Is(err, syscall.EINVAL) { // EINVAL: it went with another one
			errs = append(errs, fmt.Errorf("unmounting %s: %w", point, err))
		}
	}
	return errors.Join(errs...)
}
