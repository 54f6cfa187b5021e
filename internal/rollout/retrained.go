// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// Made is what parameters are filled with, and the retraining run that made it. Its zero value leaves the template's own.
type Made struct {
	Run    string
	Values []Parameter
}

// Serving is what the parameters of what serves were filled with, by its template and the run that made it. A template that no run
// has made was taken as it was, and so is the next one.
func Serving(template corev1.PodTemplateSpec, run string, parameters []v1alpha1.CandidateParameter) Made {
	if run == "" {
		return Made{}
	}
	return Made{Run: run, Values: Read(template, parameters)}
}

// Retrained is what the last run has made that succeeded with a value for any parameter. What it has none for stays as it serves, and
// so does everything where no run is known: a monitor that was made anew has forgotten those of the one before.
func Retrained(parameters []v1alpha1.CandidateParameter, runs []v1alpha1.RetrainingRun, serving Made) Made {
	for i := range slices.Backward(runs) {
		values := Values(parameters, &runs[i])
		if runs[i].State != v1alpha1.RetrainingSucceeded || len(values) == 0 {
			continue
		}
		made, known := Made{Run: string(runs[i].Name)}, slices.Concat(values, serving.Values)
		for _, p := range parameters {
			if at := slices.IndexFunc(known, func(k Parameter) bool { return k.CandidateParameter == p }); at >= 0 {
				made.Values = append(made.Values, known[at])
			}
		}
		return made
	}
	return serving
}

// Choice is between two revisions of one template, once what the last retraining run has made was rejected in any revision: with that,
// and with what serves.
type Choice struct {
	Retrained, Serving string
	// Asked says that a person wants the retrained one tried all the same.
	Asked bool
	// Primary is the revision that serves, Candidate the one on record as tried.
	Primary, Candidate string
}

// FallsBack says whether the template is to have what serves: with what was rejected, no change of it could ever pass. While that
// leaves nothing to try, the retrained one stays if it was tried last, so that its verdict is still told.
func (c Choice) FallsBack() bool {
	return !c.Asked && (c.Serving != c.Primary || c.Candidate != c.Retrained)
}
