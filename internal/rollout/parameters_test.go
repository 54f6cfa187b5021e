// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

func TestValues(t *testing.T) {
	parameters := []v1alpha1.CandidateParameter{
		{Name: "uri", From: v1alpha1.ParameterSourceURI}, {Name: "version", From: v1alpha1.ParameterSourceVersion},
		{Name: "data", From: v1alpha1.ParameterSourceDatasetDigest},
	}
	run := &v1alpha1.RetrainingRun{URI: "s3://new", Dataset: v1alpha1.DatasetStatus{Digest: "d"}} // it named no version
	if diff := cmp.Diff([]Parameter{{parameters[0], "s3://new"}, {parameters[2], "d"}}, Values(parameters, run)); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if got := Values(parameters, nil); got != nil {
		t.Errorf("without a run: got %v", got)
	}
}

func TestApply(t *testing.T) {
	env := func(name, value string) Parameter {
		return Parameter{v1alpha1.CandidateParameter{Name: "p", Env: v1alpha1.ParameterEnv{Container: "model", Name: name}}, value}
	}
	arg := func(container v1alpha1.ItemName, name, value string) Parameter {
		return Parameter{v1alpha1.CandidateParameter{Name: "p", Arg: v1alpha1.ParameterArg{Container: container, Name: name}}, value}
	}
	model := func(c corev1.Container) corev1.PodTemplateSpec {
		c.Name = "model"
		return corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{c}}}
	}
	for name, tc := range map[string]struct {
		template  corev1.PodTemplateSpec
		parameter Parameter
		want      corev1.PodTemplateSpec
		err       string
	}{
		"a variable that the template sets": {
			template:  model(corev1.Container{Env: []corev1.EnvVar{{Name: "URI", ValueFrom: &corev1.EnvVarSource{}}, {Name: "B", Value: "b"}}}),
			parameter: env("URI", "s3://new"),
			want:      model(corev1.Container{Env: []corev1.EnvVar{{Name: "URI", Value: "s3://new"}, {Name: "B", Value: "b"}}}),
		},
		"a variable that it does not": {
			template: model(corev1.Container{}), parameter: env("URI", "s3://new"),
			want: model(corev1.Container{Env: []corev1.EnvVar{{Name: "URI", Value: "s3://new"}}}),
		},
		"a variable that it sets twice, of which the last counts": {
			template:  model(corev1.Container{Env: []corev1.EnvVar{{Name: "URI", Value: "s3://1"}, {Name: "URI", Value: "s3://2"}}}),
			parameter: env("URI", "s3://new"),
			want:      model(corev1.Container{Env: []corev1.EnvVar{{Name: "URI", Value: "s3://1"}, {Name: "URI", Value: "s3://new"}}}),
		},
		"a value that would name other variables": {
			template: model(corev1.Container{}), parameter: env("URI", "s3://$(PASSWORD)"),
			want: model(corev1.Container{Env: []corev1.EnvVar{{Name: "URI", Value: "s3://$$(PASSWORD)"}}}),
		},
		"an argument with its value": {
			template:  model(corev1.Container{Args: []string{"--models=x", "--model=old"}}),
			parameter: arg("model", "--model", "new"), want: model(corev1.Container{Args: []string{"--models=x", "--model=new"}}),
		},
		"an argument before its value": {
			template:  model(corev1.Container{Args: []string{"--model", "old", "-v"}}),
			parameter: arg("model", "--model", "new"), want: model(corev1.Container{Args: []string{"--model", "new", "-v"}}),
		},
		"an argument of the command": {
			template:  model(corev1.Container{Command: []string{"serve", "--model", "old"}}),
			parameter: arg("model", "--model", "new"), want: model(corev1.Container{Command: []string{"serve", "--model", "new"}}),
		},
		"an argument that is not there": {
			template:  model(corev1.Container{Args: []string{"-v"}}),
			parameter: arg("model", "--model", "new"), want: model(corev1.Container{Args: []string{"-v", "--model=new"}}),
		},
		"a container that is not there": {
			template: model(corev1.Container{}), parameter: arg("sidecar", "--model", "new"), err: `no container "sidecar"`,
		},
		"an annotation": {
			template:  model(corev1.Container{}),
			parameter: Parameter{v1alpha1.CandidateParameter{Name: "p", Annotation: "example.com/data"}, "$d"},
			want: func() corev1.PodTemplateSpec {
				m := model(corev1.Container{})
				m.Annotations = map[string]string{"example.com/data": "$d"}
				return m
			}(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := *tc.template.DeepCopy()
			got, err := Apply(tc.template, []Parameter{tc.parameter})
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got the error %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("template (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]Parameter{tc.parameter}, Read(got, []v1alpha1.CandidateParameter{tc.parameter.CandidateParameter})); diff != "" {
				t.Errorf("what is read of it (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, tc.template); diff != "" {
				t.Errorf("the template itself was changed: %s", diff)
			}
		})
	}
}

// TestApplyingWhatWasReadChangesNothing: of a template whatever has made it, be it with values that the kubelet expands.
func TestApplyingWhatWasReadChangesNothing(t *testing.T) {
	parameters := []v1alpha1.CandidateParameter{
		{Name: "expanded", Arg: v1alpha1.ParameterArg{Container: "model", Name: "--pod"}},
		{Name: "escaped", Arg: v1alpha1.ParameterArg{Container: "model", Name: "--model"}},
		{Name: "odd", Env: v1alpha1.ParameterEnv{Container: "model", Name: "ODD"}},
		{Name: "from", Env: v1alpha1.ParameterEnv{Container: "model", Name: "FROM"}},
		{Name: "annotation", Annotation: "example.com/model"},
		{Name: "absent", Annotation: "example.com/absent"},
	}
	template := least()
	template.Annotations = map[string]string{"example.com/model": "$(MODEL)"}
	c := &template.Spec.Containers[0]
	c.Args = []string{"--pod=$(POD)", "--model", "s3://$$(MODEL)"}
	c.Env = []corev1.EnvVar{{Name: "ODD", Value: "$$$"}, {Name: "FROM", ValueFrom: &corev1.EnvVarSource{}}}
	has := Read(template, parameters)
	if diff := cmp.Diff([]Parameter{{parameters[1], "s3://$(MODEL)"}, {parameters[4], "$(MODEL)"}}, has); diff != "" {
		t.Errorf("what is read (-want +got):\n%s", diff)
	}
	applied, err := Apply(template, has)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(template, applied); diff != "" {
		t.Errorf("applying it changes (-before +after):\n%s", diff)
	}
}

// TestWhatIsWrittenIntoGitMakesNoRevision: a parameter and its value in the template are the same.
func TestWhatIsWrittenIntoGitMakesNoRevision(t *testing.T) {
	p := Parameter{v1alpha1.CandidateParameter{Name: "p", Arg: v1alpha1.ParameterArg{Container: "model", Name: "--model"}}, "s3://new"}
	applied, err := Apply(least(), []Parameter{p})
	if err != nil {
		t.Fatal(err)
	}
	written := least()
	written.Spec.Containers[0].Args = []string{"--model=s3://new"}
	if got, want := Revision(applied, nil), Revision(written, nil); got != want {
		t.Errorf("got the revision %s, want %s", got, want)
	}
}

func TestTheRunThatMadeATemplateIsFound(t *testing.T) {
	parameters := []v1alpha1.CandidateParameter{
		{Name: "uri", From: v1alpha1.ParameterSourceURI, Arg: v1alpha1.ParameterArg{Container: "model", Name: "--model"}},
		{Name: "version", From: v1alpha1.ParameterSourceVersion, Annotation: "version"},
	}
	run := func(name v1alpha1.ObjectName, uri, version string) v1alpha1.RetrainingRun {
		return v1alpha1.RetrainingRun{Name: name, State: v1alpha1.RetrainingSucceeded, URI: uri, Version: version}
	}
	runs := []v1alpha1.RetrainingRun{run("first", "s3://1", "v1"), run("second", "s3://2", ""), run("nothing", "", ""), run("third", "s3://3", "v3")}
	for uri, want := range map[string]v1alpha1.ObjectName{"s3://1": "first", "s3://2": "second", "s3://9": ""} {
		template, err := Apply(least(), []Parameter{{parameters[0], uri}, {parameters[1], "v1"}})
		if err != nil {
			t.Fatal(err)
		}
		var got v1alpha1.ObjectName
		if made := MadeBy(template, parameters, runs); made != nil {
			got = made.Name
		}
		if got != want {
			t.Errorf("%s was made by %q, want %q", uri, got, want)
		}
	}
	if MadeBy(least(), parameters, runs) != nil {
		t.Error("a template without the values was made by a run")
	}
}
