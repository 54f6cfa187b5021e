// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/test/harness"
)

// alertTimeout covers a scrape, an evaluation of each rule and the minute after which the operator reads it back.
const alertTimeout = 2 * time.Minute

// The segment that drifts in June, and one that does not.
const (
	drifted = "atl"
	stable  = "lax"
)

// checkAlert waits for the alert on Atlanta's drift, and fails when Los Angeles has one.
func (d *demo) checkAlert(ctx context.Context) error {
	var firing []harness.Alert
	err := harness.Until(ctx, alertTimeout, "the alert on "+scoreThreshold+" in segment "+drifted, func(ctx context.Context) (bool, string, error) {
		alerts, err := d.prometheus.Alerts(ctx)
		firing = slices.DeleteFunc(alerts, func(a harness.Alert) bool { return a.State != "firing" })
		return slices.ContainsFunc(firing, func(a harness.Alert) bool {
			return a.Labels["threshold"] == scoreThreshold && a.Labels["segment"] == drifted
		}), fmt.Sprintf("%d alerts fire", len(firing)), err
	})
	if err != nil {
		return err
	}
	for _, a := range firing {
		d.sayf("FIRING %s severity=%s threshold=%s segment=%s", a.Labels["alertname"], a.Labels["severity"], a.Labels["threshold"], a.Labels["segment"])
		d.sayf("  %s", a.Annotations["description"])
		if a.Labels["segment"] == stable {
			return fmt.Errorf("an alert fires for segment %s, which is healthy", stable)
		}
	}
	return nil
}

// checkStatus waits until the monitor names what is violated, and shows it as kubectl does.
func (d *demo) checkStatus(ctx context.Context) error {
	var m *v1alpha1.ModelMonitor
	err := harness.Until(ctx, alertTimeout, "the violation in the monitor's status", func(ctx context.Context) (bool, string, error) {
		var err error
		if m, err = d.monitor(ctx); err != nil {
			return false, "", err
		}
		return slices.ContainsFunc(m.Status.Violations, func(v v1alpha1.Violation) bool {
			return v.ThresholdName == scoreThreshold && v.Segment == drifted
		}), fmt.Sprintf("it has %d violations", len(m.Status.Violations)), nil
	})
	if err != nil {
		return err
	}
	for _, v := range m.Status.Violations {
		d.sayf("violated: %s in segment %s since %s", v.ThresholdName, v.Segment, clock(v.StartTime.Time))
		if v.Segment == stable {
			return fmt.Errorf("segment %s is healthy, and the status says that it violates %s", stable, v.ThresholdName)
		}
	}
	if !meta.IsStatusConditionTrue(m.Status.Conditions, v1alpha1.ConditionDriftDetected) {
		return fmt.Errorf("condition %s is not True", v1alpha1.ConditionDriftDetected)
	}
	for _, show := range []struct {
		command             string
		resource            schema.GroupVersionResource
		namespace, selector string
	}{
		{"kubectl get modelmonitors -A", v1alpha1.GroupVersion.WithResource("modelmonitors"), "", ""},
		{"kubectl get annotationqueues -A", v1alpha1.GroupVersion.WithResource("annotationqueues"), "", ""},
		{"kubectl -n flights get configmaps -l " + childrenSelector, core("configmaps"), flightsNamespace, childrenSelector},
		{"kubectl -n flights get services -l " + childrenSelector, core("services"), flightsNamespace, childrenSelector},
		{"kubectl -n flights get servicemonitors -l " + childrenSelector, monitoring("servicemonitors"), flightsNamespace, childrenSelector},
		{"kubectl -n flights get prometheusrules -l " + childrenSelector, monitoring("prometheusrules"), flightsNamespace, childrenSelector},
		{"kubectl -n flights get cronjobs -l " + childrenSelector, schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "cronjobs"}, flightsNamespace, childrenSelector},
	} {
		table, err := d.cluster.Table(ctx, show.resource, show.namespace, show.selector)
		if err != nil {
			return err
		}
		d.sayf("$ %s", show.command)
		d.print(table)
	}
	return nil
}

var childrenSelector = naming.LabelMonitor + "=" + monitorKey.Name

func core(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: resource}
}

func monitoring(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "monitoring.coreos.com", Version: "v1", Resource: resource}
}
