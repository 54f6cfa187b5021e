// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/dataset"
	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/test/data"
)

// judged hands over what became of the flights that nobody was asked about, and waits until a performance run has found the accuracy violated.
func (l *loop) judged() {
	l.Helper()
	var labels bytes.Buffer
	rest := maps.Clone(l.flights)
	for _, item := range l.done {
		delete(rest, l.items[item].Prediction.LabelKey)
	}
	flights := slices.Collect(maps.Values(rest))
	if err := data.WriteLabels(&labels, flights); err != nil {
		l.Fatal(err)
	}
	if err := l.bucket().Put(l.Context(), l.layout().Inbox("labels")+"june.csv", labels.Bytes()); err != nil {
		l.Fatal(err)
	}
	l.performed(l.sent.Instances)
	l.waitCondition(reconcileTimeout, v1alpha1.ConditionWithinThresholds, metav1.ConditionFalse, v1alpha1.ReasonViolated, "accuracy (atl)")
}

// retrained waits for the run that the violation starts, and compares what it got with what the store holds.
func (l *loop) retrained() {
	l.Helper()
	l.run = l.trained()
	m, err := dataset.Load(l.Context(), l.bucket(), l.layout(), l.run.Dataset.Digest)
	if err != nil {
		l.Fatal(err)
	}
	fromPeople := map[string]bool{}
	err = dataset.EachRow(l.Context(), l.bucket(), l.layout(), m, func(r *dataset.Row) error {
		if r.Source == string(label.SourceReview) {
			fromPeople[r.RecordID] = true
		}
		return nil
	})
	if err != nil {
		l.Fatal(err)
	}
	if m.Content.Rows < labelled {
		l.Errorf("the dataset has %d rows, want more than the %d that people answered", m.Content.Rows, labelled)
	}
	for _, item := range l.done {
		if !fromPeople[item] {
			l.Errorf("the dataset lacks the answer to %s", item)
		}
	}
	result, err := cluster.Finished(l.Context(), startTimeout, types.NamespacedName{Namespace: l.namespace, Name: string(l.run.Name)})
	if err != nil {
		l.Fatal(err)
	}
	if !strings.Contains(result.Log, m.Digest) || !strings.Contains(l.run.Version, m.Digest[:12]) {
		l.Errorf("the run was about %q and made version %q, want the dataset %s", result.Log, l.run.Version, m.Digest)
	}
}

// trained waits until the monitor's first retraining run has succeeded.
func (s *scene) trained() (run v1alpha1.RetrainingRun) {
	s.Helper()
	s.until(2*startTimeout, "a retraining run to succeed", func(ctx context.Context) (bool, string, error) {
		m, err := s.readMonitor(ctx)
		if err != nil {
			return false, "", err
		}
		runs := m.Status.Retraining.Runs
		if len(runs) == 0 {
			return false, "there is none", nil
		}
		run = runs[0]
		if run.State == v1alpha1.RetrainingFailed {
			return false, "", fmt.Errorf("the run failed: %s", run.Message)
		}
		return run.State == v1alpha1.RetrainingSucceeded, fmt.Sprintf("it is %s: %s", run.State, run.Message), nil
	})
	return run
}

// told follows the lineage from the command line, in both directions.
func (l *loop) told() {
	l.Helper()
	status, err := cluster.Plugin(l.Context(), "status", modelName, "-n", l.namespace)
	if err != nil {
		l.Fatal(err)
	}
	for _, text := range []string{"atl", "lax", "accuracy"} {
		if !strings.Contains(strings.ToLower(status), text) {
			l.Errorf("the status lacks %q:\n%s", text, status)
		}
	}
	for _, from := range [][]string{{}, {"--dataset", l.run.Dataset.Digest}, {"--run", string(l.run.Name)}} {
		why, err := cluster.Plugin(l.Context(), append([]string{"why", modelName, "-n", l.namespace}, from...)...)
		if err != nil {
			l.Fatal(err)
		}
		for _, text := range []string{"accuracy", "atl", l.run.Dataset.Digest[:12], string(l.run.Name), l.run.Version} {
			if !strings.Contains(why, text) {
				l.Errorf("why %s lacks %q:\n%s", from, text, why)
			}
		}
	}
}
