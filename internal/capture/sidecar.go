// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vedette-dev/vedette/internal/capture/mirror"
	"github.com/vedette-dev/vedette/internal/capture/pipeline"
	"github.com/vedette-dev/vedette/internal/capture/proxy"
	"github.com/vedette-dev/vedette/internal/capture/reload"
	"github.com/vedette-dev/vedette/internal/capture/spool"
	"github.com/vedette-dev/vedette/internal/capture/telemetry"
)

// Options configure a sidecar.
type Options struct {
	// Listen, Upstream and Metrics are the addresses to take the model's traffic on, of the model server, and to serve
	// metrics and readiness on.
	Listen, Upstream, Metrics string
	// Files are the mounted files; all may be missing. Credentials is the directory of the store's credentials.
	Files       reload.Files
	Credentials string
	// SpoolDir holds the files that wait for upload, SpoolBytes bounds them.
	SpoolDir   string
	SpoolBytes int64
	// Namespace and Monitor say which configuration to accept; any where empty.
	Namespace, Monitor string
	// Pod and PodUID name the pod on rows and files.
	Pod, PodUID string
	// Images are the image references of the pod's containers by name.
	Images map[string]string
	// DrainTimeout bounds the end.
	DrainTimeout time.Duration
	Clock        func() time.Time
	Log          *slog.Logger

	// started, if set, is told the addresses that were given by the system. For tests.
	started func(listen, metrics string)
	// reloadEvery is how often to look for changed files; the default if zero. For tests.
	reloadEvery time.Duration
}

const (
	// bufferBytes bounds the bodies between request and worker, bufferItems their number.
	bufferBytes = 16 << 20
	bufferItems = 16 << 10

	tickInterval   = time.Second
	reloadInterval = 2 * time.Second
)

// Run serves until ctx ends, and then drains.
func Run(ctx context.Context, o Options) error {
	s, err := newSidecar(ctx, o)
	if err != nil {
		return err
	}
	return s.run(ctx)
}

type sidecar struct {
	Options
	listener, metricsListener net.Listener
	server, metricsServer     *http.Server
	proxy                     *proxy.Proxy
	pipeline                  *pipeline.Pipeline
	mirror                    *mirror.Mirror
	uploader                  *spool.Uploader
	reloader                  *reloader
	forwarding                atomic.Bool
}

func newSidecar(ctx context.Context, o Options) (*sidecar, error) {
	s := &sidecar{Options: o}
	var listen net.ListenConfig
	var err error
	if s.listener, err = listen.Listen(ctx, "tcp", o.Listen); err != nil {
		return nil, fmt.Errorf("listening for the model's traffic: %w", err)
	}
	if s.metricsListener, err = listen.Listen(ctx, "tcp", o.Metrics); err != nil {
		return nil, errors.Join(fmt.Errorf("listening for metrics and readiness: %w", err), s.listener.Close())
	}
	var files *spool.Spool
	metrics := telemetry.New(modelOf(o), telemetry.Gauges{
		InFlight:   func() float64 { return float64(s.proxy.InFlight()) },
		SpoolBytes: func() float64 { return float64(files.Bytes()) },
	})
	files = spool.Open(spool.Options{
		Dir:      o.SpoolDir,
		Limit:    o.SpoolBytes,
		Tiers:    []string{telemetry.TierRecords, telemetry.TierPairs, telemetry.TierPredictions, telemetry.TierProfiles},
		Observer: metrics,
		Log:      o.Log,
	})
	s.uploader = spool.NewUploader(files)
	start := o.Clock()
	s.mirror = mirror.New(mirror.Options{Metrics: metrics, Upstream: o.Upstream, Clock: o.Clock, Log: o.Log})
	s.pipeline = pipeline.New(pipeline.Options{
		Metrics: metrics, Budget: proxy.NewBudget(bufferBytes), QueueItems: bufferItems, Spool: files, Mirror: s.mirror,
		Pod: o.Pod, PodUID: o.PodUID, Start: start, Clock: o.Clock, Log: o.Log,
	})
	s.proxy = proxy.New(proxy.Options{Upstream: o.Upstream, Recorder: s.pipeline, Clock: o.Clock, Log: o.Log})
	s.reloader = &reloader{
		watcher: reload.NewWatcher(o.Files), images: o.Images, credentials: o.Credentials,
		identity: identity{namespace: o.Namespace, monitor: o.Monitor},
		metrics:  metrics, pipeline: s.pipeline, mirror: s.mirror, uploader: s.uploader, log: o.Log,
	}
	s.server, s.metricsServer = newServer(s.proxy, o.Log), newServer(s.observe(metrics), o.Log)
	return s, nil
}

// modelOf names the model in metrics: as the arguments do or, outside a cluster, as the configuration does.
func modelOf(o Options) string {
	if o.Monitor != "" {
		return o.Monitor
	}
	if s, _, err := reload.NewWatcher(o.Files).Read(); err == nil && s.Config != nil {
		return s.Config.Monitor
	}
	return "unknown"
}

// newServer makes a server for HTTP/1.1 and for HTTP/2 without TLS. It sets no limits of time: how long a connection may
// be idle and a request may take is between client and model server.
func newServer(h http.Handler, log *slog.Logger) *http.Server {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler: h, Protocols: &p, DisableGeneralOptionsHandler: true, // OPTIONS * is the model server's to answer, too
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// observe serves metrics and readiness, and is told when the pod begins to end. The sidecar is ready when it can forward; whether there is anything to forward
// to is not its to say: it starts before the model server.
func (s *sidecar) observe(m *telemetry.Metrics) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /ending", func(http.ResponseWriter, *http.Request) { s.proxy.Ending() })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !s.forwarding.Load() {
			http.Error(w, "not forwarding", http.StatusServiceUnavailable)
		}
	})
	return mux
}

func (s *sidecar) run(ctx context.Context) error {
	background := context.WithoutCancel(ctx)
	working, stop := context.WithCancel(background)
	defer stop()
	var workers, servers sync.WaitGroup
	s.reloader.reload(working)
	workers.Go(func() { s.work(working) })
	workers.Go(func() { s.uploader.Run(working) })
	workers.Go(func() { s.watch(working) })

	failed := make(chan error, 2)
	serve := func(server *http.Server, l net.Listener) {
		servers.Go(func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	serve(s.server, s.listener)
	serve(s.metricsServer, s.metricsListener)
	s.forwarding.Store(true)
	s.Log.Info("forwarding", "listen", s.listener.Addr().String(), "upstream", s.Upstream)
	if s.started != nil {
		s.started(s.listener.Addr().String(), s.metricsListener.Addr().String())
	}

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	draining, cancel := context.WithTimeout(background, s.DrainTimeout)
	defer cancel()
	s.quiet(draining)
	s.forwarding.Store(false)
	// Connections that outlive this belong to clients that will not let go.
	closing, cancelClosing := context.WithTimeout(draining, s.DrainTimeout/4)
	defer cancelClosing()
	if s.server.Shutdown(closing) != nil {
		_ = s.server.Close() // it closes all connections, whatever it says
	}
	// The answers of shadows are worth a part of the time, and no more.
	mirroring, cancelMirroring := context.WithTimeout(draining, s.DrainTimeout/8)
	defer cancelMirroring()
	s.mirror.Drain(mirroring)
	stop()
	workers.Wait()
	if left := s.uploader.Drain(draining); left != nil {
		s.Log.Warn("ending with files in the spool", "error", left)
	}
	_ = s.metricsServer.Close() // a scrape that is cut is a scrape that failed
	servers.Wait()
	s.proxy.Close()
	return errors.Join(err, s.reloader.close())
}

// work runs the pipeline with its clock.
func (s *sidecar) work(ctx context.Context) {
	t := time.NewTicker(tickInterval)
	defer t.Stop()
	s.pipeline.Run(ctx, t.C)
}

// watch looks for changed files, and for the baseline.
func (s *sidecar) watch(ctx context.Context) {
	t := time.NewTicker(cmp.Or(s.reloadEvery, reloadInterval))
	defer t.Stop()
	for {
		s.reloader.refresh(ctx, s.Clock())
		s.reloader.metrics.ExpirePairs(s.Clock())
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.reloader.reload(ctx)
		}
	}
}

const (
	quietStep  = 100 * time.Millisecond
	quietSteps = 5
)

// quiet waits until no request was served for a moment, or half of the time to drain is over.
func (s *sidecar) quiet(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.DrainTimeout/2)
	defer cancel()
	t := time.NewTicker(quietStep)
	defer t.Stop()
	served := s.proxy.Served()
	for still := 0; still < quietSteps; {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		still++
		if n := s.proxy.Served(); n != served || s.proxy.InFlight() > 0 {
			served, still = n, 0
		}
	}
}
