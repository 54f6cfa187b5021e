// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// serving is the revision that serves, for who does not know which that is.
const serving = "serving"

// rolloutStory is one revision of a rollout: what it was made of, and what was decided about it.
type rolloutStory struct {
	Rollout  string `json:"rollout"`
	Revision string `json:"revision"`
	// State is what it does now: Serves, Candidate, Rejected or Kept.
	State string `json:"state"`
	// Run is the retraining run whose values its parameters have; empty where it came as it is from the template.
	Run        string          `json:"run,omitempty"`
	Parameters []parameterView `json:"parameters,omitempty"`
	Verdict    string          `json:"verdict,omitempty"`
	Message    string          `json:"message,omitempty"`
	Decided    time.Time       `json:"decided,omitzero"`
}

type parameterView struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// rolloutOf is the rollout that uses a monitor; nil when none does. Of several only the oldest does.
func (c *cluster) rolloutOf(ctx context.Context, m *v1alpha1.ModelMonitor) (*v1alpha1.ShadowRollout, error) {
	var list v1alpha1.ShadowRolloutList
	if err := c.client.List(ctx, &list, client.InNamespace(m.Namespace)); err != nil {
		return nil, fmt.Errorf("listing ShadowRollouts: %w", err)
	}
	var found *v1alpha1.ShadowRollout
	for i := range list.Items {
		r := &list.Items[i]
		if string(r.Spec.MonitorRef.Name) == m.Name && (found == nil || r.CreationTimestamp.Before(&found.CreationTimestamp)) {
			found = r
		}
	}
	return found, nil
}

// stories are those of the revisions that a monitor's rollout serves and tries, after that of the one that is asked about.
func (c *cluster) stories(ctx context.Context, m *v1alpha1.ModelMonitor, asked string) ([]rolloutStory, error) {
	r, err := c.rolloutOf(ctx, m)
	if err != nil {
		return nil, err
	}
	if r == nil && asked != "" {
		return nil, usage("no ShadowRollout uses the ModelMonitor %s, so that nothing has revisions", m.Name)
	}
	if r == nil {
		return nil, nil
	}
	primary := string(r.Status.PrimaryRevision)
	if asked == serving {
		if asked = primary; asked == "" {
			return nil, fmt.Errorf("nothing of the ShadowRollout %s serves yet", r.Name)
		}
	}
	var stories []rolloutStory
	var told []string
	for _, revision := range []string{asked, primary, string(r.Status.Candidate.Revision)} {
		if revision == "" || slices.Contains(told, revision) {
			continue
		}
		told = append(told, revision)
		s, err := c.story(ctx, r, m, revision)
		if err != nil {
			return stories, err
		}
		stories = append(stories, s)
	}
	return stories, nil
}

// story reads what is kept of a revision, and what status knows about it.
func (c *cluster) story(ctx context.Context, r *v1alpha1.ShadowRollout, m *v1alpha1.ModelMonitor, revision string) (rolloutStory, error) {
	s := rolloutStory{Rollout: r.Name, Revision: revision, State: "Kept"}
	var template corev1.PodTemplateSpec
	if !rollout.Theirs(r) { // which keeps nothing, and whose workloads come from the user as they are
		var err error
		if template, err = c.kept(ctx, r, revision); err != nil {
			return s, err
		}
	}
	for _, p := range rollout.Read(template, r.Spec.Candidate.Parameters) {
		s.Parameters = append(s.Parameters, parameterView{string(p.Name), p.Value})
	}
	if run := rollout.MadeBy(template, r.Spec.Candidate.Parameters, m.Status.Retraining.Runs); run != nil {
		s.Run = string(run.Name)
	}
	status := &r.Status
	if candidate := status.Candidate; string(candidate.Revision) == revision {
		s.State, s.Verdict = "Candidate", string(candidate.Verdict)
	}
	if d := status.Decision; string(d.Revision) == revision {
		s.Verdict, s.Message, s.Decided = string(d.Verdict), d.Message, d.Time.Time
	}
	if x := rollout.Rejection(status, v1alpha1.Revision(revision)); x != nil {
		s.State, s.Verdict, s.Decided = "Rejected", string(v1alpha1.VerdictFail), x.Time.Time
		s.Message = cmp.Or(x.Message, x.Reason)
	}
	if string(status.PrimaryRevision) == revision {
		s.State = "Serves"
	}
	if s.State == "Kept" && rollout.Theirs(r) {
		return s, fmt.Errorf("nothing is known of revision %s: the ShadowRollout %s keeps nothing of workloads that are not its own", revision, r.Name)
	}
	return s, nil
}

// rollouts shows what became of what the runs have made.
func (v *whyView) rollouts(out *page, now time.Time) {
	rows := [][]string{{"ROLLOUT", "REVISION", "STATE", "RUN", "VERDICT", "AGO", "PARAMETERS"}}
	for _, s := range v.Rollouts {
		rows = append(rows, []string{clip(s.Rollout, 24), s.Revision, s.State, s.Run, s.Verdict, age(now, s.Decided), s.parameters()})
	}
	fit(rows)
	out.table(rows)
	for _, s := range v.Rollouts {
		switch {
		case s.Message != "":
			out.text(2, s.Revision+": "+s.Message)
		case s.State == "Serves" && s.Verdict == "":
			out.text(2, s.Revision+": what was decided about it status knows no more; the audit log does, where the class keeps one")
		}
		if s.Run == "" {
			out.text(2, s.Revision+": no retraining run that status knows has made it: it came from Git, or from an older run")
		}
	}
}

func (s *rolloutStory) parameters() string {
	var parts []string
	for _, p := range s.Parameters {
		parts = append(parts, p.Name+"="+p.Value)
	}
	return strings.Join(parts, " ")
}

// completeRevision completes the revisions of the rollout of a monitor.
func (p *Plugin) completeRevision(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) != 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := p.connect(&p.flags)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	m, err := c.monitor(cmd.Context(), args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	r, err := c.rolloutOf(cmd.Context(), m)
	if err != nil || r == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := []string{serving}
	for _, revision := range []v1alpha1.Revision{r.Status.PrimaryRevision, r.Status.Candidate.Revision} {
		if revision != "" && !slices.Contains(names, string(revision)) {
			names = append(names, string(revision))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
