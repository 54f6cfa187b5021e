// SPDX-License-Identifier: Apache-2.0

package prometheus

import "github.com/vedette-dev/vedette/api/v1alpha1"

// Server is a Prometheus, or what answers like one, and how it is asked. It can be compared: equal ones are the same.
type Server struct {
	// URL is its address.
	URL string
	// Secret names the Secret with the credentials, in the manager's namespace; without one, it is asked without.
	Secret string
	// TenantHeader is a header of every question, and Tenant its value; there is none where it is empty.
	TenantHeader, Tenant string
}

// ServerOf is the Prometheus of a class, without a URL where it names none.
func ServerOf(class *v1alpha1.MonitorClass) Server {
	spec := class.Spec.Prometheus
	return Server{
		URL: spec.URL, Secret: string(spec.Credentials.SecretName),
		TenantHeader: string(spec.Tenant.Header), Tenant: spec.Tenant.Value,
	}
}
