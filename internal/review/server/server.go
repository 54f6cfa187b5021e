// SPDX-License-Identifier: Apache-2.0

// Package server owns the program of an annotation queue as a whole: it wires database, sign-in, page and interface
// together, serves metrics and health, and keeps what runs beside them going. It imports no Kubernetes package.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/vedette-dev/vedette/internal/review/api"
	"github.com/vedette-dev/vedette/internal/review/auth"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/review/desk"
	"github.com/vedette-dev/vedette/internal/review/page"
)

// Options configure the program.
type Options struct {
	// Listen and Metrics are the addresses to serve the page and the interface on, and metrics, health and readiness.
	Listen, Metrics string
	// Config is the file with the document of the queue, Credentials the directory with those of the store.
	Config, Credentials string
	// Database is the address of the database, DatabaseFile a file that holds it instead.
	Database, DatabaseFile string
	// HashKey, Users, Tokens, ClientSecret and ClientIssuer are files; none where empty.
	HashKey, Users, Tokens, ClientSecret, ClientIssuer string
	// DrainTimeout bounds the end.
	DrainTimeout time.Duration
	Clock        func() time.Time
	Log          *slog.Logger

	// started, if set, is told the addresses that were given by the system. For tests.
	started func(listen, metrics string)
}

// Times of a connection: nobody keeps one that does nothing, or dawdles with a request.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 60 * time.Second
	writeTimeout  = 5 * time.Minute // an export
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
)

// Run serves until ctx ends, and then lets what was begun finish.
func Run(ctx context.Context, o Options) error {
	s, err := open(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(s.run(ctx), s.close())
}

type server struct {
	Options
	db      *db.DB
	desk    *desk.Desk
	config  *config
	metrics *metrics
	pages   http.Handler
	ready   atomic.Bool
}

func open(ctx context.Context, o Options) (*server, error) {
	document, err := readDocument(o.Config)
	if err != nil {
		return nil, err
	}
	address, err := o.database()
	if err != nil {
		return nil, err
	}
	database, err := db.Open(ctx, address, o.Clock)
	if err != nil {
		return nil, err
	}
	s := &server{Options: o, db: database, desk: desk.New(database, o.Clock)}
	s.metrics = newMetrics(document.Queue, database, o.Log)
	s.config = newConfig(o, database, s.desk)
	if err := s.config.apply(ctx, document); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if s.pages, err = s.handler(document); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *server) close() error { return errors.Join(s.config.close(), s.db.Close()) }

func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// observe serves metrics and health. The program is ready while its database answers.
func (s *server) observe() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn)}))
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := s.db.Ping(ctx); err != nil || !s.ready.Load() {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	})
	return mux
}

func (s *server) run(ctx context.Context) error {
	var listen net.ListenConfig
	pages, err := listen.Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("listening for people: %w", err)
	}
	metrics, err := listen.Listen(ctx, "tcp", s.Metrics)
	if err != nil {
		return errors.Join(fmt.Errorf("listening for metrics: %w", err), pages.Close())
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var workers, servers sync.WaitGroup
	for _, l := range s.loops() {
		workers.Go(func() { s.repeat(working, l) })
	}
	pagesServer, metricsServer := newServer(s.pages, s.Log), newServer(s.observe(), s.Log)
	failed := make(chan error, 2)
	serve := func(server *http.Server, l net.Listener) {
		servers.Go(func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	serve(pagesServer, pages)
	serve(metricsServer, metrics)
	s.ready.Store(true)
	s.Log.Info("serving", "queue", s.desk.Document().Queue, "listen", pages.Addr().String())
	if s.started != nil {
		s.started(pages.Addr().String(), metrics.Addr().String())
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.ready.Store(false)
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.DrainTimeout)
	defer cancel()
	if pagesServer.Shutdown(draining) != nil {
		_ = pagesServer.Close() // it closes all connections, whatever it says
	}
	stop()
	workers.Wait()
	_ = metricsServer.Close()
	servers.Wait()
	return err
}

// handler is what people and programs reach.
func (s *server) handler(document document) (http.Handler, error) {
	a, err := auth.New(s.authOptions(document))
	if err != nil {
		return nil, err
	}
	pages, err := page.New(page.Options{Desk: s.desk, Auth: a, Clock: s.Clock, Log: s.Log})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	pages.Register(mux)
	api.New(api.Options{Desk: s.desk, Auth: a, HashKey: s.hashKey, Clock: s.Clock, Log: s.Log}).Register(mux)
	return auth.Headers(mux), nil
}
