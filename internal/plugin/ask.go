// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// question is something that only the store can answer.
type question struct {
	// kind and args are what analyze is told in a Job. It prints its answer as JSON.
	kind string
	args []string
	// here answers the same in this process, where the store can be reached from here.
	here func(ctx context.Context, e *analyze.Env) (any, wire.Verdict, error)
}

// storeFlags say how the store is asked.
type storeFlags struct {
	direct      bool
	credentials string
	timeout     time.Duration
}

func (f *storeFlags) define(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.direct, "direct", false, "Read the store from this machine, with its own credentials, instead of by a Job in the cluster")
	cmd.Flags().StringVar(&f.credentials, "store-credentials", "", "`folder` with the files AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, for --direct; the usual chain of credentials when empty")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Minute, "How long to wait for the Job")
}

// ask puts a question to the store of a monitor, and decodes the answer.
//
// By default a Job of its own answers it: with the image, the configuration and the credentials of the monitor's analyses,
// which the machine of whoever asks need not have. It takes the rights to make Jobs and to read logs, and no more.
func (p *Plugin) ask(ctx context.Context, c *cluster, m *v1alpha1.ModelMonitor, f *storeFlags, q question, answer any) error {
	if f.credentials != "" && !f.direct {
		return usage("--store-credentials is for --direct: the Job has the credentials of the monitor's class")
	}
	var document []byte
	var err error
	if f.direct {
		document, err = p.askHere(ctx, c, m, f, q)
	} else {
		document, err = p.askJob(ctx, c, m, f, q)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(document, answer); err != nil {
		return fmt.Errorf("reading what analyze %s found: %w", q.kind, err)
	}
	return nil
}

func (p *Plugin) askHere(ctx context.Context, c *cluster, m *v1alpha1.ModelMonitor, f *storeFlags, q question) ([]byte, error) {
	config, err := c.config(ctx, m)
	if err != nil {
		return nil, err
	}
	bucket, err := store.Open(ctx, config.Store.URL, f.credentials)
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	defer func() { _ = bucket.Close() }() // it was only read
	now := p.Now().UTC()
	e := &analyze.Env{
		Config: config, Bucket: bucket, Now: now, Run: now.Format("20060102T150405Z") + "-kubectl",
		Log: slog.New(slog.NewTextHandler(p.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	answer, verdict, err := q.here(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("analyze %s: %w", q.kind, err)
	}
	if verdict.Outcome == wire.OutcomeFailed {
		return nil, failedVerdict(q.kind, verdict)
	}
	return json.Marshal(answer)
}

// config is the configuration of the monitor's analyses.
func (c *cluster) config(ctx context.Context, m *v1alpha1.ModelMonitor) (wire.Config, error) {
	cm := &corev1.ConfigMap{}
	if err := c.client.Get(ctx, client.ObjectKey{Namespace: m.Namespace, Name: naming.Config(m.Name)}, cm); err != nil {
		return wire.Config{}, fmt.Errorf("reading the configuration of the analyses: %w", err)
	}
	config, _, err := wire.Decode([]byte(cm.Data[naming.ConfigFile]))
	if err != nil {
		return wire.Config{}, fmt.Errorf("reading the configuration of the analyses: %w", err)
	}
	return config, nil
}

func failedVerdict(kind string, v wire.Verdict) error {
	return fmt.Errorf("analyze %s failed: %s: %s", kind, v.Reason, v.Message)
}

func (p *Plugin) askJob(ctx context.Context, c *cluster, m *v1alpha1.ModelMonitor, f *storeFlags, q question) ([]byte, error) {
	crons, err := c.crons(ctx, m.Name)
	if err != nil {
		return nil, err
	}
	crons = ofMonitor(crons, m)
	if len(crons) == 0 {
		return nil, fmt.Errorf("no analysis of %s is scheduled, whose Job could be asked: kubectl vedette status %s says why it is not ready; --direct reads the store from here", m.Name, m.Name)
	}
	job := jobThatAsks(m, templateOf(crons), q, f.timeout)
	if err := c.client.Create(ctx, job); err != nil {
		return nil, fmt.Errorf("making a Job that reads the store (--direct reads it from here): %w", err)
	}
	defer p.forget(ctx, c, job)
	ended, pods, err := p.await(ctx, c, client.ObjectKeyFromObject(job), f.timeout)
	if err != nil {
		return nil, err
	}
	runs := monitor.Ended([]batchv1.Job{*ended}, pods)
	if len(runs) == 0 {
		return nil, fmt.Errorf("the Job %s ended, and its pod is gone: ask again", job.Name)
	}
	verdict, err := wire.DecodeVerdict(runs[0].Message)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the Job %s ended without a verdict (%s): is the image of the analyses of this release? %w%s",
			job.Name, runs[0].Failure, err, c.lastWords(ctx, pods))
	case verdict.Outcome == wire.OutcomeFailed:
		return nil, failedVerdict(q.kind, verdict)
	}
	return c.printed(ctx, pods)
}

// forget removes a Job that was made to ask. It would go by itself as well, so that it is no error when that is not allowed.
func (p *Plugin) forget(ctx context.Context, c *cluster, job *batchv1.Job) {
	// Whoever interrupts us wants the Job gone, too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := c.client.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if err != nil && !apierrors.IsNotFound(err) {
		fmt.Fprintf(p.Stderr, "the Job %s could not be removed, and stays for ten minutes: %v\n", job.Name, err)
	}
}

// maxPrinted bounds what is read of a pod's log.
const maxPrinted = 64 << 20

// printed is the JSON document that the pod of a Job has printed. What it logged stands before it, in lines of its own.
func (c *cluster) printed(ctx context.Context, pods []corev1.Pod) ([]byte, error) {
	text, err := c.log(ctx, pods)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(text) {
		if line[0] == '{' {
			break
		}
		text = text[len(line):]
	}
	var document json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&document); err != nil {
		return nil, fmt.Errorf("the Job printed no answer: %w", err)
	}
	return document, nil
}

func (c *cluster) log(ctx context.Context, pods []corev1.Pod) ([]byte, error) {
	if len(pods) == 0 {
		return nil, errors.New("the pod of the Job is gone")
	}
	last := pods[len(pods)-1]
	stream, err := c.logs(ctx, last.Namespace, last.Name)
	if err != nil {
		return nil, fmt.Errorf("reading the log of the pod %s: %w", last.Name, err)
	}
	defer stream.Close()
	text, err := io.ReadAll(io.LimitReader(stream, maxPrinted))
	if err != nil {
		return nil, fmt.Errorf("reading the log of the pod %s: %w", last.Name, err)
	}
	return text, nil
}

// lastWords are the end of a pod's log, for an error.
func (c *cluster) lastWords(ctx context.Context, pods []corev1.Pod) string {
	text, err := c.log(ctx, pods)
	text = bytes.TrimSpace(text)
	if err != nil || len(text) == 0 {
		return ""
	}
	if i := bytes.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return "\n" + clip(printable(string(text)), 400)
}
