// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

func TestWhatParametersAreFilledWith(t *testing.T) {
	uri := v1alpha1.CandidateParameter{Name: "uri", From: v1alpha1.ParameterSourceURI, Arg: v1alpha1.ParameterArg{Container: "model", Name: "--model"}}
	version := v1alpha1.CandidateParameter{Name: "version", From: v1alpha1.ParameterSourceVersion, Annotation: "version"}
	parameters := []v1alpha1.CandidateParameter{uri, version}
	run := func(name v1alpha1.ObjectName, state v1alpha1.RetrainingState, uri, version string) v1alpha1.RetrainingRun {
		return v1alpha1.RetrainingRun{Name: name, State: state, URI: uri, Version: version}
	}
	const ok, failed = v1alpha1.RetrainingSucceeded, v1alpha1.RetrainingFailed
	serves := Made{"first", []Parameter{{uri, "s3://1"}, {version, "v1"}}}
	for name, tc := range map[string]struct {
		runs    []v1alpha1.RetrainingRun
		serving Made
		want    Made
	}{
		"no run was ever":                             {nil, Made{}, Made{}},
		"the first run":                               {[]v1alpha1.RetrainingRun{run("first", ok, "s3://1", "v1")}, Made{}, serves},
		"the last that succeeded":                     {[]v1alpha1.RetrainingRun{run("old", ok, "s3://0", "v0"), run("first", ok, "s3://1", "v1"), run("last", failed, "s3://2", "v2")}, Made{}, serves},
		"runs of a monitor that was made anew":        {nil, serves, serves},
		"none that succeeded yet since":               {[]v1alpha1.RetrainingRun{run("second", failed, "s3://2", "v2")}, serves, serves},
		"one that made nothing that is taken":         {[]v1alpha1.RetrainingRun{run("second", ok, "", "")}, serves, serves},
		"one that made nothing, after one that did":   {[]v1alpha1.RetrainingRun{run("first", ok, "s3://1", "v1"), run("second", ok, "", "")}, Made{}, serves},
		"one that made a part: the rest stays":        {[]v1alpha1.RetrainingRun{run("second", ok, "", "v2")}, serves, Made{"second", []Parameter{{uri, "s3://1"}, {version, "v2"}}}},
		"one that made a part, where nothing is made": {[]v1alpha1.RetrainingRun{run("second", ok, "", "v2")}, Made{}, Made{"second", []Parameter{{version, "v2"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Retrained(parameters, tc.runs, tc.serving)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			// Once it serves, and the runs are forgotten, it is the same revision.
			template, err := Apply(least(), got.Values)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Apply(least(), Retrained(parameters, nil, Serving(template, got.Run, parameters)).Values)
			if err != nil {
				t.Fatal(err)
			}
			if Revision(template, nil) != Revision(again, nil) {
				t.Errorf("it serves as\n%s\nand then the candidate is\n%s", encode(t, template), encode(t, again))
			}
		})
	}
}

// TestWhatGitHadIsNotHeldAgainstIt: values of the template's own give way to the template's next ones.
func TestWhatGitHadIsNotHeldAgainstIt(t *testing.T) {
	p := v1alpha1.CandidateParameter{Name: "uri", Arg: v1alpha1.ParameterArg{Container: "model", Name: "--model"}}
	template, err := Apply(least(), []Parameter{{p, "s3://0"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := Serving(template, "", []v1alpha1.CandidateParameter{p}); got.Values != nil {
		t.Errorf("a template that no run has made gives %v", got)
	}
}

func TestFallingBackToWhatServes(t *testing.T) {
	for name, tc := range map[string]struct {
		c    Choice
		want bool
	}{
		"the template is as it was: the verdict stays":        {Choice{Retrained: "b", Serving: "a", Primary: "a", Candidate: "b"}, false},
		"the template is another":                             {Choice{Retrained: "d", Serving: "c", Primary: "a", Candidate: "b"}, true},
		"the other is being tried":                            {Choice{Retrained: "d", Serving: "c", Primary: "a", Candidate: "c"}, true},
		"the other serves":                                    {Choice{Retrained: "d", Serving: "c", Primary: "c", Candidate: "c"}, true},
		"the other has served long enough":                    {Choice{Retrained: "d", Serving: "c", Primary: "c"}, true},
		"the template went back to the one that was rejected": {Choice{Retrained: "b", Serving: "a", Primary: "a", Candidate: "c"}, true},
		"a person wants it tried again":                       {Choice{Retrained: "b", Serving: "c", Primary: "a", Candidate: "c", Asked: true}, false},
		"it came with the template, and both are rejected":    {Choice{Retrained: "b", Serving: "c", Primary: "a", Candidate: "b"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.c.FallsBack(); got != tc.want {
				t.Errorf("falls back: %t, want %t", got, tc.want)
			}
		})
	}
}
