// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// runOfRetraining is one retraining run.
type runOfRetraining struct {
	Name    string `json:"name"`
	Trigger string `json:"trigger"`
	Reason  string `json:"reason"`
	// Threshold and Segment are those whose violation called for it.
	Threshold   string    `json:"threshold,omitempty"`
	Segment     string    `json:"segment,omitempty"`
	State       string    `json:"state"`
	Message     string    `json:"message,omitempty"`
	Requested   time.Time `json:"requested,omitzero"`
	Started     time.Time `json:"started,omitzero"`
	Finished    time.Time `json:"finished,omitzero"`
	Dataset     string    `json:"dataset,omitempty"`
	DatasetURI  string    `json:"datasetURI,omitempty"`
	BaseVersion string    `json:"baseVersion,omitempty"`
	Version     string    `json:"version,omitempty"`
	URI         string    `json:"uri,omitempty"`
}

func retrainingRun(r *v1alpha1.RetrainingRun) runOfRetraining {
	return runOfRetraining{
		Name: string(r.Name), Trigger: string(r.Trigger), Reason: r.Reason, Threshold: string(r.Threshold), Segment: string(r.Segment),
		State: string(r.State), Message: r.Message,
		Requested: r.RequestTime.Time, Started: r.StartTime.Time, Finished: r.FinishTime.Time,
		Dataset: r.Dataset.Digest, DatasetURI: r.Dataset.URI, BaseVersion: r.Dataset.BaseVersion, Version: r.Version, URI: r.URI,
	}
}

// runsOf are the retraining runs that a suspect may have to do with, the latest first: all but those that another threshold
// called for.
func runsOf(m *v1alpha1.ModelMonitor, s suspect) []runOfRetraining {
	var runs []runOfRetraining
	for i := len(m.Status.Retraining.Runs) - 1; i >= 0; i-- {
		r := retrainingRun(&m.Status.Retraining.Runs[i])
		if s.Threshold == "" || r.Threshold == "" || r.Threshold == s.Threshold {
			runs = append(runs, r)
		}
	}
	return runs[:min(len(runs), 3)]
}

// runFrom finds the run of a name, the one that made a version, or the one that a dataset was built for. A dataset that no run in status tells of is asked
// about all the same.
func runFrom(m *v1alpha1.ModelMonitor, y *why) (runOfRetraining, error) {
	var found []runOfRetraining
	for i := range m.Status.Retraining.Runs {
		r := retrainingRun(&m.Status.Retraining.Runs[i])
		if y.run != "" && r.Name == y.run || y.version != "" && r.Version == y.version || y.dataset != "" && r.Dataset != "" && strings.HasPrefix(r.Dataset, y.dataset) {
			found = append(found, r)
		}
	}
	switch {
	case len(found) == 0 && len(y.dataset) == 64:
		return runOfRetraining{Dataset: y.dataset}, nil
	case len(found) == 0 && y.run != "":
		return runOfRetraining{}, usage("status of %s knows no retraining run %q: it knows %s", m.Name, y.run, cmp.Or(strings.Join(runNames(m), ", "), "none"))
	case len(found) == 0 && y.version != "":
		return runOfRetraining{}, usage("no retraining run that status of %s knows made the version %q: they made %s", m.Name, y.version, cmp.Or(strings.Join(versionNames(m), ", "), "none"))
	case len(found) == 0:
		return runOfRetraining{}, usage("status of %s knows no dataset whose digest begins with %q: name all 64 digits", m.Name, y.dataset)
	}
	last := found[len(found)-1]
	for _, r := range found {
		if r.Dataset != last.Dataset && y.dataset != "" {
			return runOfRetraining{}, usage("several datasets begin with %q: name more of the digest", y.dataset)
		}
	}
	if last.Dataset == "" {
		return runOfRetraining{}, fmt.Errorf("the run %s has no dataset: it is %s: %s", last.Name, last.State, cmp.Or(last.Message, last.Reason))
	}
	return last, nil
}

func runNames(m *v1alpha1.ModelMonitor) []string {
	var names []string
	for _, r := range m.Status.Retraining.Runs {
		names = append(names, string(r.Name))
	}
	return names
}

func versionNames(m *v1alpha1.ModelMonitor) []string {
	var names []string
	for _, r := range m.Status.Retraining.Runs {
		if r.Version != "" {
			names = append(names, r.Version)
		}
	}
	return names
}

func datasetDigests(m *v1alpha1.ModelMonitor) []string {
	var digests []string
	for _, r := range m.Status.Retraining.Runs {
		if r.Dataset.Digest != "" {
			digests = append(digests, r.Dataset.Digest)
		}
	}
	return digests
}
