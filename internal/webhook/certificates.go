// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"fmt"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=mutatingwebhookconfigurations,verbs=get;list;watch,roleName=vedette-certificates
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=mutatingwebhookconfigurations,resourceNames=vedette-injection,verbs=update,roleName=vedette-certificates
// +kubebuilder:rbac:groups="",resources=secrets,verbs=list;watch,namespace=vedette-system,roleName=vedette-certificates
// +kubebuilder:rbac:groups="",resources=secrets,resourceNames=vedette-webhook-certificate,verbs=get;update,namespace=vedette-system,roleName=vedette-certificates

// The names of the manager's own objects that certificates are made of.
const (
	// ServiceName is the Service through which the API server calls the webhook.
	ServiceName = "vedette-webhook"
	// CertificateSecret is the Secret that holds the authority and the serving certificate.
	CertificateSecret = "vedette-webhook-certificate"
)

// SelfManagedCertificates makes the manager issue and rotate the serving certificate, kept in a Secret of its own
// namespace that is mounted at dir, and put the authority into the webhook's configuration. All replicas take part: the
// API server lets one of them win. The channel is closed once the mounted files exist.
func SelfManagedCertificates(mgr manager.Manager, namespace, dir string) (<-chan struct{}, error) {
	ready := make(chan struct{})
	err := rotator.AddRotator(mgr, &rotator.CertRotator{
		SecretKey:      types.NamespacedName{Namespace: namespace, Name: CertificateSecret},
		CertDir:        dir,
		CAName:         "vedette-webhook-ca",
		CAOrganization: "vedette",
		DNSName:        fmt.Sprintf("%s.%s.svc", ServiceName, namespace),
		FieldOwner:     "vedette-certificates",
		Webhooks:       []rotator.WebhookInfo{{Name: ConfigurationName, Type: rotator.Mutating}},
		IsReady:        ready,
	})
	if err != nil {
		return nil, fmt.Errorf("managing the webhook's certificate: %w", err)
	}
	return ready, nil
}
