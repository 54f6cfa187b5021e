// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/criteria"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Place is where a try of a candidate runs.
type Place struct {
	// Primary and Candidate are revisions; Version is that of the candidate's model.
	Primary, Candidate, Version string
	// Attempt tells tries of one candidate apart.
	Attempt string
	// Address is the host:port of the shadow's Service.
	Address string
}

// Version is that of the model that pods of a template would serve, as a monitor reads it from pods.
func Version(template corev1.PodTemplateSpec, m *v1alpha1.ModelMonitor) string {
	pod := wire.Pod{Labels: template.Labels, Annotations: template.Annotations, Images: map[string]string{}}
	for _, list := range [][]corev1.Container{template.Spec.InitContainers, template.Spec.Containers} {
		for i := range list {
			pod.Images[list[i].Name] = list[i].Image
		}
	}
	return pod.Version(monitor.ModelVersion(m))
}

// Mirror is what the sidecars of the primary are told.
func Mirror(r *v1alpha1.ShadowRollout, at Place, e monitor.Effective) wire.Mirror {
	m, tolerance := r.Spec.Mirror, r.Spec.Analysis.Tolerance
	w := wire.Mirror{
		Namespace: r.Namespace, Monitor: string(r.Spec.MonitorRef.Name), Rollout: r.Name,
		Primary: at.Primary, AllPods: Theirs(r), Candidate: at.Candidate, ShadowVersion: at.Version, Attempt: at.Attempt, Address: at.Address,
		Share:          number(string(m.Percent), 10) / 100,
		TimeoutSeconds: monitor.Duration(cmp.Or(m.Timeout, "5s")).Seconds(),
		MaxInFlight:    int(cmp.Or(m.MaxInFlight, 32)),
		MaxBytes:       cmp.Or(m.MaxBufferedBytes, 16<<20),
		Header:         string(m.Header),
		Model:          m.ModelName,
		ReplicaShare:   number(string(m.ReplicaPercent), 25) / 100,
	}
	w.Tolerance.Absolute, w.Tolerance.Relative = number(string(tolerance.Absolute), 1e-6), number(string(tolerance.Relative), 1e-4)
	w.LatencySegments, w.LabelSegments = latencySegments(r.Spec.Analysis, e), labelSegments(r.Spec.Analysis, e)
	return w
}

// Captures says whether sidecars look at requests in a mode: only then do they copy some.
func Captures(mode v1alpha1.Mode) bool {
	return mode != v1alpha1.ModePassThrough && mode != v1alpha1.ModeSuspended
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
