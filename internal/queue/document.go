// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Document renders what review reads, without its revision.
func Document(q *v1alpha1.AnnotationQueue, r Resolved) wire.Review {
	spec := q.Spec
	d := wire.Review{
		Namespace: q.Namespace,
		Queue:     q.Name,
		Select: wire.ReviewSelect{
			Outliers:    spec.Selection.Outliers != v1alpha1.OutlierSelectionNone,
			RandomShare: number(cmp.Or(spec.Selection.RandomPercent, "1")) / 100,
		},
		Priority:       priority(spec.Priority),
		Budget:         wire.ReviewBudget{ItemsPerDay: int(spec.Budget.ItemsPerDay), ItemsPerSegmentDay: int(spec.Budget.ItemsPerSegmentPerDay)},
		Overlap:        int(cmp.Or(spec.Overlap, 1)),
		LeaseSeconds:   seconds(spec.Lease, "10m"),
		PendingSeconds: seconds(spec.Retention.Pending, "30d"),
		DoneSeconds:    seconds(spec.Retention.Done, "180d"),
		Question:       question(spec.Question),
		Access:         access(q),
	}
	for _, f := range spec.Redact.Features {
		d.Redact = append(d.Redact, string(f))
	}
	for _, m := range r.Monitors {
		c := monitor.Config(m, monitor.Bound(m, r.Class))
		d.Cluster, d.Store = c.Cluster, c.Store
		fed := wire.ReviewMonitor{
			Name:         m.Name,
			Weight:       weightOf(q, m.Name),
			Schema:       c.Schema,
			Baseline:     c.Baseline.Name,
			FlushSeconds: c.Capture.FlushSeconds,
			TraceURL:     spec.TraceURL,
		}
		for _, s := range c.Segments {
			fed.Segments = append(fed.Segments, s.Name)
		}
		d.Monitors = append(d.Monitors, fed)
	}
	return d
}

// Restart is the hash of what review reads once, when it starts; the rest it reads again when it changes.
func Restart(d wire.Review) string {
	b, err := json.Marshal(struct {
		Cluster string
		Store   wire.Store
		Access  wire.ReviewAccess
	}{d.Cluster, d.Store, d.Access})
	if err != nil {
		panic(fmt.Sprintf("encoding a document: %v", err)) // our own types: always encodable
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])[:10]
}

func weightOf(q *v1alpha1.AnnotationQueue, name string) float64 {
	for _, m := range q.Spec.Monitors {
		if string(m.Name) == name {
			return float64(cmp.Or(m.WeightPercent, 100)) / 100
		}
	}
	return 1
}

func priority(p v1alpha1.QueuePriority) wire.ReviewPriority {
	w := wire.ReviewPriority{
		Uncertainty:  number(cmp.Or(p.Uncertainty, "1")),
		OutlierScore: number(cmp.Or(p.OutlierScore, "1")),
		Rarity:       number(cmp.Or(p.Rarity, "0.5")),
		Age:          number(cmp.Or(p.Age, "0.2")),
	}
	for _, r := range p.Rules {
		w.Rules = append(w.Rules, wire.ReviewRule{Name: string(r.Name), When: string(r.When), Weight: number(r.Weight)})
	}
	return w
}

func question(q v1alpha1.QueueQuestion) wire.ReviewQuestion {
	return wire.ReviewQuestion{
		Text:          cmp.Or(q.Text, "What is the right answer?"),
		Labels:        q.Labels,
		Comment:       wire.Visibility(cmp.Or(q.Comment, v1alpha1.QuestionCommentOptional)),
		CriticalError: shown(q.CriticalError),
		Escalate:      shown(q.Escalate),
	}
}

func shown(p v1alpha1.QuestionPart) wire.Visibility {
	if p == v1alpha1.QuestionPartHidden {
		return wire.Hidden
	}
	return wire.Optional
}

func access(q *v1alpha1.AnnotationQueue) wire.ReviewAccess {
	a := q.Spec.Access
	w := wire.ReviewAccess{Local: UsersSecret(q) != "", ExternalURL: a.URL}
	if o := a.OIDC; o.IssuerURL != "" {
		w.OIDC = &wire.ReviewOIDC{IssuerURL: o.IssuerURL, ClientID: o.ClientID, GroupsClaim: cmp.Or(o.GroupsClaim, "groups")}
	}
	if h := a.ProxyHeader; h.User != "" {
		w.ProxyHeader = &wire.ReviewProxyHeader{User: string(h.User), Groups: string(h.Groups)}
	}
	for _, r := range a.Roles {
		w.Roles = append(w.Roles, wire.ReviewRole{Role: string(r.Role), Users: r.Users, Groups: r.Groups})
	}
	return w
}

func seconds(d, fallback v1alpha1.Duration) float64 {
	return monitor.Duration(cmp.Or(d, fallback)).Seconds()
}

// number converts a Weight or a Percent; what the API server would refuse gives 0.
func number[T ~string](s T) float64 {
	f, err := strconv.ParseFloat(string(s), 64)
	if err != nil {
		return 0
	}
	return f
}
