// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/controllers/annotationqueue"
	"github.com/vedette-dev/vedette/controllers/modelmonitor"
	"github.com/vedette-dev/vedette/controllers/monitorclass"
	"github.com/vedette-dev/vedette/controllers/shadowrollout"
	"github.com/vedette-dev/vedette/internal/advice"
	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/auditlog"
	"github.com/vedette-dev/vedette/internal/metrics"
	"github.com/vedette-dev/vedette/internal/prometheus"
	"github.com/vedette-dev/vedette/internal/webhook"
)

// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=create;get;list;watch;update;patch,namespace=vedette-system,roleName=vedette-leader-election
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch,namespace=vedette-system,roleName=vedette-leader-election
// +kubebuilder:rbac:groups="",resources=secrets,resourceNames=vedette-prometheus,verbs=get,namespace=vedette-system,roleName=vedette-prometheus
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create,roleName=vedette-metrics-auth
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create,roleName=vedette-metrics-auth

// run starts the manager that o describes, and returns when ctx ends or the manager fails.
func run(ctx context.Context, o options, logger logr.Logger) error {
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	mgr, err := newManager(cfg, o, logger)
	if err != nil {
		return err
	}
	if err := addWebhook(mgr, o, logger); err != nil {
		return err
	}
	if err := addControllers(ctx, mgr, o); err != nil {
		return err
	}
	if err := addVerdicts(ctx, mgr, o); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func newManager(cfg *rest.Config, o options, logger logr.Logger) (manager.Manager, error) {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(vedettev1alpha1.AddToScheme(scheme))

	mgr, err := ctrl.NewManager(cfg, manager.Options{
		Scheme: scheme,
		Logger: logger,
		Cache:  cacheOptions(o.namespaces),
		Client: clientOptions(),
		Metrics: metricsserver.Options{
			BindAddress:    o.metricsAddress,
			SecureServing:  true,
			FilterProvider: filters.WithAuthenticationAndAuthorization,
		},
		WebhookServer:                 ctrlwebhook.NewServer(ctrlwebhook.Options{Port: o.webhookPort, CertDir: o.certDir}),
		HealthProbeBindAddress:        o.healthAddress,
		LeaderElection:                o.leaderElection,
		LeaderElectionID:              "vedette-manager",
		LeaderElectionNamespace:       o.namespace,
		LeaderElectionReleaseOnCancel: true, // run returns right after the manager has stopped
	})
	if err != nil {
		return nil, fmt.Errorf("making the manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	return mgr, nil
}

// addWebhook adds injection, unless it is turned off.
func addWebhook(mgr manager.Manager, o options, logger logr.Logger) error {
	if o.injection == injectionDisabled {
		return mgr.AddReadyzCheck("ping", healthz.Ping)
	}
	d, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("asking for the cluster's version: %w", err)
	}
	native, version, err := webhook.NativeSidecars(d)
	if err != nil {
		return err
	}
	if !native {
		logger.Info("nothing is injected: the cluster has no native sidecars, which need Kubernetes 1.33", "version", version)
	}
	certificates, err := certificates(mgr, o)
	if err != nil {
		return err
	}
	return webhook.SetUp(mgr, webhook.Options{Image: o.captureImage, NativeSidecars: native, Certificates: certificates})
}

// addControllers adds what the leader runs.
func addControllers(ctx context.Context, mgr manager.Manager, o options) error {
	log := &auditlog.Recorder{Sinks: &audit.Sinks{Credentials: o.auditCredentials}}
	asker := prometheus.NewClient(mgr.GetAPIReader(), o.namespace, time.Now)
	if err := monitorclass.SetupWithManager(mgr, monitorclass.Options{Audit: log, Prometheus: asker, Now: time.Now}); err != nil {
		return fmt.Errorf("adding the controller of MonitorClasses: %w", err)
	}
	if err := modelmonitor.SetupWithManager(mgr, modelmonitor.Options{
		Images: modelmonitor.Images{Capture: o.captureImage, Analyze: o.analyzeImage},
		Audit:  log, Prometheus: asker, Namespace: o.namespace,
		Now: time.Now,
	}); err != nil {
		return fmt.Errorf("adding the controller of ModelMonitors: %w", err)
	}
	if err := annotationqueue.SetupWithManager(ctx, mgr, annotationqueue.Options{Image: o.reviewImage, Now: time.Now}); err != nil {
		return fmt.Errorf("adding the controller of AnnotationQueues: %w", err)
	}
	if err := shadowrollout.SetupWithManager(ctx, mgr, shadowrollout.Options{Audit: log, Prometheus: asker, Now: time.Now}); err != nil {
		return fmt.Errorf("adding the controller of ShadowRollouts: %w", err)
	}
	return mgr.Add(&metrics.Collector{Reader: mgr.GetClient(), Sinks: log.Sinks, Registry: ctrlmetrics.Registry})
}

// addVerdicts adds what tells others the verdicts on candidates, unless it is turned off.
func addVerdicts(ctx context.Context, mgr manager.Manager, o options) error {
	if o.verdictAddress == "0" {
		return nil
	}
	return advice.SetUp(ctx, mgr, o.verdictAddress, o.namespaces)
}

// certificates tells when the webhook has its certificate: at once where it is mounted before the manager starts.
func certificates(mgr manager.Manager, o options) (<-chan struct{}, error) {
	if o.certProvider == certProviderSelf {
		return webhook.SelfManagedCertificates(mgr, o.namespace, o.certDir)
	}
	ready := make(chan struct{})
	close(ready)
	return ready, nil
}
