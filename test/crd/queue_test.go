// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"strings"
	"testing"

	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

const (
	oidc     = `oidc: {issuerURL: "https://login", clientID: c}, roles: [{role: Admin, users: [kim]}]`
	somebody = `roles: [{role: Admin, users: [kim]}]`
	proxy    = `proxyHeader: {user: X-User, from: {podSelector: {matchLabels: {app: proxy}}}}`
	notURL   = "url must be an http or https URL"
)

// queueRules are rows for every rule of a queue.
var queueRules = map[string]row{
	"spec.lease: lease must be from 30s to 24h": {`{lease: 24h}`, `{lease: 29s}`},
	"spec.lease: " + tooLong:                    {`{lease: 1d}`, `{lease: 99999d}`},
	"spec.retention.pending: " + tooLong:        {`{retention: {pending: 366d}}`, `{retention: {pending: 367d}}`},
	"spec.retention.done: " + tooLong:           {`{retention: {done: 366d}}`, `{retention: {done: 367d}}`},
	"spec.alerting.oldestPending: " + tooLong:   {`{alerting: {oldestPending: 366d}}`, `{alerting: {oldestPending: 367d}}`},
	"spec.selection: randomPercent must be above 0 when outliers is None: nothing would become an item": {
		`{selection: {outliers: None, randomPercent: "0.1"}}`, `{selection: {outliers: None, randomPercent: "0"}}`,
	},
	"spec.traceURL: traceURL must be an http or https URL with {trace_id} in it": {
		`{traceURL: "https://traces/{trace_id}?x"}`, `{traceURL: "https://traces/"}`,
	},
	"spec.alerting.labels: labels must have Prometheus label names as keys, and values of at most 256 characters": {
		`{alerting: {labels: {team_2: payments}}}`, `{alerting: {labels: {team-2: payments}}}`,
	},
	"spec.alerting.labels: labels must not set alertname, severity, namespace or queue": {
		`{alerting: {labels: {monitor: a}}}`, `{alerting: {labels: {queue: b}}}`,
	},
	"spec.alerting.runbookURL: runbookURL must be a URL": {
		`{alerting: {runbookURL: "https://runbooks/desk"}}`, `{alerting: {runbookURL: "see the wiki"}}`,
	},
	"spec.storage: exactly one of the fields in [sqlite postgres] must be set": {
		`{storage: {postgres: {secretName: db}}}`, `{storage: {sqlite: {size: 1Gi}, postgres: {secretName: db}}}`,
	},
	"spec.storage.sqlite.size: size must be at least 64Mi": {
		`{storage: {sqlite: {size: 64Mi}}}`, `{storage: {sqlite: {size: "1000"}}}`,
	},
	"spec.access: at most one of the fields in [oidc proxyHeader] may be set": {
		`{access: {` + proxy + `, ` + somebody + `}}`, `{access: {url: "https://desk", ` + proxy + `, ` + oidc + `}}`,
	},
	"spec.access: at most one of the fields in [ingress httpRoute] may be set": {
		`{access: {url: "https://desk", httpRoute: {parentRefs: [{name: public}]}}}`,
		`{access: {url: "https://desk", ingress: {}, httpRoute: {parentRefs: [{name: public}]}}}`,
	},
	"spec.access: url must be set when oidc, ingress or httpRoute is": {
		`{access: {url: "https://desk", ` + oidc + `}}`, `{access: {ingress: {className: nginx}}}`,
	},
	"spec.access: roles must be set if and only if oidc or proxyHeader is: the Secret of local names the roles of its people": {
		`{access: {` + proxy + `, ` + somebody + `}}`, `{access: {` + somebody + `}}`,
	},
	"spec.access: url must start with https:// when ingress.tlsSecretName is set": {
		`{access: {url: "https://desk", ingress: {tlsSecretName: tls}}}`, `{access: {url: "http://desk", ingress: {tlsSecretName: tls}}}`,
	},
	"spec.access.url: " + notURL: {`{access: {url: "http://desk:8080"}}`, `{access: {url: "desk.example.com"}}`},
	"spec.access.url: url must be a scheme and a host, such as https://fraud-desk.example.com": {
		`{access: {url: "https://desk"}}`, `{access: {url: "https://desk/review"}}`,
	},
	"spec.access.oidc.issuerURL: issuerURL must be an http or https URL": {
		`{access: {url: "https://desk", ` + oidc + `}}`,
		`{access: {url: "https://desk", oidc: {issuerURL: "ldap://login", clientID: c}, ` + somebody + `}}`,
	},
	"spec.access.proxyHeader.from: at least one of the fields in [namespaceSelector podSelector] must be set": {
		`{access: {` + proxy + `, ` + somebody + `}}`, `{access: {proxyHeader: {user: X-User, from: {}}, ` + somebody + `}}`,
	},
	"spec.access.roles[]: at least one of the fields in [users groups] must be set": {
		`{access: {` + proxy + `, roles: [{role: Reviewer, groups: [leads]}]}}`, `{access: {` + proxy + `, roles: [{role: Reviewer}]}}`,
	},
	"spec.access.ingress.annotations: annotations must have keys of at most 317 and values of at most 2048 characters": {
		`{access: {url: "https://desk", ingress: {annotations: {a/b: c}}}}`,
		`{access: {url: "https://desk", ingress: {annotations: {a: ` + strings.Repeat("x", 2049) + `}}}}`,
	},
	"spec.access.ingress.annotations: annotations must not be snippets or name Secrets: make an Ingress of your own for these": {
		`{access: {url: "https://desk", ingress: {annotations: {cert-manager.io/cluster-issuer: ca}}}}`,
		`{access: {url: "https://desk", ingress: {annotations: {nginx.ingress.kubernetes.io/configuration-snippet: x}}}}`,
	},
	"spec.access.ingress.annotations: annotations must not start with vedette.dev/": {
		`{access: {url: "https://desk", ingress: {annotations: {nginx/body-size: 1m}}}}`,
		`{access: {url: "https://desk", ingress: {annotations: {vedette.dev/applied-hash: x}}}}`,
	},
}

// change is a spec, one that it may be changed into, and one that it may not.
type change struct{ from, accept, reject string }

// changes are rows for the rules that look at what there was.
var changes = map[string]change{
	"spec.storage.sqlite: storageClassName must not change: a volume keeps its class": {
		`{storage: {sqlite: {storageClassName: fast}}}`, `{storage: {sqlite: {storageClassName: fast, size: 10Gi}}}`, `{storage: {sqlite: {}}}`,
	},
	"spec.storage.sqlite.size: size must not be reduced: volumes only grow": {
		`{storage: {sqlite: {size: 1Gi}}}`, `{storage: {sqlite: {size: 1025Mi}}}`, `{storage: {sqlite: {size: 900M}}}`,
	},
}

func TestChanges(t *testing.T) {
	v := load(t, "annotationqueues")
	validate := func(from, to string) string {
		before, after := object(t, "annotationqueues", "m", from), object(t, "annotationqueues", "m", to)
		v.validate(t, before) // for its defaults
		if errs := v.validate(t, after); len(errs) > 0 {
			t.Fatalf("%s is refused by itself: %v", to, errs.ToAggregate())
		}
		errs, _ := v.cel.Validate(t.Context(), nil, v.structural, after, before, celconfig.RuntimeCELCostBudget)
		if len(errs) == 0 {
			return ""
		}
		return errs.ToAggregate().Error()
	}
	for rule, row := range changes {
		_, message, _ := strings.Cut(rule, ": ")
		if got := validate(row.from, row.accept); got != "" {
			t.Errorf("%s may not become %s: %s", row.from, row.accept, got)
		}
		if got := validate(row.from, row.reject); !strings.Contains(got, message) {
			t.Errorf("%s to %s: got %q, want %q", row.from, row.reject, got, message)
		}
	}
	if got := validate(`{storage: {sqlite: {size: 5Gi}}}`, `{storage: {postgres: {secretName: db}}}`); got != "" {
		t.Errorf("a queue may not move to Postgres: %s", got)
	}
}
