// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"encoding/json"
	"fmt"

	core "k8s.io/api/core/v1"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"
)

// configuration turns a template into what is applied. It goes through JSON, as an apply configuration has the same fields.
func configuration(template *core.PodTemplateSpec) (*corev1.PodTemplateSpecApplyConfiguration, error) {
	b, err := json.Marshal(template)
	if err != nil {
		return nil, fmt.Errorf("encoding a pod template: %w", err)
	}
	out := corev1.PodTemplateSpec()
	if err := json.Unmarshal(b, out); err != nil {
		return nil, fmt.Errorf("decoding a pod template: %w", err)
	}
	return out, nil
}

// merge is both, and ours where both say something.
func merge(theirs, ours map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range []map[string]string{theirs, ours} {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}
