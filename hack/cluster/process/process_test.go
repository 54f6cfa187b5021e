// SPDX-License-Identifier: Apache-2.0

package process

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// stat is /proc/PID/stat of a process with a name that tries to look like the fields after it.
func stat(state, start string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("42 (a) S (b) " + state + strings.Repeat(" 0", 18) + " " + start + " 0 0\n")}
}

func TestOwned(t *testing.T) {
	for name, tt := range map[string]struct {
		proc    fstest.MapFS
		content string
		want    int
	}{
		"the process that was started":           {fstest.MapFS{"42/stat": stat("S", "1234")}, "42 1234\n", 42},
		"another process has got the id":         {fstest.MapFS{"42/stat": stat("S", "9999")}, "42 1234\n", 0},
		"no such process":                        {fstest.MapFS{}, "42 1234\n", 0},
		"dead but not reaped":                    {fstest.MapFS{"42/stat": stat("Z", "1234")}, "42 1234\n", 0},
		"a file cut short is nobody":             {fstest.MapFS{"42/stat": stat("S", "1234")}, "42", 0},
		"nonsense is nobody":                     {fstest.MapFS{"42/stat": stat("S", "1234")}, "x 1234", 0},
		"init is never ours":                     {fstest.MapFS{"1/stat": stat("S", "1234")}, "1 1234", 0},
		"a negative id would be a process group": {fstest.MapFS{"42/stat": stat("S", "1234")}, "-42 1234", 0},
		"a stat cut short is nobody":             {fstest.MapFS{"42/stat": {Data: []byte("42 (a) S 1")}}, "42 1234", 0},
		"a stat without a name is nobody":        {fstest.MapFS{"42/stat": {Data: nil}}, "42 1234", 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := owned(tt.proc, tt.content); got != tt.want {
				t.Errorf("owned = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestCommandsWith(t *testing.T) {
	proc := fstest.MapFS{
		"10/cmdline":   {Data: []byte("shim\x00-address\x00/var/lib/x.sock\x00")},
		"11/cmdline":   {Data: []byte("shim\x00-address\x00/var/lib/x.sock.other\x00")},
		"12/cmdline":   {Data: nil}, // a kernel thread
		"self/cmdline": {Data: []byte("x\x00/var/lib/x.sock\x00")},
	}
	if got := CommandsWith(proc, "/var/lib/x.sock"); !slices.Equal(got, []int{10}) {
		t.Errorf("CommandsWith = %v, want [10]", got)
	}
}

func TestDaemon(t *testing.T) {
	dir := t.TempDir()
	d, logFile := Dir(dir), filepath.Join(dir, "log")
	read := func() string {
		content, err := os.ReadFile(logFile)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	for name, tt := range map[string]struct {
		script string
		grace  time.Duration
	}{
		"ends when asked":            {"trap 'exit 0' TERM; echo up $ONLY $HOME; while :; do read x < fifo; done", time.Minute},
		"is killed when it will not": {"trap '' TERM; echo up $ONLY $HOME; while :; do read x < fifo; done", time.Nanosecond},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.RemoveAll(logFile); err != nil {
				t.Fatal(err)
			}
			// The shell waits on a pipe that nobody writes to: it ends by a signal or not at all.
			script := "cd " + dir + " && { test -p fifo || mkfifo fifo; } && " + tt.script
			if err := d.Start("sh", logFile, []string{"ONLY=this", "PATH=" + os.Getenv("PATH")}, "sh", "-c", script); err != nil {
				t.Fatal(err)
			}
			if !Wait(t.Context(), time.Minute, func() bool { return strings.Contains(read(), "\n") }) {
				t.Fatal("the daemon writes nothing")
			}
			if got := read(); got != "up this\n" {
				t.Errorf("the daemon writes %q: it must have the environment given and no other", got)
			}
			if d.Running("sh") == 0 {
				t.Fatal("the daemon does not run")
			}
			if err := d.Stop(t.Context(), "sh", tt.grace); err != nil {
				t.Fatal(err)
			}
			if pid := d.Running("sh"); pid != 0 {
				t.Errorf("process %d runs after Stop", pid)
			}
			if err := d.Stop(t.Context(), "sh", tt.grace); err != nil {
				t.Errorf("stopping what has ended: %v", err)
			}
		})
	}
}
