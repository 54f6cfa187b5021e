// SPDX-License-Identifier: Apache-2.0

package monitorclass

import (
	"context"
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/conditions"
	"github.com/vedette-dev/vedette/internal/prometheus"
)

// Prometheus finds out whether a server can be asked.
type Prometheus interface {
	Check(ctx context.Context, server prometheus.Server) error
}

// metrics reports whether the Prometheus of the class, where it names one, can be asked.
func (r *Reconciler) metrics(ctx context.Context, class *v1alpha1.MonitorClass, set conditions.Writer) {
	var err error
	if server := prometheus.ServerOf(class); server.URL != "" {
		err = r.Prometheus.Check(ctx, server)
	}
	if err == nil {
		set.Remove(v1alpha1.ConditionMetricsUnavailable)
		return
	}
	// As with the audit log: the words stay the same, and those of the error are in the log.
	log.FromContext(ctx).Error(err, "Prometheus cannot be asked")
	reason, message := unavailable(err)
	set.True(v1alpha1.ConditionMetricsUnavailable, reason, message+". Verdicts stand meanwhile, and nothing is promoted or rejected")
}

// unavailable is why a Prometheus cannot be asked, and what to do.
func unavailable(err error) (reason, message string) {
	var secret *prometheus.SecretError
	switch {
	case errors.As(err, &secret):
		return v1alpha1.ReasonPrometheusSecretUnusable, secret.Error()
	case errors.Is(err, prometheus.ErrRefused):
		return v1alpha1.ReasonPrometheusRefused,
			"Prometheus refuses the manager: look at spec.prometheus.credentials, at what is in its Secret, and at spec.prometheus.tenant"
	case errors.Is(err, prometheus.ErrUntrusted):
		return v1alpha1.ReasonPrometheusUntrusted,
			"the certificate of Prometheus is not trusted: put the authority that signed it into the item ca.crt of the Secret of spec.prometheus.credentials, and name in spec.prometheus.url a host that it is for"
	}
	return v1alpha1.ReasonPrometheusUnreachable, "Prometheus does not answer: look at spec.prometheus.url and at the manager's log"
}
