// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

// A replay sends a month in less than the drift analysis' window of two minutes. It has more than 1,000 flights of every
// segment that is judged.
const (
	replayFlights  = 48_000
	replaySeconds  = 90
	replayBatch    = 10
	replayDeadline = 4 * time.Minute
)

// window and flush are those of config/samples/flights.
const (
	driftWindow = 2 * time.Minute
	flush       = 10 * time.Second
	// grain is what windows of analyses begin and end on.
	grain = time.Minute
)

// replay is a month that was sent.
type replay struct {
	traffic.Result
	started, finished time.Time
}

// startReplay starts a Job that sends a month through the model's Service, as any client would.
func (d *demo) startReplay(ctx context.Context, month data.Window) error {
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: flightsNamespace, Name: replayName(month)},
		Spec: batchv1.JobSpec{
			// A second attempt would send flights twice.
			BackoffLimit: new(int32(0)),
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				RestartPolicy:                corev1.RestartPolicyNever,
				AutomountServiceAccountToken: new(false),
				Containers: []corev1.Container{{
					Name: "replay", Image: "vedette.dev/replay:dev", ImagePullPolicy: corev1.PullIfNotPresent,
					Args: []string{
						"--url=http://" + modelKey.Name, "--window=" + string(month), "--rows=" + strconv.Itoa(replayFlights),
						fmt.Sprintf("--rate=%d", int(math.Ceil(float64(replayFlights)/replaySeconds))), "--batch=" + strconv.Itoa(replayBatch),
					},
				}},
			}},
		},
	}
	if err := d.cluster.Create(ctx, job); err != nil {
		return fmt.Errorf("starting the replay of %s: %w", month, err)
	}
	return nil
}

// finishReplay waits until a month is sent.
func (d *demo) finishReplay(ctx context.Context, month data.Window) (replay, error) {
	result, err := d.cluster.Finished(ctx, replayDeadline, client.ObjectKey{Namespace: flightsNamespace, Name: replayName(month)})
	if err != nil {
		return replay{}, err
	}
	r := replay{started: result.Started, finished: result.Finished}
	if err := json.Unmarshal([]byte(result.Log), &r.Result); err != nil {
		return replay{}, fmt.Errorf("reading what the replay of %s counted: %w", month, err)
	}
	d.sayf("%d flights in %d requests, all answered, in %s", r.Instances, r.Requests, r.finished.Sub(r.started))
	return r, nil
}

func replayName(month data.Window) string { return "replay-" + string(month) }

func (d *demo) replayMay(ctx context.Context) (err error) {
	if err = d.startReplay(ctx, data.May); err != nil {
		return err
	}
	d.may, err = d.finishReplay(ctx, data.May)
	return err
}

// judgeMay starts June on the first whole minute after May, so that no window holds flights of both, and lets a drift
// run look at May as soon as all of May is in the store.
func (d *demo) judgeMay(ctx context.Context) error {
	end := ceil(d.may.finished)
	if err := d.at(ctx, end); err != nil {
		return err
	}
	if err := d.startReplay(ctx, data.June); err != nil {
		return err
	}
	if err := d.at(ctx, end.Add(settled)); err != nil {
		return err
	}
	run, err := d.runDrift(ctx, "flights-drift-may")
	if err != nil {
		return err
	}
	if run.To.After(end) {
		return fmt.Errorf("the run looked at traffic until %s, after June began at %s", run.To, end)
	}
	if err := wantOutcome(run, v1alpha1.AnalysisOutcomeStable); err != nil {
		return err
	}
	d.june, err = d.finishReplay(ctx, data.June)
	return err
}

// settled is how long after its end a window can be analysed: analyze leaves two flushes to the sidecars, and clocks of
// nodes differ a little.
const settled = 2*flush + 2*time.Second

// judgeJune runs the drift analysis on June alone.
func (d *demo) judgeJune(ctx context.Context) error {
	if err := d.at(ctx, ceil(d.june.finished).Add(settled)); err != nil {
		return err
	}
	run, err := d.runDrift(ctx, "flights-drift-june")
	if err != nil {
		return err
	}
	if run.From.Time.Before(ceil(d.may.finished)) {
		return fmt.Errorf("the run looked at traffic from %s on, when May was still being replayed", run.From)
	}
	if err := wantOutcome(run, v1alpha1.AnalysisOutcomeDrift); err != nil {
		return err
	}
	return wantThresholds(run, scoreThreshold, map[v1alpha1.ItemName]v1alpha1.ThresholdOutcome{
		drifted: v1alpha1.ThresholdFail, stable: v1alpha1.ThresholdPass,
	})
}

// at waits until t; a time that has passed is now.
func (d *demo) at(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(t.Sub(d.now()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ceil is the first whole minute that is not before t.
func ceil(t time.Time) time.Time { return t.Add(grain - 1).Truncate(grain) }
