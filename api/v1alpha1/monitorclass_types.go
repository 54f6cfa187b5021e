// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MonitorClassSpec is what the platform team sets once for all ModelMonitors of the class.
type MonitorClassSpec struct {
	// selection says whether monitors without a className use the class: Default or Named. Of two default classes the
	// older one is used, and the other reports it. Defaults to Named.
	// +optional
	// +default="Named"
	Selection ClassSelection `json:"selection,omitempty"`

	// mode bounds the mode of every monitor of the class; the one that does less wins, in the order PassThrough,
	// Suspended, Observe, Enforce. PassThrough turns the whole fleet off. Defaults to Enforce.
	// +optional
	// +default="Enforce"
	Mode Mode `json:"mode,omitempty"`

	// clusterName is the first element of every path in the store, so that clusters can share one. Defaults to "default".
	// +optional
	// +default="default"
	ClusterName ItemName `json:"clusterName,omitempty"`

	// store is where captured rows, profiles, baselines and reports go.
	// +required
	Store StoreSpec `json:"store,omitempty,omitzero"`

	// prometheus is the Prometheus that scrapes the models. When unset, rules and ServiceMonitors are still created,
	// but thresholds on metrics are not read back: WithinThresholds stays Unknown.
	// +optional
	Prometheus PrometheusSpec `json:"prometheus,omitempty,omitzero"`

	// sidecar says how the capture sidecar runs. When unset, the manager's image and small resources are used.
	// +optional
	Sidecar SidecarSpec `json:"sidecar,omitempty,omitzero"`

	// flush is the longest time that a captured row waits for its upload, from 5s to 1h. Defaults to 5m.
	// +optional
	// +default="5m"
	// +kubebuilder:validation:XValidation:rule="self.endsWith('s') ? int(self.substring(0, self.size() - 1)) >= 5 && int(self.substring(0, self.size() - 1)) <= 3600 : self.endsWith('m') ? int(self.substring(0, self.size() - 1)) <= 60 : self == '1h'",message="flush must be from 5s to 1h"
	Flush Duration `json:"flush,omitempty"`

	// limits bound what a monitor may ask for. A monitor may ask for less, never for more.
	// +optional
	Limits Limits `json:"limits,omitempty,omitzero"`

	// retention is how long each tier of captured data is kept. It is enforced daily for every monitor of the class. When
	// unset, its defaults hold.
	// +optional
	Retention Retention `json:"retention,omitempty,omitzero"`

	// allowedNamespaces selects the namespaces whose monitors may use the class. When unset, all may.
	// +optional
	AllowedNamespaces *metav1.LabelSelector `json:"allowedNamespaces,omitempty"`

	// hashKey names the Secret, in each monitor's namespace, whose key "key" keys the hashes of label keys. It is needed
	// where a monitor stores label keys as KeyedHash.
	// +optional
	HashKey SecretReference `json:"hashKey,omitempty,omitzero"`

	// audit says where the manager keeps the log of what it saw and did: thresholds that changed, drift and violations,
	// datasets, retraining, erasure. When unset, there is none.
	// +optional
	Audit AuditSpec `json:"audit,omitempty,omitzero"`
}

// ClassSelection says which monitors use a class.
//
// +kubebuilder:validation:Enum=Default;Named
type ClassSelection string

const (
	// ClassSelectionDefault makes the class the one of monitors that name none.
	ClassSelectionDefault ClassSelection = "Default"
	// ClassSelectionNamed makes the class one for monitors that name it.
	ClassSelectionNamed ClassSelection = "Named"
)

// StoreSpec is the capture store.
type StoreSpec struct {
	// url is the root of the store: "s3://bucket/prefix?region=…&endpoint=…" or "file:///folder".
	// +required
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.startsWith('s3://') || self.startsWith('file:///')",message="url must start with s3:// or file:///"
	URL string `json:"url,omitempty"`

	// credentials names Secrets with the store's credentials. When unset, pods use their own identity.
	// +optional
	Credentials StoreCredentials `json:"credentials,omitempty,omitzero"`
}

// StoreCredentials names Secrets in each monitor's namespace. Their keys are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
// and, where there is one, AWS_SESSION_TOKEN.
type StoreCredentials struct {
	// secretName is the Secret of the sidecars: it may put objects, and get those under baselines/.
	// +required
	SecretName ObjectName `json:"secretName,omitempty"`

	// analysisSecretName is the Secret of the analyses: it may list, get, put and delete. Defaults to secretName.
	// +optional
	AnalysisSecretName ObjectName `json:"analysisSecretName,omitempty"`
}

// SecretReference names a Secret in each monitor's namespace.
type SecretReference struct {
	// secretName is the name of the Secret.
	// +required
	SecretName ObjectName `json:"secretName,omitempty"`
}

// PrometheusSpec is the Prometheus that scrapes the models.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="has(self.url) || !has(self.credentials) && !has(self.tenant)",message="url must be set when credentials or tenant is"
type PrometheusSpec struct {
	// url is its address, for example "http://prometheus.monitoring:9090". Redirects are not followed. When unset, nothing is
	// read back from it.
	// +optional
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="isURL(self) && (self.startsWith('http://') || self.startsWith('https://'))",message="url must be an http or https URL"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[a-z]+://[^/?#]*@')",message="url must not hold a name or a password: put them into the Secret of credentials"
	URL string `json:"url,omitempty"`

	// credentials are what the manager shows when it asks, and whom it trusts. When unset, it shows nothing, and trusts the
	// authorities of its image.
	// +optional
	Credentials PrometheusCredentials `json:"credentials,omitempty,omitzero"`

	// tenant says whose metrics are asked for, where it serves several. When unset, nobody's in particular.
	// +optional
	Tenant PrometheusTenant `json:"tenant,omitempty,omitzero"`

	// ruleLabels are put on PrometheusRules and ServiceMonitors, so that Prometheus selects them.
	// +optional
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	RuleLabels map[string]string `json:"ruleLabels,omitempty"`

	// queries says whether ShadowRollouts may ask it what they like: whoever may edit one reads the answers in its status,
	// also about other namespaces. Defaults to None.
	// +optional
	// +default="None"
	Queries PrometheusQueries `json:"queries,omitempty"`
}

// PrometheusCredentials names the Secret with what the manager shows to Prometheus.
type PrometheusCredentials struct {
	// secretName is a Secret in the manager's namespace, which the Role vedette-prometheus lets the manager read; as shipped,
	// that is vedette-prometheus alone. Of its items at least one way must be there: "token", or "username" and "password";
	// "tls.crt" and "tls.key", a client certificate; "ca.crt", the authorities that are trusted, in PEM, instead of the image's.
	// With a token or a password, its item "url" must be the same as url: whoever wrote the Secret decides where it is sent.
	// +required
	SecretName ObjectName `json:"secretName,omitempty"`
}

// PrometheusTenant says whose metrics are asked for.
type PrometheusTenant struct {
	// header is the header that names the tenant: X-Scope-OrgID for Mimir and Cortex, THANOS-TENANT for Thanos. Defaults to
	// X-Scope-OrgID.
	// +optional
	// +default="X-Scope-OrgID"
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['accept', 'accept-encoding', 'authorization', 'connection', 'content-encoding', 'content-length', 'content-type', 'cookie', 'expect', 'host', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade'])",message="header must not be one that means something else"
	Header HeaderName `json:"header,omitempty"`

	// value is the tenant, in ASCII without spaces. Mimir takes several, as "a|b".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[!-~]+$`
	Value string `json:"value,omitempty"`
}

// PrometheusQueries says which queries of their own ShadowRollouts may ask.
//
// +kubebuilder:validation:Enum=None;Any
type PrometheusQueries string

const (
	// PrometheusQueriesNone lets none through: a criterion with a promQL is refused.
	PrometheusQueriesNone PrometheusQueries = "None"
	// PrometheusQueriesAny lets all through.
	PrometheusQueriesAny PrometheusQueries = "Any"
)

// SidecarSpec says how the capture sidecar runs.
//
// +kubebuilder:validation:MinProperties=1
type SidecarSpec struct {
	// image is the image of the sidecar. When unset, the manager's own default is used.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image,omitempty"`

	// pullSecrets are added to the imagePullSecrets of injected pods and of analysis Jobs.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	PullSecrets []ObjectName `json:"pullSecrets,omitempty"`

	// resources are the resources of the sidecar. When unset: requests of 10m CPU and 48Mi memory, and a memory limit of 256Mi.
	// In a Guaranteed pod, requests and limits are both set to the greater of the two, with at least 100m CPU.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
}

// Limits bound what a monitor may ask for.
//
// +kubebuilder:validation:MinProperties=1
type Limits struct {
	// keepPercent bounds the shares that are kept. When unset, they are not bounded.
	// +optional
	KeepPercent KeepPercent `json:"keepPercent,omitempty,omitzero"`

	// segments bounds the number of segments: those beyond it are ignored and reported. When unset, 32.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=32
	Segments *int32 `json:"segments,omitempty"`
}

// Retention is how long each tier is kept, from the hour in which a prediction was made; labels from the day on which they
// were received. Legal holds in the store keep what they cover longer.
//
// +kubebuilder:validation:MinProperties=1
type Retention struct {
	// predictions is the age of predictions without features. Defaults to 400d.
	// +optional
	// +default="400d"
	Predictions Age `json:"predictions,omitempty"`

	// features is the age of predictions with their features, and of reports on single predictions. Defaults to 90d.
	// +optional
	// +default="90d"
	Features Age `json:"features,omitempty"`

	// bodies is the age of the bodies of requests and responses: they are taken from rows whose features stay. They never
	// outlive the features. Defaults to 7d.
	// +optional
	// +default="7d"
	Bodies Age `json:"bodies,omitempty"`

	// profiles is the age of counts over all traffic, and of the reports that are made of them. Defaults to 400d.
	// +optional
	// +default="400d"
	Profiles Age `json:"profiles,omitempty"`

	// labels is the age of ground truth and of people's answers, and of the files of the inbox. Defaults to 400d.
	// +optional
	// +default="400d"
	Labels Age `json:"labels,omitempty"`
}

// KeepPercent is a share for each tier of rows.
//
// +kubebuilder:validation:MinProperties=1
type KeepPercent struct {
	// predictions is the share of predictions that are kept without features.
	// +optional
	Predictions Percent `json:"predictions,omitempty"`

	// features is the share of predictions that are kept with their features.
	// +optional
	Features Percent `json:"features,omitempty"`

	// bodies is the share of predictions that are kept with the bodies of request and response.
	// +optional
	Bodies Percent `json:"bodies,omitempty"`
}

// ConditionAuditUnavailable is present, and True, only while the audit log of a MonitorClass cannot be continued. Entries wait
// in the status of the monitors meanwhile.
const ConditionAuditUnavailable = "AuditUnavailable"

// Reasons of AuditUnavailable.
const (
	// ReasonAuditCredentialsRefused means that the store of the log refused the manager's credentials, or there were none.
	ReasonAuditCredentialsRefused = "AuditCredentialsRefused"
	// ReasonAuditUnreachable means that the store of the log cannot be used.
	ReasonAuditUnreachable = "AuditUnreachable"
	// ReasonAuditDamaged means that the end of the log is not what was written.
	ReasonAuditDamaged = "AuditDamaged"
)

// ConditionMetricsUnavailable is present, and True, only while the Prometheus of a MonitorClass cannot be asked. Verdicts stand
// meanwhile, and nothing is promoted or rejected.
const ConditionMetricsUnavailable = "MetricsUnavailable"

// Reasons of MetricsUnavailable.
const (
	// ReasonPrometheusSecretUnusable means that the Secret of Prometheus's credentials is missing, may not be read, or lacks something.
	ReasonPrometheusSecretUnusable = "PrometheusSecretUnusable"
	// ReasonPrometheusRefused means that Prometheus refuses the credentials or the tenant.
	ReasonPrometheusRefused = "PrometheusRefused"
	// ReasonPrometheusUntrusted means that no known authority vouches for Prometheus's certificate.
	ReasonPrometheusUntrusted = "PrometheusUntrusted"
	// ReasonPrometheusUnreachable means that Prometheus does not answer, or not as one.
	ReasonPrometheusUnreachable = "PrometheusUnreachable"
)

// Reasons of a MonitorClass's Ready condition.
const (
	// ReasonDuplicateDefault means that an older class is the default already.
	ReasonDuplicateDefault = "DuplicateDefault"
	// ReasonInvalidSelector means that allowedNamespaces is no valid selector.
	ReasonInvalidSelector = "InvalidSelector"
)

// MonitorClassStatus is what the operator has observed about a MonitorClass.
//
// +kubebuilder:validation:MinProperties=1
type MonitorClassStatus struct {
	// conditions are the latest observations of the class's state.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that was last reconciled to an end, good or bad.
	// +optional
	// +kubebuilder:validation:Minimum=1
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// monitors is the number of ModelMonitors that use the class.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Monitors *int32 `json:"monitors,omitempty"`
}

// MonitorClass sets, once for many ModelMonitors, where captured data goes, which Prometheus watches, how the sidecar
// runs, and what no monitor may exceed. It is cluster-scoped, like a StorageClass.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,shortName=mc,categories=vedette
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Selection",type=string,JSONPath=`.spec.selection`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=='Ready')].status`
// +kubebuilder:printcolumn:name="Monitors",type=integer,JSONPath=`.status.monitors`
// +kubebuilder:printcolumn:name="Store",type=string,priority=1,JSONPath=`.spec.store.url`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type MonitorClass struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is what holds for the monitors of the class.
	// +required
	Spec MonitorClassSpec `json:"spec,omitempty,omitzero"`

	// status is what the operator has observed.
	// +optional
	Status MonitorClassStatus `json:"status,omitempty,omitzero"`
}

// MonitorClassList is a list of MonitorClasses.
//
// +kubebuilder:object:root=true
type MonitorClassList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []MonitorClass `json:"items"`
}
