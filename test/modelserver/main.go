// SPDX-License-Identifier: Apache-2.0

// Command modelserver serves the demo's model over HTTP/1.1 and HTTP/2 without TLS. On SIGTERM it finishes the
// requests that it has and exits with 0.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/vedette-dev/vedette/test/modelserver/model"
	"github.com/vedette-dev/vedette/test/modelserver/server"
)

// drainTimeout is below the 30 seconds that Kubernetes grants a pod.
const drainTimeout = 25 * time.Second

func main() {
	listen := flag.String("listen", ":8080", "the address to serve on")
	name := flag.String("model-name", "flights", "the model's name in URLs")
	var faults server.Faults
	flag.DurationVar(&faults.Delay, "delay", 0, "time to add to every inference")
	flag.Int64Var(&faults.Fail, "fail", 0, "fail one inference in so many; 0 never")
	flag.StringVar(&faults.Wrong, "wrong", "", "predict the opposite for flights from this origin")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, *listen, *name, faults); err != nil {
		fmt.Fprintln(os.Stderr, "modelserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen, name string, faults server.Faults) error {
	m, err := model.Load()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	fmt.Printf("serving model %s, version %s, on %s\n", name, m.Version, l.Addr())
	return serve(ctx, l, server.New(server.Config{Model: m, Name: name, Faults: faults}))
}

// serve serves on l until ctx ends, and then until the requests under way have ended.
func serve(ctx context.Context, l net.Listener, handler http.Handler) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s := &http.Server{Handler: handler, Protocols: protocols, ReadHeaderTimeout: 10 * time.Second}

	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := s.Shutdown(drain); err != nil {
		return fmt.Errorf("draining: %w", errors.Join(err, s.Close()))
	}
	return nil
}
