// SPDX-License-Identifier: Apache-2.0

package review

import (
	"cmp"
	"fmt"
	"time"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/promql"
)

// alert is one alerting rule. Summary and description are templates, which hold nothing that a user wrote.
type alert struct {
	name, expr           string
	hold                 v1alpha1.Duration
	severity             v1alpha1.Severity
	summary, description string
}

// alerts are about people's work that does not get done, and about what keeps it from them. Every pod says the same of the
// queue, so the greatest counts.
func (p Params) alerts() []alert {
	unread := p.greatest("sum by (pod) (" + p.of(naming.MetricQueueUnread, promql.Equal("origin", "outlier")) + ")")
	return []alert{
		{
			name: "VedetteReviewDown", hold: "10m", severity: v1alpha1.SeverityWarning,
			expr:        "absent(" + promql.Select("up", promql.Equal("namespace", p.Queue.Namespace), promql.Equal("job", p.name())) + " == 1)",
			summary:     "the page is not served",
			description: "No pod of the queue has answered Prometheus for 10m. Outliers wait in the store, and are taken in once a pod runs.",
		},
		{
			name: "VedetteQueueAgeing", hold: "30m", severity: v1alpha1.SeverityWarning,
			expr:        fmt.Sprintf("time() - min(%s) > %d", p.of(naming.MetricQueueOldestPending), int64(p.oldestPending()/time.Second)),
			summary:     "items wait too long for an answer",
			description: "The oldest pending item has waited for {{ $value | humanizeDuration }}.",
		},
		{
			name: "VedetteOutliersUnread", hold: "30m", severity: v1alpha1.SeverityWarning,
			expr:        fmt.Sprintf("%s > %d", unread, cmp.Or(p.Queue.Spec.Alerting.UnreadOutliers, 1000)),
			summary:     "outliers pile up unread",
			description: "{{ $value | printf \"%.0f\" }} outliers wait that nobody has looked at.",
		},
		{
			name: "VedetteQueueBudgetExhausted", hold: "1h", severity: v1alpha1.SeverityInfo,
			expr:        fmt.Sprintf("%s and on () (%s == 0)", unread+" > 0", p.greatest(p.of(naming.MetricQueueBudgetLeft))),
			summary:     "the budget of the day is used up, and outliers wait",
			description: "{{ $value | printf \"%.0f\" }} outliers wait that nobody has looked at, and no more items are offered today.",
		},
		{
			name: "VedetteLabelsNotPublished", hold: "30m", severity: v1alpha1.SeverityWarning,
			expr: fmt.Sprintf("%s > 0 unless on () (max(increase(%s[30m])) > 0)",
				p.greatest(p.of(naming.MetricQueueUnpublished)), p.of(naming.MetricQueuePublished)),
			summary:     "answers do not reach the store",
			description: "{{ $value | printf \"%.0f\" }} labels wait to be written to the store. They are safe in the queue's database, and count nowhere yet.",
		},
		{
			name: "VedetteQueueFailing", hold: "15m", severity: v1alpha1.SeverityWarning,
			expr:        fmt.Sprintf("sum by (task) (increase(%s[15m])) > 0", p.of(naming.MetricQueueErrors)),
			summary:     "the task {{ $labels.task }} keeps failing",
			description: "It has failed about {{ $value | printf \"%.0f\" }} times in 15m, and is tried again. The log of the pods says why.",
		},
	}
}

// of selects a metric of the queue.
func (p Params) of(metric string, more ...promql.Match) string {
	return promql.Select(metric, append([]promql.Match{promql.Equal("namespace", p.Queue.Namespace), promql.Equal("queue", p.Queue.Name)}, more...)...)
}

func (Params) greatest(expr string) string { return "max(" + expr + ")" }
