// SPDX-License-Identifier: Apache-2.0

// Command capture is the sidecar: it forwards a model server's traffic and captures what a ModelMonitor asks for. It
// runs in a user's pod, or anywhere else:
//
//	capture --listen :15280 --upstream 127.0.0.1:8080 --config config.v1.json
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/vedette-dev/vedette/internal/capture"
	"github.com/vedette-dev/vedette/internal/naming"
)

// exitUsage is the exit code for arguments that cannot be understood.
const exitUsage = 2

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	o.Clock, o.Log = time.Now, log
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := capture.Run(ctx, o); err != nil {
		log.Error("capture ended", "error", err)
		os.Exit(1)
	}
}

// images is the repeatable flag --image CONTAINER=REFERENCE.
type images map[string]string

func (i images) String() string { return "" }

func (i images) Set(s string) error {
	container, ref, ok := strings.Cut(s, "=")
	if !ok || container == "" || ref == "" {
		return errors.New("want CONTAINER=REFERENCE")
	}
	i[container] = ref
	return nil
}

func parse(args []string) (capture.Options, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	o := capture.Options{Images: map[string]string{}}
	f := flag.NewFlagSet("capture", flag.ContinueOnError)
	f.StringVar(&o.Listen, "listen", ":15280", "address to take the model's traffic on")
	f.StringVar(&o.Upstream, "upstream", "127.0.0.1:8080", "address of the model server")
	f.StringVar(&o.Metrics, "metrics", ":15290", "address to serve metrics and readiness on")
	f.StringVar(&o.Files.Config, "config", "", "configuration document; while it is missing, everything is passed through")
	// Injected pods rely on the default: a sidecar of an older release, which a class may name, must not meet a flag that it lacks.
	f.StringVar(&o.Files.Mirror, "mirror", path.Join(naming.ConfigMount, naming.MirrorDir, naming.MirrorFile), "mirror document; while it is missing, nothing is mirrored")
	f.StringVar(&o.Credentials, "credentials", "", "directory with the store's credentials, one file a key")
	f.StringVar(&o.Files.HashKey, "hash-key", "", "file with the key of keyed hashes")
	f.StringVar(&o.Files.Pod, "pod-info", "", "directory with the pod's labels and annotations")
	f.StringVar(&o.SpoolDir, "spool", os.TempDir()+"/vedette-spool", "directory for files that wait for upload")
	f.Int64Var(&o.SpoolBytes, "spool-bytes", 400<<20, "bound of the spool in bytes, well below the limit of its volume")
	f.StringVar(&o.Namespace, "namespace", "", "namespace of the monitor; any when empty")
	f.StringVar(&o.Monitor, "monitor", "", "name of the monitor; any when empty")
	f.StringVar(&o.Pod, "pod", host, "name of the pod")
	f.StringVar(&o.PodUID, "pod-uid", host, "UID of the pod")
	f.Var(images(o.Images), "image", "CONTAINER=REFERENCE of an image in the pod; repeatable")
	f.DurationVar(&o.DrainTimeout, "drain-timeout", 25*time.Second, "longest time from SIGTERM to the end")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return o, nil
}
