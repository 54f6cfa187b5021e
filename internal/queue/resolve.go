// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// Resolved is what feeds a queue.
type Resolved struct {
	// Class is the class of all its monitors; nil when there is none, or more than one.
	Class *v1alpha1.MonitorClass
	// Monitors are those that exist and have the class, in the order of the spec.
	Monitors []*v1alpha1.ModelMonitor
	// Complete says that no monitor of the spec is left out.
	Complete bool
}

// Resolve finds what feeds a queue among the monitors of its namespace, and says what is missing. What is missing does not
// keep the others from feeding it.
func Resolve(q *v1alpha1.AnnotationQueue, monitors []v1alpha1.ModelMonitor, classes []v1alpha1.MonitorClass, namespaceLabels map[string]string) (Resolved, []error) {
	var r Resolved
	var problems []error
	var missing, used []string
	users := map[string][]string{}
	for _, ref := range q.Spec.Monitors {
		i := slices.IndexFunc(monitors, func(m v1alpha1.ModelMonitor) bool { return m.Name == string(ref.Name) })
		if i < 0 {
			missing = append(missing, string(ref.Name))
			continue
		}
		m := &monitors[i]
		class, err := monitor.ClassFor(classes, m.Spec.ClassName, namespaceLabels)
		if err != nil {
			problems = append(problems, of(m, err))
			continue
		}
		if users[class.Name] == nil {
			used = append(used, class.Name)
		}
		users[class.Name] = append(users[class.Name], m.Name)
		r.Class, r.Monitors = class, append(r.Monitors, m)
	}
	r.Complete = len(r.Monitors) == len(q.Spec.Monitors)
	if len(used) > 1 {
		r.Class = nil
		problems = append(problems, mismatch(used, users))
	}
	if len(missing) > 0 {
		problems = append(problems, reconcileerr.NewWaiting(v1alpha1.ReasonMonitorNotFound,
			"no ModelMonitor is named %s: create it, or take it out of spec.monitors; the others feed the queue", strings.Join(missing, ", ")))
	}
	return r, problems
}

func mismatch(classes []string, users map[string][]string) error {
	parts := make([]string, 0, len(classes))
	for _, c := range classes {
		parts = append(parts, fmt.Sprintf("%s (%s)", c, strings.Join(users[c], ", ")))
	}
	return reconcileerr.NewStalled(v1alpha1.ReasonClassMismatch,
		"spec.monitors use different MonitorClasses: %s. A queue reads one store: make a queue for each class", strings.Join(parts, ", "))
}

// of says of which monitor an error is.
func of(m *v1alpha1.ModelMonitor, err error) error {
	if stalled := (*reconcileerr.Stalled)(nil); errors.As(err, &stalled) {
		return reconcileerr.NewStalled(stalled.Reason, "of the ModelMonitor %s: %s", m.Name, stalled.Message)
	}
	if waiting := (*reconcileerr.Waiting)(nil); errors.As(err, &waiting) {
		return reconcileerr.NewWaiting(waiting.Reason, "of the ModelMonitor %s: %s", m.Name, waiting.Message)
	}
	return err
}
