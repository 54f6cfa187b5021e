// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"slices"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/criteria"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Place is where a try of a candidate runs.
type Place struct {
	// Primary and Candidate are revisions.
	Primary, Candidate string
	// Attempt tells tries of one candidate apart.
	Attempt string
	// Address is the host:port of the shadow's Service.
	Address string
}

// Mirror is what the sidecars of the primary are told.
func Mirror(r *v1alpha1.ShadowRollout, at Place, e monitor.Effective) wire.Mirror {
	m, tolerance := r.Spec.Mirror, r.Spec.Analysis.Tolerance
	w := wire.Mirror{
		Namespace: r.Namespace, Monitor: string(r.Spec.MonitorRef.Name), Rollout: r.Name,
		Primary: at.Primary, Candidate: at.Candidate, Attempt: at.Attempt, Address: at.Address,
		Share:          number(string(m.Percent), 10) / 100,
		TimeoutSeconds: monitor.Duration(cmp.Or(m.Timeout, "5s")).Seconds(),
		MaxInFlight:    int(cmp.Or(m.MaxInFlight, 32)),
		MaxBytes:       cmp.Or(m.MaxBufferedBytes, 16<<20),
		Header:         string(m.Header),
		Model:          m.ModelName,
		ReplicaShare:   number(string(m.ReplicaPercent), 25) / 100,
	}
	w.Tolerance.Absolute, w.Tolerance.Relative = number(string(tolerance.Absolute), 1e-6), number(string(tolerance.Relative), 1e-4)
	w.LatencySegments = latencySegments(r.Spec.Analysis, e)
	return w
}

// latencySegments are those in which a criterion is about latency: only there is it counted, as its counters are many.
func latencySegments(a v1alpha1.RolloutAnalysis, e monitor.Effective) []string {
	var names []string
	for _, c := range Criteria(a, e) {
		if c.Quantile != 0 {
			names = append(names, c.Segments...)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == criteria.Everything })
}
