// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// nativeSidecars is the version in which init containers that keep running became part of every cluster.
var nativeSidecars = version.MajorMinor(1, 33)

// NativeSidecars says whether the cluster has native sidecars, and which version it is.
func NativeSidecars(d discovery.ServerVersionInterface) (bool, string, error) {
	info, err := d.ServerVersion()
	if err != nil {
		return false, "", fmt.Errorf("asking for the cluster's version: %w", err)
	}
	v, err := version.ParseGeneric(info.GitVersion)
	if err != nil {
		return false, "", fmt.Errorf("reading the cluster's version: %w", err)
	}
	return v.AtLeast(nativeSidecars), info.GitVersion, nil
}

// Options say how the webhook is served.
type Options struct {
	// Image is the sidecar's image where the class names none.
	Image string
	// NativeSidecars says whether the cluster has them.
	NativeSidecars bool
	// Certificates is closed once the files of the serving certificate exist.
	Certificates <-chan struct{}
}

// SetUp adds the webhook to a manager, on every replica, and its part of readiness: a replica is ready once it has a
// certificate and its server answers.
func SetUp(mgr manager.Manager, o Options) error {
	counter := NewCounter()
	if err := metrics.Registry.Register(counter); err != nil {
		return fmt.Errorf("registering the injection counter: %w", err)
	}
	s := &server{mgr: mgr, certificates: o.Certificates, started: make(chan struct{}), handler: &Injector{
		Reader:         mgr.GetAPIReader(),
		Decoder:        admission.NewDecoder(mgr.GetScheme()),
		Recorder:       mgr.GetEventRecorder("vedette-injector"),
		Injections:     counter,
		Image:          o.Image,
		NativeSidecars: o.NativeSidecars,
	}}
	if err := mgr.AddReadyzCheck("webhook", s.ready); err != nil {
		return err
	}
	return mgr.Add(s)
}

// server starts the manager's webhook server once there is a certificate, which that server needs from its start on.
type server struct {
	mgr          manager.Manager
	handler      admission.Handler
	certificates <-chan struct{}
	started      chan struct{}
}

// NeedLeaderElection is false: every replica serves.
func (*server) NeedLeaderElection() bool { return false }

// Start waits for the certificate, and hands the handler to the webhook server.
func (s *server) Start(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.certificates:
	}
	s.mgr.GetWebhookServer().Register(Path, &webhook.Admission{Handler: s.handler})
	close(s.started)
	<-ctx.Done()
	return nil
}

func (s *server) ready(req *http.Request) error {
	select {
	case <-s.started:
		return s.mgr.GetWebhookServer().StartedChecker()(req)
	default:
		return errors.New("waiting for the serving certificate")
	}
}
