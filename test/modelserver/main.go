// SPDX-License-Identifier: Apache-2.0

// Command modelserver serves the demo's model, or one of the store, over HTTP/1.1 and HTTP/2 without TLS. On SIGTERM it finishes
// the requests that it has and exits with 0.
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
	"strings"
	"syscall"
	"time"

	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/test/modelserver/model"
	"github.com/vedette-dev/vedette/test/modelserver/server"
)

const (
	// drainTimeout is below the 30 seconds that Kubernetes grants a pod.
	drainTimeout = 25 * time.Second
	// loadTimeout bounds the reading of a model from the store, and maxModel its size.
	loadTimeout = time.Minute
	maxModel    = 16 << 20
)

func main() {
	listen := flag.String("listen", ":8080", "the address to serve on")
	name := flag.String("model-name", "flights", "the model's name in URLs")
	var from source
	flag.StringVar(&from.model, "model", "", "the `address` of a model in the store; that of the demo when empty")
	flag.StringVar(&from.store, "store", "", "the `URL` of the store, as in the MonitorClass")
	flag.StringVar(&from.credentials, "credentials", "/etc/store", "`folder` with the store's credentials, one file a key")
	var faults server.Faults
	flag.DurationVar(&faults.Delay, "delay", 0, "time to add to every inference")
	flag.DurationVar(&faults.ServingDelay, "serving-delay", 0, "time to add to every inference that is no copy of another")
	flag.Int64Var(&faults.Fail, "fail", 0, "fail one inference in so many; 0 never")
	flag.StringVar(&faults.Wrong, "wrong", "", "predict the opposite for flights from this origin")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, *listen, *name, from, faults); err != nil {
		fmt.Fprintln(os.Stderr, "modelserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen, name string, from source, faults server.Faults) error {
	m, err := from.load(ctx)
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

// source is where the model is.
type source struct {
	// model is the address of a model in the store; empty for that of the demo.
	model string
	// store is the URL of the store, and credentials the folder with what opens it.
	store, credentials string
}

// load reads the model.
func (s source) load(ctx context.Context) (*model.Model, error) {
	if s.model == "" {
		return model.Load()
	}
	key, ok := strings.CutPrefix(s.model, store.Address(s.store, ""))
	if !ok {
		return nil, fmt.Errorf("the model %s is not in the store %s", s.model, s.store)
	}
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	bucket, err := store.Open(ctx, s.store, s.credentials)
	if err != nil {
		return nil, err
	}
	defer bucket.Close()
	document, err := bucket.Get(ctx, key, maxModel)
	if err != nil {
		return nil, fmt.Errorf("reading the model: %w", err)
	}
	return model.Parse(document)
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
