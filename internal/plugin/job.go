// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
)

// annotationInstantiate is what kubectl create job --from says of a Job.
const annotationInstantiate = "cronjob.kubernetes.io/instantiate"

// crons are the CronJobs of analyses in the namespace; of all monitors when the name is empty.
func (c *cluster) crons(ctx context.Context, name string) ([]batchv1.CronJob, error) {
	labels := client.MatchingLabels{naming.LabelRole: naming.RoleAnalysis}
	if name != "" {
		labels[naming.LabelMonitor] = name
	}
	var list batchv1.CronJobList
	if err := c.client.List(ctx, &list, client.InNamespace(c.namespace), labels); err != nil {
		return nil, fmt.Errorf("listing the CronJobs of analyses: %w", err)
	}
	return list.Items, nil
}

// ofMonitor leaves those that the monitor controls: labels alone anybody can set.
func ofMonitor(crons []batchv1.CronJob, m *v1alpha1.ModelMonitor) []batchv1.CronJob {
	return slices.DeleteFunc(crons, func(c batchv1.CronJob) bool { return !metav1.IsControlledBy(&c, m) })
}

func kindOf(c *batchv1.CronJob) string { return c.Labels[naming.LabelAnalysis] }

// jobNow makes a Job from a CronJob, which controls it, so that the operator records its verdict. Its name cannot be one
// that the schedule makes: that counts minutes, and this seconds.
func jobNow(cron *batchv1.CronJob, now time.Time) *batchv1.Job {
	template := cron.Spec.JobTemplate.DeepCopy()
	annotations := map[string]string{annotationInstantiate: "manual"}
	maps.Copy(annotations, template.Annotations)
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: cron.Namespace, Name: cron.Name + "-" + strconv.FormatInt(now.Unix(), 10),
			Labels: template.Labels, Annotations: annotations,
			// Whoever may make Jobs need not be allowed to block the deletion of the CronJob.
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "CronJob", Name: cron.Name, UID: cron.UID, Controller: new(true),
			}},
		},
		Spec: template.Spec,
	}
}

// labelAsks is the label naming.LabelAnalysis of Jobs that only ask. It is no kind of analysis: nothing is recorded of them.
const labelAsks = "question"

// templateOf is the CronJob whose template a question takes: one of an analysis that only reads, where there is one.
func templateOf(crons []batchv1.CronJob) *batchv1.CronJob {
	for _, kind := range []string{monitor.KindOutliers, monitor.KindDrift} {
		for i := range crons {
			if kindOf(&crons[i]) == kind {
				return &crons[i]
			}
		}
	}
	return &crons[0]
}

// jobThatAsks makes a Job from the template of an analysis that runs another one and is read by its log. The monitor does not
// control it, so that the operator leaves it alone; it goes with the monitor, and soon after its end.
func jobThatAsks(m *v1alpha1.ModelMonitor, cron *batchv1.CronJob, q question, timeout time.Duration) *batchv1.Job {
	spec := cron.Spec.JobTemplate.DeepCopy().Spec
	spec.BackoffLimit = new(int32(0))
	spec.ActiveDeadlineSeconds = new(max(int64(timeout.Seconds()), 1))
	spec.TTLSecondsAfterFinished = new(int32(600))
	labels := maps.Clone(cron.Spec.JobTemplate.Labels)
	labels[naming.LabelAnalysis] = labelAsks
	spec.Template.Labels = labels
	for i := range spec.Template.Spec.Containers {
		args := &spec.Template.Spec.Containers[i].Args
		*args = slices.Concat([]string{q.kind}, (*args)[min(1, len(*args)):], q.args)
	}
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: m.Namespace, GenerateName: m.Name + "-" + labelAsks + "-", Labels: labels,
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "ModelMonitor", Name: m.Name, UID: m.UID,
			}},
		},
		Spec: spec,
	}
}
