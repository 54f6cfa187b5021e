// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/expr"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Validate says what is wrong with a queue that only its monitors' schemas tell: rules that hold for no monitor, and
// features to redact that none has, which would be shown under their right name. A monitor that is still missing may have
// what the others lack.
func Validate(q *v1alpha1.AnnotationQueue, r Resolved) []error {
	if !r.Complete {
		return nil
	}
	var problems []error
	if unknown := unknownFeatures(q, r.Monitors); len(unknown) > 0 {
		problems = append(problems, reconcileerr.NewStalled(v1alpha1.ReasonUnknownFeature,
			"spec.redact.features: no monitor of the queue has the feature %s", strings.Join(unknown, ", ")))
	}
	for _, rule := range q.Spec.Priority.Rules {
		if err := compiles(q, rule, r.Monitors); err != nil {
			problems = append(problems, reconcileerr.NewStalled(v1alpha1.ReasonInvalidExpression,
				"spec.priority.rules[%s].when: for no monitor of the queue; for %s: %v", rule.Name, r.Monitors[0].Name, err))
		}
	}
	return problems
}

func unknownFeatures(q *v1alpha1.AnnotationQueue, monitors []*v1alpha1.ModelMonitor) []string {
	var unknown []string
	for _, name := range q.Spec.Redact.Features {
		known := slices.ContainsFunc(monitors, func(m *v1alpha1.ModelMonitor) bool {
			return slices.ContainsFunc(m.Spec.Schema.Features, func(f v1alpha1.Feature) bool { return f.Name == name })
		})
		if !known {
			unknown = append(unknown, string(name))
		}
	}
	return unknown
}

// compiles returns nil when a rule compiles for any of the monitors, else what is wrong with it for the first. It does not
// see what is redacted.
func compiles(q *v1alpha1.AnnotationQueue, rule v1alpha1.PriorityRule, monitors []*v1alpha1.ModelMonitor) error {
	var first error
	for _, m := range monitors {
		err := compile(Visible(q, monitor.Schema(m.Spec.Schema)), string(rule.When))
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func compile(schema wire.Schema, expression string) error {
	env, err := expr.NewEnv(schema)
	if err != nil {
		return err
	}
	_, err = env.Compile(expression)
	return err
}

// Visible is a schema without the features that the queue redacts.
func Visible(q *v1alpha1.AnnotationQueue, s wire.Schema) wire.Schema {
	s.Features = slices.DeleteFunc(slices.Clone(s.Features), func(f wire.Feature) bool {
		return slices.Contains(q.Spec.Redact.Features, v1alpha1.FeatureName(f.Name))
	})
	return s
}
