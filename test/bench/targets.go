// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vedette-dev/vedette/internal/capture"
	"github.com/vedette-dev/vedette/internal/capture/reload"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/wire"
)

// A process of the bench is this program again, with its role and directory in the environment.
const (
	roleVariable = "VEDETTE_BENCH_ROLE"
	dirVariable  = "VEDETTE_BENCH_DIR"
	upstream     = "VEDETTE_BENCH_UPSTREAM"

	roleBackend = "backend"
	roleHung    = "hung"
	rolePlain   = "plain"
	roleSidecar = "sidecar"
)

// target is something that answers inference calls.
type target struct {
	name, address string
	// metrics is the address of a sidecar's metrics.
	metrics string
	// process is nil for the backend itself.
	process *process
}

func (t *target) cpu() (time.Duration, error) {
	if t.process == nil {
		return 0, nil
	}
	return t.process.cpu()
}

// startTargets starts all processes; end stops them and removes what they wrote.
func startTargets(ctx context.Context) (targets []*target, end func(), err error) {
	dir, err := os.MkdirTemp("", "vedette-bench-")
	if err != nil {
		return nil, nil, err
	}
	var processes []*process
	end = func() {
		for _, p := range processes {
			p.stop()
		}
		_ = os.RemoveAll(dir) // It is below the system's directory of temporary files.
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	launch := func(role, dir, upstream string) (*process, error) {
		p, err := start(ctx, role, dir, upstream)
		if err == nil {
			processes = append(processes, p)
		}
		return p, err
	}
	backend, err := launch(roleBackend, "", "")
	if err != nil {
		return nil, nil, err
	}
	plain, err := launch(rolePlain, "", backend.address)
	if err != nil {
		return nil, nil, err
	}
	bare, full := filepath.Join(dir, "bare"), filepath.Join(dir, "full")
	if err := configure(full); err != nil {
		return nil, nil, err
	}
	passing, err := launch(roleSidecar, bare, backend.address)
	if err != nil {
		return nil, nil, err
	}
	capturing, err := launch(roleSidecar, full, backend.address)
	if err != nil {
		return nil, nil, err
	}
	// Another of the same kind shows what is chance.
	twin := filepath.Join(dir, "twin")
	if err := configure(twin); err != nil {
		return nil, nil, err
	}
	again, err := launch(roleSidecar, twin, backend.address)
	if err != nil {
		return nil, nil, err
	}
	// The shadow of the first is the backend itself, which so has twice the work; that of the second is not there, and that of the third
	// never answers.
	hung, err := launch(roleHung, "", "")
	if err != nil {
		return nil, nil, err
	}
	dead, err := free()
	if err != nil {
		return nil, nil, err
	}
	var mirroring [3]*process
	for i, shadow := range []string{backend.address, dead, hung.address} {
		dir := filepath.Join(dir, fmt.Sprint("mirroring-", i))
		if err := errors.Join(configure(dir), mirrorTo(dir, shadow)); err != nil {
			return nil, nil, err
		}
		if mirroring[i], err = launch(roleSidecar, dir, backend.address); err != nil {
			return nil, nil, err
		}
	}
	return []*target{
		{name: "direct", address: backend.address},
		{name: "plain httputil.ReverseProxy", address: plain.address, process: plain},
		{name: "sidecar, no configuration", address: passing.address, metrics: passing.metrics, process: passing},
		{name: "sidecar, capturing all", address: capturing.address, metrics: capturing.metrics, process: capturing},
		{name: "sidecar, capturing all, a twin", address: again.address, metrics: again.metrics, process: again},
		{name: "sidecar, mirroring all", address: mirroring[0].address, metrics: mirroring[0].metrics, process: mirroring[0]},
		{name: "sidecar, mirroring to a dead shadow", address: mirroring[1].address, metrics: mirroring[1].metrics, process: mirroring[1]},
		{name: "sidecar, mirroring to a hung shadow", address: mirroring[2].address, metrics: mirroring[2].metrics, process: mirroring[2]},
	}, end, nil
}

// configure writes a configuration with ten features, two segments, all predictions and a tenth of the features.
func configure(dir string) error {
	numeric := []string{"amount", "age", "hour", "velocity_1h", "velocity_24h", "distance_km"}
	categorical := []string{"country", "merchant", "weekday", "channel"}
	c := wire.Config{
		Cluster: "bench", Namespace: "bench", Monitor: "fraud", Mode: wire.ModeEnforce,
		Store:    wire.Store{URL: "file://" + filepath.Join(dir, "store")},
		Capture:  wire.Capture{Protocol: wire.ProtocolAuto, Keep: wire.Keep{Predictions: 1, Features: 0.1}, BodyLimitBytes: 256 << 10, FlushSeconds: 10},
		Schema:   wire.Schema{Prediction: wire.Prediction{Kind: wire.BinaryClassification, Score: "response.score", Classes: []string{"ok", "fraud"}}},
		Segments: []wire.Segment{{Name: "web", When: "f.channel == 'web'"}, {Name: "large", When: "f.amount > 1000.0"}},
	}
	for _, name := range numeric {
		c.Schema.Features = append(c.Schema.Features, wire.Feature{Name: name, Type: wire.Numeric})
	}
	for _, name := range categorical {
		c.Schema.Features = append(c.Schema.Features, wire.Feature{Name: name, Type: wire.Categorical})
	}
	b, err := wire.Encode(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "store"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), b, 0o600)
}

// mirrorTo writes a document that mirrors everything to a shadow, and the labels of a pod that it is for.
func mirrorTo(dir, address string) error {
	b, err := wire.EncodeMirror(wire.Mirror{
		Namespace: "bench", Monitor: "fraud", Rollout: "fraud", Primary: "0000000001", Candidate: "0000000002", Attempt: "1", Address: address,
		Share: 1, TimeoutSeconds: 2, MaxInFlight: 64, MaxBytes: 32 << 20, ReplicaShare: 0.25,
	})
	if err != nil {
		return err
	}
	labels := fmt.Sprintf("%s=\"fraud\"\n%s=\"0000000001\"\n", naming.LabelRollout, naming.LabelRevision)
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "mirror.json"), b, 0o600),
		os.WriteFile(filepath.Join(dir, "labels"), []byte(labels), 0o600),
	)
}

// play is the main function of a process of the bench. It says on its standard output where it listens, and ends when
// its standard input does.
func play(ctx context.Context, role string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // The end is what counts.
		cancel()
	}()
	if role == roleSidecar {
		return sidecar(ctx, os.Getenv(dirVariable), os.Getenv(upstream))
	}
	h := http.Handler(http.HandlerFunc(answer))
	if role == roleHung {
		h = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // Nobody is answered.
			<-r.Context().Done()
		})
	}
	if role == rolePlain {
		u := &url.URL{Scheme: "http", Host: os.Getenv(upstream)}
		proxy := httputil.NewSingleHostReverseProxy(u)
		// With the default of 2 idle connections it would open a new one for almost every request.
		proxy.Transport = &http.Transport{MaxIdleConnsPerHost: 1024}
		h = proxy
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr(), l.Addr())
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = s.Close() }) // The process ends anyway.
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func answer(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // The answer is the same for all.
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, responseBody) // The client checks.
}

func sidecar(ctx context.Context, dir, upstream string) error {
	addresses := make([]string, 2)
	for i := range addresses {
		var err error
		if addresses[i], err = free(); err != nil {
			return err
		}
	}
	fmt.Println(addresses[0], addresses[1])
	return capture.Run(ctx, capture.Options{
		Listen: addresses[0], Metrics: addresses[1], Upstream: upstream,
		Files:    reload.Files{Config: filepath.Join(dir, "config.json"), Mirror: filepath.Join(dir, "mirror.json"), Pod: dir},
		SpoolDir: filepath.Join(dir, "spool"), SpoolBytes: 400 << 20,
		Pod: "bench", PodUID: "bench", DrainTimeout: time.Second,
		Clock: time.Now, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}

// free is an address at which nobody listens.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// process is a running process of the bench.
type process struct {
	command          *exec.Cmd
	input            io.Closer
	address, metrics string
}

func start(ctx context.Context, role, dir, to string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.CommandContext(ctx, self)}
	p.command.Env = append(os.Environ(), roleVariable+"="+role, dirVariable+"="+dir, upstream+"="+to, "GOMAXPROCS=2", "GOMEMLIMIT=230MiB")
	p.command.Stderr = os.Stderr
	if p.input, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("starting the %s: %w", role, err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the %s did not say where it listens: %w", role, err)
	}
	p.address, p.metrics, _ = strings.Cut(strings.TrimSpace(line), " ")
	return p, p.await()
}

// await returns when the process accepts connections.
func (p *process) await() error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for {
		conn, err := net.Dial("tcp", p.address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-deadline:
			return err
		}
	}
}

func (p *process) stop() {
	_ = p.input.Close()  // It has ended already if this fails.
	_ = p.command.Wait() // What it had to say is on the standard error output.
}

// cpu is the processor time that the process has used.
func (p *process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name of the program, in parentheses, may hold spaces.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] { // utime and stime, see proc(5)
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / clockTicks, nil
}

// clockTicks is USER_HZ, which is 100 on all architectures that Go supports on Linux.
const clockTicks = 100

// peakRSS is the most memory that the process has had, in KiB.
func (p *process) peakRSS() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, syscall.ENOENT
}
