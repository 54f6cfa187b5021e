// SPDX-License-Identifier: Apache-2.0

package wire

import "time"

// ReviewVersion is the version of the document of an annotation queue, also part of its file name.
const ReviewVersion = 1

// Review is everything that the program of an annotation queue needs to know, apart from credentials.
type Review struct {
	// Version is the version of the document, Revision the hash of all the rest.
	Version  int    `json:"version"`
	Revision string `json:"revision"`
	// Cluster and Namespace are the first elements of the monitors' paths in the store.
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Queue     string `json:"queue"`

	Store    Store           `json:"store"`
	Monitors []ReviewMonitor `json:"monitors"`
	Select   ReviewSelect    `json:"select"`
	Priority ReviewPriority  `json:"priority"`
	Budget   ReviewBudget    `json:"budget"`
	// Overlap is how many people answer each item.
	Overlap int `json:"overlap"`
	// LeaseSeconds is how long an item is held for the person who looks at it.
	LeaseSeconds float64 `json:"leaseSeconds"`
	// PendingSeconds is how long an item waits for an answer before it expires, DoneSeconds how long an answered one is kept.
	PendingSeconds float64 `json:"pendingSeconds"`
	DoneSeconds    float64 `json:"doneSeconds"`
	// Redact names features that never leave the store: they are not even read into the queue.
	Redact   []string       `json:"redact,omitempty"`
	Question ReviewQuestion `json:"question"`
	Access   ReviewAccess   `json:"access"`
}

// ReviewMonitor is a monitor that feeds the queue.
type ReviewMonitor struct {
	Name string `json:"name"`
	// Weight multiplies the priority of its items; 1 is neutral.
	Weight float64 `json:"weight"`
	Schema Schema  `json:"schema"`
	// Segments are the names of its segments.
	Segments []string `json:"segments,omitempty"`
	// Baseline is the folder below baselines/ whose summary says what is usual. Empty: none.
	Baseline string `json:"baseline,omitempty"`
	// FlushSeconds is the longest time that a row waits for its upload: files may still come for as long.
	FlushSeconds float64 `json:"flushSeconds"`
	// TraceURL is a link to a trace, with {trace_id} in it. Empty: no link.
	TraceURL string `json:"traceURL,omitempty"`
}

// ReviewSelect says which records become items.
type ReviewSelect struct {
	// Outliers says whether predictions that were kept as outliers become items.
	Outliers bool `json:"outliers"`
	// RandomShare is the share, in [0, 1], of the sampled records that become items as well, for unbiased estimates.
	RandomShare float64 `json:"randomShare"`
}

// ReviewPriority weighs what makes an item come first. Each factor is in [0, 1].
type ReviewPriority struct {
	Uncertainty  float64 `json:"uncertainty"`
	OutlierScore float64 `json:"outlierScore"`
	Rarity       float64 `json:"rarity"`
	Age          float64 `json:"age"`
	// Rules are business rules; the weights of those that hold are added.
	Rules []ReviewRule `json:"rules,omitempty"`
}

// ReviewRule adds Weight to the priority of items for which When, a CEL expression over f and p, holds.
type ReviewRule struct {
	Name   string  `json:"name"`
	When   string  `json:"when"`
	Weight float64 `json:"weight"`
}

// ReviewBudget bounds how many items are put before people, for the first time, each UTC day. 0: no bound.
type ReviewBudget struct {
	ItemsPerDay        int `json:"itemsPerDay,omitempty"`
	ItemsPerSegmentDay int `json:"itemsPerSegmentPerDay,omitempty"`
}

// Visibility says whether a field of the form is there, and must be filled in.
type Visibility string

// The visibilities.
const (
	Hidden   Visibility = "Hidden"
	Optional Visibility = "Optional"
	Required Visibility = "Required"
)

// ReviewQuestion is what people are asked.
type ReviewQuestion struct {
	Text string `json:"text"`
	// Labels are the answers to choose from. Empty: the classes of the item's monitor; for a regression, a number.
	Labels        []string   `json:"labels,omitempty"`
	Comment       Visibility `json:"comment"`
	CriticalError Visibility `json:"criticalError"`
	Escalate      Visibility `json:"escalate"`
}

// ReviewAccess says how people sign in, and what they may do. Secrets are files: see the flags of the program.
type ReviewAccess struct {
	OIDC        *ReviewOIDC        `json:"oidc,omitempty"`
	ProxyHeader *ReviewProxyHeader `json:"proxyHeader,omitempty"`
	// Local says that the users are in a file.
	Local bool `json:"local,omitempty"`
	// Roles grants roles; the greatest that matches holds, and whoever matches none may do nothing.
	Roles []ReviewRole `json:"roles,omitempty"`
	// ExternalURL is the address under which people reach the page. OIDC needs it.
	ExternalURL string `json:"externalURL,omitempty"`
}

// ReviewOIDC is an OpenID Connect provider.
type ReviewOIDC struct {
	IssuerURL   string `json:"issuerURL"`
	ClientID    string `json:"clientID"`
	GroupsClaim string `json:"groupsClaim"`
}

// ReviewProxyHeader trusts the headers of a reverse proxy in front.
type ReviewProxyHeader struct {
	User   string `json:"user"`
	Groups string `json:"groups,omitempty"`
}

// ReviewRole grants a role to users and groups.
type ReviewRole struct {
	// Role is Annotator, Reviewer or Admin.
	Role   string   `json:"role"`
	Users  []string `json:"users,omitempty"`
	Groups []string `json:"groups,omitempty"`
}

// Lease is LeaseSeconds as a duration.
func (r *Review) Lease() time.Duration { return Seconds(r.LeaseSeconds) }

// EncodeReview renders r with its revision filled in. Equal documents give equal bytes.
func EncodeReview(r Review) ([]byte, error) {
	r.Version = ReviewVersion
	return encode("the document of a queue", &r, &r.Revision)
}

// DecodeReview reads the document of a queue. It ignores unknown keys and says whether there were any.
func DecodeReview(b []byte) (r Review, unknownKeys bool, err error) {
	if unknownKeys, err = decode("the document of a queue", b, MaxConfigBytes, &r, &r.Version, ReviewVersion); err != nil {
		return Review{}, false, err
	}
	return r, unknownKeys, nil
}
