// SPDX-License-Identifier: Apache-2.0

package naming

// Inside the pods of a queue. Configuration and credentials are below ConfigMount, as in an analysis.
const (
	// ReviewFile is the configuration document of review, a key of the queue's ConfigMap, in ConfigDir.
	ReviewFile = "review.v1.json"
	// DatabaseDir holds the items of the database's Secret, DatabaseURLFile and the certificates that it may name.
	DatabaseDir = "database"
	// DatabaseURLFile is the item of the database's Secret that holds its address, with user and password.
	DatabaseURLFile = "url"
	// UsersDir holds the file UsersFile.
	UsersDir = "users"
	// UsersFile is the item of the Secret of local users that lists them.
	UsersFile = "users"
	// TokensDir holds the file TokensFile.
	TokensDir = "tokens"
	// TokensFile is the item of the Secret of programs that lists them.
	TokensFile = "tokens"
	// OIDCDir holds the files ClientSecretFile and ClientIssuerFile.
	OIDCDir = "oidc"
	// ClientSecretFile is the item of the OpenID Connect client's Secret.
	ClientSecretFile = "oidc-client-secret"
	// ClientIssuerFile is the item beside it that names the only provider that it may be sent to.
	ClientIssuerFile = "oidc-issuer"
	// DataMount is where the volume with the SQLite database is mounted.
	DataMount = "/var/lib/vedette/review"
	// DatabaseFile is the SQLite database in DataMount.
	DatabaseFile = "queue.db"
	// ReviewPort is the port of the page and its API.
	ReviewPort = 15281
	// ReviewPortName is the name of ReviewPort.
	ReviewPortName = "http"
	// ReviewMetricsPort is the port of review's metrics, health and readiness. Its name is MetricsPortName.
	ReviewMetricsPort = 15291
)

// CertificateKeys are the items of a database's Secret that its address may name as files.
func CertificateKeys() []string { return []string{"ca.crt", "tls.crt", "tls.key"} }
