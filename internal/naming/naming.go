// SPDX-License-Identifier: Apache-2.0

// Package naming owns every name that two parts of Vedette must agree on: labels, annotations, child objects, ports,
// paths inside pods, and metrics. It imports nothing but the standard library, so that the sidecar can share it with
// the manager.
package naming

// Labels and annotations.
const (
	// LabelInject on a user's pod template names the ModelMonitor whose sidecar the pods want. It alone decides
	// about injection.
	LabelInject = "vedette.dev/inject"
	// LabelMonitor marks an object that Vedette owns with the ModelMonitor that it belongs to.
	LabelMonitor = "vedette.dev/monitor"
	// LabelQueue marks an object that Vedette owns with the AnnotationQueue that it belongs to.
	LabelQueue = "vedette.dev/queue"
	// LabelRole says what an object or pod that Vedette owns is for; see the Role constants.
	LabelRole = "vedette.dev/role"
	// LabelAnalysis names the kind of analysis that a Job runs.
	LabelAnalysis = "vedette.dev/analysis"
	// LabelManagedBy is the recommended label that names the managing tool.
	LabelManagedBy = "app.kubernetes.io/managed-by"

	// AnnotationPort on a pod names the serving port, by name or number, when the monitor does not.
	AnnotationPort = "vedette.dev/port"
	// AnnotationSidecar on an injected pod holds the revision of the sidecar that it got.
	AnnotationSidecar = "vedette.dev/sidecar"
	// AnnotationRearm on a ModelMonitor re-arms a tripped injection breaker: its value must name the trip, as
	// <revision of the sidecar>/<RFC 3339 time>.
	AnnotationRearm = "vedette.dev/rearm"
	// AnnotationConfig on a pod of a queue holds the hash of what in its configuration needs a restart.
	AnnotationConfig = "vedette.dev/config"
	// AnnotationRetrainingFor on a CronJob names the ModelMonitors, separated by commas, that may run its jobTemplate to retrain
	// their models; "*" stands for all of the namespace.
	AnnotationRetrainingFor = "vedette.dev/retraining-for"
	// Annotations of a retraining Job and its pods: what it is trained on, and why. The first is also on a revision of a rollout that has
	// what the run made.
	AnnotationRun           = "vedette.dev/retraining-run"
	AnnotationDatasetURI    = "vedette.dev/dataset-uri"
	AnnotationDatasetDigest = "vedette.dev/dataset-digest"
	AnnotationBaseVersion   = "vedette.dev/base-version"
	AnnotationReason        = "vedette.dev/reason"
	// AnnotationHash on an object that Vedette applied holds the hash of what was applied.
	AnnotationHash = "vedette.dev/applied-hash"
)

// Values of LabelRole.
const (
	RoleCapture    = "capture"
	RoleAnalysis   = "analysis"
	RoleReview     = "review"
	RoleRetraining = "retraining"
)

// ManagedBy is the value of LabelManagedBy, and the field manager of every apply.
const ManagedBy = "vedette"

// Environment variables of every container of a retraining Job.
const (
	EnvDatasetURI    = "VEDETTE_DATASET_URI"
	EnvDatasetDigest = "VEDETTE_DATASET_DIGEST"
	EnvBaseVersion   = "VEDETTE_BASE_VERSION"
	EnvReason        = "VEDETTE_REASON"
	EnvRun           = "VEDETTE_RUN"
)

// Inside the user's pods.
const (
	// SidecarContainer is the name of the injected native sidecar.
	SidecarContainer = "vedette-capture"
	// ConfigVolume is the projected volume with configuration, credentials and pod metadata, all optional.
	ConfigVolume = "vedette-config"
	// SpoolVolume is the emptyDir that holds what is not uploaded yet.
	SpoolVolume = "vedette-spool"
	// ConfigMount is where ConfigVolume is mounted, in sidecars and in analysis Jobs.
	ConfigMount = "/etc/vedette"
	// SpoolMount is where SpoolVolume is mounted.
	SpoolMount = "/var/lib/vedette/spool"
	// CapturePort is the port on which the sidecar takes the model's traffic.
	CapturePort = 15280
	// MetricsPort is the port of the sidecar's metrics, health and readiness.
	MetricsPort = 15290
	// MetricsPortName is the name of MetricsPort.
	MetricsPortName = "vedette-metrics"
)

// Paths below ConfigMount.
const (
	// ConfigFile is the configuration document, a key of the configuration ConfigMap.
	ConfigFile = "config.v1.json"
	// ConfigDir holds ConfigFile.
	ConfigDir = "config"
	// CredentialsDir holds the keys of the store's Secret, one file a key, for example AWS_ACCESS_KEY_ID.
	CredentialsDir = "store"
	// WriterDir holds, beside CredentialsDir in a check of the store, the credentials of the sidecars.
	WriterDir = "writer"
	// HashKeyDir holds the key of keyed hashes in the file HashKeyFile.
	HashKeyDir = "hash"
	// HashKeyFile is the key of the Secret that holds the key of keyed hashes.
	HashKeyFile = "key"
	// PodDir holds the pod's labels and annotations as the downward API writes them.
	PodDir = "pod"
)

// DefaultStoreSecret is the Secret that a sidecar mounts when no class says otherwise.
const DefaultStoreSecret = "vedette-store"

// CredentialKeys are the keys of a store's Secret, and the names of their files in CredentialsDir.
func CredentialKeys() []string {
	return []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
}

// Config names the configuration ConfigMap of a monitor.
func Config(monitor string) string { return monitor + "-capture" }

// Metrics names the metrics Service and the ServiceMonitor of a monitor.
func Metrics(monitor string) string { return monitor + "-capture" }

// Rules names the PrometheusRule of a monitor.
func Rules(monitor string) string { return monitor + "-thresholds" }

// CronJob names the CronJob of an analysis of a monitor; kind is lower case, such as "drift".
func CronJob(monitor, kind string) string { return monitor + "-" + kind }

// Job names a one-off Job of a monitor; revision says what it was made for, at most 10 characters.
func Job(monitor, kind, revision string) string { return monitor + "-" + kind + "-" + revision }

// NetworkPolicy names the NetworkPolicy of a monitor's analysis pods.
func NetworkPolicy(monitor string) string { return monitor + "-analysis" }

// Review names everything that the operator makes for a queue: the Deployment, its Service, its volume and the rest.
func Review(queue string) string { return queue + "-review" }

// LocalUsers names the Secret of the people of a queue whose access says nothing else.
func LocalUsers(queue string) string { return queue + "-users" }
