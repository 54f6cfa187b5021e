// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	core "k8s.io/api/core/v1"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"
)

// configuration turns a template into what is applied. It goes through JSON, as an apply configuration has the same fields.
// What it is given is changed.
func configuration(template *core.PodTemplateSpec) (*corev1.PodTemplateSpecApplyConfiguration, error) {
	for _, list := range [][]core.Container{template.Spec.InitContainers, template.Spec.Containers} {
		for i := range list {
			list[i].Env = lastOfEach(list[i].Env)
		}
	}
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
	maps.Copy(all, theirs)
	maps.Copy(all, ours)
	return all
}

// lastOfEach leaves out variables that a later one of the same name takes the place of. A template may hold both; an apply may
// not.
func lastOfEach(env []core.EnvVar) []core.EnvVar {
	var out []core.EnvVar
	for i, e := range env {
		if !slices.ContainsFunc(env[i+1:], func(later core.EnvVar) bool { return later.Name == e.Name }) {
			out = append(out, e)
		}
	}
	return out
}
