// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// Parameter is a parameter of a candidate with its value.
type Parameter struct {
	v1alpha1.CandidateParameter
	// Value is what a retraining run has made.
	Value string
}

// Values takes the values of parameters from a run. Those that it does not have are left out.
func Values(parameters []v1alpha1.CandidateParameter, run *v1alpha1.RetrainingRun) []Parameter {
	if run == nil {
		return nil
	}
	of := map[v1alpha1.ParameterSource]string{
		v1alpha1.ParameterSourceURI:           run.URI,
		v1alpha1.ParameterSourceVersion:       run.Version,
		v1alpha1.ParameterSourceDatasetDigest: run.Dataset.Digest,
	}
	var out []Parameter
	for _, p := range parameters {
		if value := of[p.From]; value != "" {
			out = append(out, Parameter{CandidateParameter: p, Value: value})
		}
	}
	return out
}

// Apply returns a copy of a template with the parameters in it. An error names a container that the template lacks.
func Apply(template corev1.PodTemplateSpec, parameters []Parameter) (corev1.PodTemplateSpec, error) {
	t := template.DeepCopy()
	for _, p := range parameters {
		if p.Annotation != "" {
			if t.Annotations == nil {
				t.Annotations = map[string]string{}
			}
			t.Annotations[p.Annotation] = p.Value
			continue
		}
		name := p.Env.Container
		if name == "" {
			name = p.Arg.Container
		}
		c := find(&t.Spec, string(name))
		if c == nil {
			return corev1.PodTemplateSpec{}, fmt.Errorf("parameter %q: the template has no container %q: name one of its containers", p.Name, name)
		}
		value := escape(p.Value)
		if p.Env.Container != "" {
			setEnv(c, p.Env.Name, value)
		} else {
			setArg(c, p.Arg.Name, value)
		}
	}
	return *t, nil
}

// escape keeps the kubelet from expanding $(NAME): what a run has named must not reach into the environment.
func escape(value string) string { return strings.ReplaceAll(value, "$", "$$") }

// Read takes the values of parameters out of a template that Apply has put them into. Those that it does not have are left out, and so
// are those that the kubelet expands: they are the template's own. Applying what was read changes nothing.
func Read(template corev1.PodTemplateSpec, parameters []v1alpha1.CandidateParameter) []Parameter {
	var out []Parameter
	for _, p := range parameters {
		value, own := template.Annotations[p.Annotation], false
		if p.Annotation == "" {
			c := find(&template.Spec, string(cmp.Or(p.Env.Container, p.Arg.Container)))
			if c == nil {
				continue
			}
			written := getEnv(c, p.Env.Name)
			if p.Arg.Name != "" {
				written = getArg(c, p.Arg.Name)
			}
			value = strings.ReplaceAll(written, "$$", "$")
			own = escape(value) != written
		}
		if value != "" && !own {
			out = append(out, Parameter{CandidateParameter: p, Value: value})
		}
	}
	return out
}

// MadeBy is the last run whose values a template has; nil when it has those of none.
func MadeBy(template corev1.PodTemplateSpec, parameters []v1alpha1.CandidateParameter, runs []v1alpha1.RetrainingRun) *v1alpha1.RetrainingRun {
	has := Read(template, parameters)
	for i := range slices.Backward(runs) {
		of := Values(parameters, &runs[i])
		missing := func(p Parameter) bool { return !slices.Contains(has, p) }
		if runs[i].State == v1alpha1.RetrainingSucceeded && len(of) > 0 && !slices.ContainsFunc(of, missing) {
			return &runs[i]
		}
	}
	return nil
}

// find finds a container, be it one that starts first; nil when there is none.
func find(s *corev1.PodSpec, name string) *corev1.Container {
	for _, list := range [][]corev1.Container{s.Containers, s.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// setEnv sets a variable where the template has it last, which is the one that counts, and else adds it.
func setEnv(c *corev1.Container, name, value string) {
	for i := range slices.Backward(c.Env) {
		if c.Env[i].Name == name {
			c.Env[i] = corev1.EnvVar{Name: name, Value: value}
			return
		}
	}
	c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value})
}

func getEnv(c *corev1.Container, name string) string {
	for i := range slices.Backward(c.Env) {
		if c.Env[i].Name == name {
			return c.Env[i].Value
		}
	}
	return ""
}

// getArg finds an argument where setArg puts it.
func getArg(c *corev1.Container, name string) string {
	for _, list := range [][]string{c.Args, c.Command} {
		for i, arg := range list {
			if value, ok := strings.CutPrefix(arg, name+"="); ok {
				return value
			}
			if arg == name && i+1 < len(list) {
				return list[i+1]
			}
		}
	}
	return ""
}

// setArg replaces an argument where the template has it, be it in the command, and else adds it.
func setArg(c *corev1.Container, name, value string) {
	for _, list := range [][]string{c.Args, c.Command} {
		for i, arg := range list {
			switch {
			case strings.HasPrefix(arg, name+"="):
				list[i] = name + "=" + value
				return
			case arg == name && i+1 < len(list):
				list[i+1] = value
				return
			}
		}
	}
	c.Args = append(c.Args, name+"="+value)
}
