// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// revisionLength is the number of hex digits of a revision.
const revisionLength = 10

// restartedAt is the annotation by which kubectl restarts a workload. It says nothing about what runs.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// ConfigMapContents is what a ConfigMap holds.
type ConfigMapContents struct {
	Data       map[string]string `json:"data,omitempty"`
	BinaryData map[string][]byte `json:"binaryData,omitempty"`
}

// Contents is what a ConfigMap holds.
func Contents(m *corev1.ConfigMap) ConfigMapContents {
	return ConfigMapContents{Data: m.Data, BinaryData: m.BinaryData}
}

// Revision is the hash of what pods of a template run: the template itself, without what an API server, an injection or a
// restart adds, and the ConfigMaps that it names. The parameters of a rollout must be in the template already (see Apply), so
// that the patch that writes them into Git makes no new revision. A ConfigMap that the template names and configMaps lacks
// counts as one that does not exist.
func Revision(template corev1.PodTemplateSpec, configMaps map[string]ConfigMapContents) string {
	t := normalise(template)
	hashed := struct {
		Labels      map[string]string             `json:"labels,omitempty"`
		Annotations map[string]string             `json:"annotations,omitempty"`
		Finalizers  []string                      `json:"finalizers,omitempty"`
		Spec        corev1.PodSpec                `json:"spec"`
		ConfigMaps  map[string]*ConfigMapContents `json:"configMaps,omitempty"`
	}{t.Labels, t.Annotations, t.Finalizers, t.Spec, map[string]*ConfigMapContents{}}
	for _, r := range References(template).ConfigMaps {
		hashed.ConfigMaps[r.Name] = nil
		if contents, ok := configMaps[r.Name]; ok {
			hashed.ConfigMaps[r.Name] = &contents
		}
	}
	return hash(hashed)
}

// WorkloadRevision is the revision of a workload of the user's: the hash of its template, and of the version of the model that its
// monitor reads there. The other labels of its pods are no part of it, as two workloads differ by them whatever they run, nor is
// what ConfigMaps hold: nothing tells which pods run what they hold now.
func WorkloadRevision(template corev1.PodTemplateSpec, m *v1alpha1.ModelMonitor) string {
	unlabelled := template
	unlabelled.Labels = nil
	return hash([]string{Revision(unlabelled, nil), Version(template, m)})
}

// hash is that of a value that came out of JSON, or is made of text.
func hash(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("what is hashed cannot be encoded: %v", err)) // a value that came out of JSON goes into it again
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])[:revisionLength]
}

// added are the labels and annotations that are put on pods and templates by Vedette and by a restart, and never by the author
// of a template.
func added() []string {
	return []string{naming.AnnotationSidecar, naming.LabelRollout, naming.LabelRole, naming.LabelRevision, restartedAt}
}
