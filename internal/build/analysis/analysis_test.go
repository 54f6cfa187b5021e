// SPDX-License-Identifier: Apache-2.0

package analysis

import (
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func params(change func(*v1alpha1.MonitorClassSpec)) Params {
	class := wrappers.MakeClass("standard").Spec
	if change != nil {
		change(&class)
	}
	return Params{Monitor: wrappers.MakeMonitor("payments", "fraud").UID("uid").Obj(), Class: &class, Image: "analyze:1"}
}

func TestGolden(t *testing.T) {
	identity := func(c *v1alpha1.MonitorClassSpec) {
		c.Store.Credentials = v1alpha1.StoreCredentials{}
		c.Sidecar.PullSecrets = []v1alpha1.ObjectName{"pull"}
	}
	golden.Object(t, "cronjob", CronJob(params(nil), "drift", "7 3 * * *", false), &batchv1.CronJob{})
	golden.Object(t, "cronjob-suspended", CronJob(params(identity), "outliers", "7 3 * * *", true), &batchv1.CronJob{})
	hashed := func(c *v1alpha1.MonitorClassSpec) { c.HashKey.SecretName = "hash" }
	golden.Object(t, "cronjob-performance", CronJob(params(hashed), "performance", "7 4 * * 1", false), &batchv1.CronJob{})
	golden.Object(t, "job", Job(params(nil), "check", "fraud-check-0123456789"), &batchv1.Job{})
	golden.Object(t, "job-baseline", Job(params(nil), "baseline", "fraud-baseline-0123456789"), &batchv1.Job{})
}

func TestCheckNameFollowsWhatTheCheckDependsOn(t *testing.T) {
	base := CheckName(params(nil))
	if len(base) > 63 {
		t.Errorf("the name %q is too long for a label", base)
	}
	for name, change := range map[string]func(*v1alpha1.MonitorClassSpec){
		"the store's URL":        func(c *v1alpha1.MonitorClassSpec) { c.Store.URL = "s3://other" },
		"the sidecars' Secret":   func(c *v1alpha1.MonitorClassSpec) { c.Store.Credentials.SecretName = "other" },
		"the analyst's Secret":   func(c *v1alpha1.MonitorClassSpec) { c.Store.Credentials.AnalysisSecretName = "other" },
		"the cluster's name":     func(c *v1alpha1.MonitorClassSpec) { c.ClusterName = "other" },
		"the image pull Secrets": func(c *v1alpha1.MonitorClassSpec) { c.Sidecar.PullSecrets = []v1alpha1.ObjectName{"pull"} },
	} {
		if CheckName(params(change)) == base {
			t.Errorf("%s changed, and the name of the check did not", name)
		}
	}
	if got := CheckName(params(func(c *v1alpha1.MonitorClassSpec) { c.Flush = "10s" })); got != base {
		t.Error("what the check does not depend on changed its name")
	}
}

func TestBaselineNameFollowsThePlaceOfTheBaseline(t *testing.T) {
	base := BaselineName(params(nil), "folder")
	if BaselineName(params(nil), "other") == base {
		t.Error("the folder changed, and the name of the Job did not")
	}
	for name, change := range map[string]func(*v1alpha1.MonitorClassSpec){
		"the store's URL":    func(c *v1alpha1.MonitorClassSpec) { c.Store.URL = "s3://other" },
		"the cluster's name": func(c *v1alpha1.MonitorClassSpec) { c.ClusterName = "other" },
	} {
		if BaselineName(params(change), "folder") == base {
			t.Errorf("%s changed, and the name of the Job did not", name)
		}
	}
	if BaselineName(params(func(c *v1alpha1.MonitorClassSpec) { c.Store.Credentials.AnalysisSecretName = "other" }), "folder") != base {
		t.Error("other credentials have the baseline computed anew")
	}
}

func TestTheWriterServesWhereThereIsNoAnalyst(t *testing.T) {
	p := params(func(c *v1alpha1.MonitorClassSpec) { c.Store.Credentials.AnalysisSecretName = "" })
	if got := p.secret(); got != "writer" {
		t.Errorf("secret %q, want writer", got)
	}
	if got := p.writer(); got != "" {
		t.Errorf("the sidecars' Secret %q is checked twice", got)
	}
}

func TestRunsThatReadLabelsCountThoseSinceTheLastTraining(t *testing.T) {
	p := params(nil)
	p.Monitor.Status.Retraining.TrainedTime = metav1.NewTime(time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC))
	for kind, want := range map[string]bool{"labels": true, "performance": true, "dataset": true, "drift": false, "check": false} {
		args := p.container(kind).Args
		if i := slices.Index(args, "--labels-since"); (i > 0) != want || want && args[i+1] != "2026-11-26T12:00:00Z" {
			t.Errorf("%s runs with %q", kind, args)
		}
	}
}
