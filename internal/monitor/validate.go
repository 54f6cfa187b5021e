// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// Validate judges what the schema of the API cannot: expressions, paths, schedules and selectors. Its error is Stalled and
// names every field that is wrong.
func Validate(m *v1alpha1.ModelMonitor) error {
	if s := m.Spec.Target.PodSelector; s != nil {
		if _, err := metav1.LabelSelectorAsSelector(s); err != nil {
			return reconcileerr.NewStalled(v1alpha1.ReasonInvalidPodSelector, "spec.target.podSelector: %v", err)
		}
	}
	if wrong := schedules(m); len(wrong) > 0 {
		return reconcileerr.NewStalled(v1alpha1.ReasonInvalidSchedule, "%s", strings.Join(wrong, "\n"))
	}
	if wrong := append(paths(m), expressions(m)...); len(wrong) > 0 {
		return reconcileerr.NewStalled(v1alpha1.ReasonInvalidExpression, "%s", strings.Join(wrong, "\n"))
	}
	return nil
}

// CheckHashKey judges whether the class has the key that a monitor needs. Its error is Stalled: without the key, label keys
// that are to be hashed are left out of every record.
func CheckHashKey(m *v1alpha1.ModelMonitor, class *v1alpha1.MonitorClass) error {
	if k := m.Spec.Schema.LabelKey; k.Path == "" || k.Store != v1alpha1.LabelKeyKeyedHash || class.Spec.HashKey.SecretName != "" {
		return nil
	}
	return reconcileerr.NewStalled(v1alpha1.ReasonHashKeyMissing,
		"spec.schema.labelKey.store is KeyedHash, and the MonitorClass %q names no key: set spec.hashKey of the class, or store: Plain", class.Name)
}

func schedules(m *v1alpha1.ModelMonitor) []string {
	var wrong []string
	for i, a := range m.Spec.Analyses {
		if a.Schedule == "" {
			continue
		}
		if _, err := ScheduleOf(m, a); err != nil {
			wrong = append(wrong, fmt.Sprintf("spec.analyses[%d].schedule: %q: %v", i, a.Schedule, err))
		}
	}
	if m.Spec.Retraining.Triggers.Schedule != "" {
		if _, err := RetrainingSchedule(m); err != nil {
			wrong = append(wrong, fmt.Sprintf("spec.retraining.triggers.schedule: %q: %v", m.Spec.Retraining.Triggers.Schedule, err))
		}
	}
	return wrong
}

func paths(m *v1alpha1.ModelMonitor) []string {
	var wrong []string
	check := func(field string, path v1alpha1.FieldPath) {
		if path == "" {
			return
		}
		if _, err := expr.ParsePath(string(path)); err != nil {
			wrong = append(wrong, fmt.Sprintf("spec.%s: %v", field, err))
		}
	}
	check("source.sidecar.json.instances", m.Spec.Source.Sidecar.JSON.Instances)
	check("source.sidecar.json.predictions", m.Spec.Source.Sidecar.JSON.Predictions)
	check("schema.labelKey.path", m.Spec.Schema.LabelKey.Path)
	check("schema.prediction.score", m.Spec.Schema.Prediction.Score)
	check("schema.prediction.label", m.Spec.Schema.Prediction.Label)
	check("schema.prediction.scores", m.Spec.Schema.Prediction.Scores)
	for i, f := range m.Spec.Schema.Features {
		check(fmt.Sprintf("schema.features[%d].path", i), f.Path)
	}
	return wrong
}

func expressions(m *v1alpha1.ModelMonitor) []string {
	if len(m.Spec.Segments) == 0 && len(m.Spec.Outliers.Always) == 0 {
		return nil
	}
	env, err := expr.NewEnv(Schema(m.Spec.Schema))
	if err != nil {
		return []string{fmt.Sprintf("spec.schema: %v", err)}
	}
	var wrong []string
	check := func(field string, expression v1alpha1.Expression) {
		if _, err := env.Compile(string(expression)); err != nil {
			wrong = append(wrong, fmt.Sprintf("spec.%s: %v", field, err))
		}
	}
	for i, s := range m.Spec.Segments {
		check(fmt.Sprintf("segments[%d].when", i), s.When)
	}
	for i, e := range m.Spec.Outliers.Always {
		check(fmt.Sprintf("outliers.always[%d]", i), e)
	}
	return wrong
}
