// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// QueueAccess says who may sign in, and where the page is reached.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:AtMostOneOf=oidc;proxyHeader
// +kubebuilder:validation:AtMostOneOf=ingress;httpRoute
// +kubebuilder:validation:XValidation:rule="has(self.url) || !(has(self.oidc) || has(self.ingress) || has(self.httpRoute))",message="url must be set when oidc, ingress or httpRoute is",fieldPath=".url"
// +kubebuilder:validation:XValidation:rule="has(self.roles) == (has(self.oidc) || has(self.proxyHeader))",message="roles must be set if and only if oidc or proxyHeader is: the Secret of local names the roles of its people",fieldPath=".roles"
// +kubebuilder:validation:XValidation:rule="!has(self.ingress) || !has(self.ingress.tlsSecretName) || (has(self.url) && self.url.startsWith('https://'))",message="url must start with https:// when ingress.tlsSecretName is set",fieldPath=".url"
type QueueAccess struct {
	// url is the address at which people reach the page, for example "https://fraud-desk.example.com". When unset, the page
	// is reached within the cluster, or by "kubectl port-forward".
	// +optional
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && (self.startsWith('http://') || self.startsWith('https://'))",message="url must be an http or https URL"
	// +kubebuilder:validation:XValidation:rule="!isURL(self) || (url(self).getEscapedPath() == '' && url(self).getQuery().size() == 0 && !self.contains('#') && !self.contains('@'))",message="url must be a scheme and a host, such as https://fraud-desk.example.com"
	URL string `json:"url,omitempty"`

	// oidc has people sign in with an OpenID Connect provider.
	// +optional
	OIDC OIDCAccess `json:"oidc,omitempty,omitzero"`

	// proxyHeader trusts a reverse proxy that has people sign in and names them in a header. Nothing but the proxy may reach
	// the pods then.
	// +optional
	ProxyHeader ProxyHeaderAccess `json:"proxyHeader,omitempty,omitzero"`

	// local has people of a Secret sign in with a name and a password. When none of oidc, proxyHeader and local is set, of the
	// Secret <queue>-users.
	// +optional
	Local LocalAccess `json:"local,omitempty,omitzero"`

	// tokens lets programs use the API. When unset, none may.
	// +optional
	Tokens TokenAccess `json:"tokens,omitempty,omitzero"`

	// roles say who, of those whom oidc or proxyHeader vouches for, may do what: of several the greatest holds, and whoever
	// has none may do nothing.
	// +optional
	// +listType=map
	// +listMapKey=role
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	Roles []RoleGrant `json:"roles,omitempty"`

	// ingress makes an Ingress for the host of url. When unset, none is made.
	// +optional
	Ingress *QueueIngress `json:"ingress,omitempty"`

	// httpRoute makes a Gateway API HTTPRoute for the host of url. When unset, none is made.
	// +optional
	HTTPRoute QueueHTTPRoute `json:"httpRoute,omitempty,omitzero"`
}

// OIDCAccess has people sign in with an OpenID Connect provider.
type OIDCAccess struct {
	// issuerURL is the provider's address, below which it serves .well-known/openid-configuration.
	// +required
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && (self.startsWith('http://') || self.startsWith('https://'))",message="issuerURL must be an http or https URL"
	IssuerURL string `json:"issuerURL,omitempty"`

	// clientID is the identifier of the page with the provider.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	ClientID string `json:"clientID,omitempty"`

	// secretName names the Secret whose item "oidc-client-secret" is the client's secret, which the provider is sent. Its item
	// "oidc-issuer" must be the same as issuerURL: whoever wrote the Secret decides which provider is sent it. When unset, the
	// client has none.
	// +optional
	SecretName ObjectName `json:"secretName,omitempty"`

	// groupsClaim is the claim that lists a person's groups. Defaults to "groups".
	// +optional
	// +default="groups"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	GroupsClaim string `json:"groupsClaim,omitempty"`
}

// HeaderName is the name of an HTTP header.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=64
// +kubebuilder:validation:Pattern=`^[A-Za-z][A-Za-z0-9-]*$`
type HeaderName string

// ProxyHeaderAccess trusts a reverse proxy.
type ProxyHeaderAccess struct {
	// user is the header that names the person, for example "X-Forwarded-User".
	// +required
	User HeaderName `json:"user,omitempty"`

	// groups is the header that lists the person's groups, with commas between them. When unset, people have none.
	// +optional
	Groups HeaderName `json:"groups,omitempty"`

	// from are the pods of the proxy. The NetworkPolicy of the queue lets nobody else in: without a network that enforces it,
	// whoever reaches a pod may be whoever they say.
	// +required
	From PodSource `json:"from,omitempty,omitzero"`
}

// LocalAccess has people of a Secret sign in with a name and a password.
type LocalAccess struct {
	// secretName names the Secret whose item "users" lists them, one line each, as name:password:role; the password is hashed
	// with bcrypt, as "htpasswd -nB" does.
	// +required
	SecretName ObjectName `json:"secretName,omitempty"`
}

// TokenAccess lets programs use the API.
type TokenAccess struct {
	// secretName names the Secret whose item "tokens" lists them, one line each, as name:digest:role; the digest is the SHA-256
	// of the token, in hex.
	// +required
	SecretName ObjectName `json:"secretName,omitempty"`
}

// QueueRole is what a person may do.
//
// +kubebuilder:validation:Enum=Annotator;Reviewer;Admin
type QueueRole string

const (
	// QueueRoleAnnotator answers.
	QueueRoleAnnotator QueueRole = "Annotator"
	// QueueRoleReviewer also adjudicates conflicts, and sees what others answered.
	QueueRoleReviewer QueueRole = "Reviewer"
	// QueueRoleAdmin also imports, exports and manages.
	QueueRoleAdmin QueueRole = "Admin"
)

// RoleGrant gives a role to people.
//
// +kubebuilder:validation:AtLeastOneOf=users;groups
type RoleGrant struct {
	// role is what they may do.
	// +required
	Role QueueRole `json:"role,omitempty"`

	// users are people by the name that they sign in with.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Users []string `json:"users,omitempty"`

	// groups are groups that their provider or proxy names.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Groups []string `json:"groups,omitempty"`
}

// QueueIngress is the Ingress of a queue.
//
// +kubebuilder:validation:MinProperties=0
type QueueIngress struct {
	// className is the IngressClass. When unset, the cluster's default is used.
	// +optional
	ClassName ObjectName `json:"className,omitempty"`

	// tlsSecretName names the Secret with the certificate. When unset, the ingress controller's own certificate is used.
	// +optional
	TLSSecretName ObjectName `json:"tlsSecretName,omitempty"`

	// annotations are put on the Ingress, for what its controller knows. When unset, it has none.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() <= 317 && self[k].size() <= 2048)",message="annotations must have keys of at most 317 and values of at most 2048 characters"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('vedette.dev/'))",message="annotations must not start with vedette.dev/"
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.contains('snippet') && !k.contains('secret'))",message="annotations must not be snippets or name Secrets: make an Ingress of your own for these"
	Annotations map[string]string `json:"annotations,omitempty"`
}

// QueueHTTPRoute is the HTTPRoute of a queue.
type QueueHTTPRoute struct {
	// parentRefs are the Gateways that the route attaches to.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	ParentRefs []GatewayReference `json:"parentRefs,omitempty"`
}

// GatewayReference names a Gateway.
type GatewayReference struct {
	// name is the name of the Gateway.
	// +required
	Name ObjectName `json:"name,omitempty"`

	// namespace is its namespace. When unset, the queue's.
	// +optional
	Namespace ItemName `json:"namespace,omitempty"`

	// sectionName names a listener of it. When unset, every listener that admits the route is meant.
	// +optional
	SectionName ObjectName `json:"sectionName,omitempty"`
}
