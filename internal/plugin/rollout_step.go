// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// step is something that a person decides about a candidate, by an annotation that names its revision.
type step struct {
	name, short, long string
	// annotation is what is set.
	annotation string
	// refuses says why the step cannot be taken; nil when it can.
	refuses func(r *v1alpha1.ShadowRollout, revision string) error
	// follows says what comes of it.
	follows string
	// clears are annotations that are taken away where they name the revision.
	clears []string
	// counts says that each value has an effect once.
	counts bool
}

var steps = []step{
	{
		name: "promote", annotation: naming.AnnotationPromote, refuses: refusesPromotion, follows: "it takes over from what serves, and is then watched",
		short: "Let a candidate that has passed take over", long: `Let a candidate take over, for when no commit can be waited for: else spec.promotion.approvedRevision in Git does the same. Only
one that has passed is promoted.`,
	},
	{
		name: "reject", annotation: naming.AnnotationReject, follows: "it is not to serve; one that was just promoted is taken back",
		short: "Reject a candidate, or take back one that was just promoted", long: `Reject a candidate, whatever the evidence says. One that was promoted, and is still watched, is taken back: what served before it
serves again. It is not tried again until retry asks for it.`,
	},
	{
		name: "abort", annotation: naming.AnnotationAbort, follows: "its trial ends, and it is on record as not to serve",
		short: "End the trial of a candidate", long: "End the trial of a candidate. It is on record as not to serve, and is not tried again until retry asks for it.",
	},
	{
		name: "pause", annotation: naming.AnnotationPause, refuses: refusesToPause, follows: "nothing is decided until it is resumed",
		short: "Hold every step with a candidate", long: "Hold every step with a candidate, while requests go on being compared.",
	},
	{
		name: "resume", clears: []string{naming.AnnotationPause}, follows: "it goes on",
		refuses: func(r *v1alpha1.ShadowRollout, revision string) error {
			if r.Annotations[naming.AnnotationPause] != revision {
				return fmt.Errorf("revision %s is not paused", revision)
			}
			return nil
		},
		short: "Go on with a candidate that is paused", long: "Go on with a candidate that is paused.",
	},
	{
		// What was said about the last try is not meant for the next.
		name: "retry", annotation: naming.AnnotationRetry, counts: true, refuses: refusesToRetry, follows: "it is tried again, with evidence from now on",
		clears: []string{naming.AnnotationReject, naming.AnnotationAbort, naming.AnnotationPromote, naming.AnnotationPause},
		short:  "Try a candidate again", long: `Try a candidate again that was rejected, aborted or had no verdict in time, with evidence from now on. What was asked by annotation for
the last try, such as its promotion, does not hold for the next.`,
	},
}

func (p *Plugin) stepCommand(s step) *cobra.Command {
	o := outputText
	cmd := &cobra.Command{
		Use:   s.name + " NAME REVISION",
		Short: s.short,
		Long: s.long + `

REVISION is that of the candidate, as kubectl vedette rollout status shows it: what is decided about is what was looked at, and not what
has come since.`,
		Example:           "  kubectl vedette rollout " + s.name + " fraud 5f2c91d07e",
		Args:              arguments(2, 2, "a NAME and the REVISION of its candidate"),
		ValidArgsFunction: p.completeCandidate,
		RunE:              func(cmd *cobra.Command, args []string) error { return p.step(cmd.Context(), s, o, args[0], args[1]) },
	}
	cmd.Flags().VarP(&o, "output", "o", "text or json")
	return cmd
}

// stepView is what was done.
type stepView struct {
	Namespace string `json:"namespace"`
	Rollout   string `json:"rollout"`
	Revision  string `json:"revision"`
	Step      string `json:"step"`
	// Annotation and Value are what was set; a step that only takes some away has none.
	Annotation string   `json:"annotation,omitempty"`
	Value      string   `json:"value,omitempty"`
	Removed    []string `json:"removed,omitempty"`
}

func (p *Plugin) step(ctx context.Context, s step, o output, name, revision string) error {
	c, err := p.connect(&p.flags)
	if err != nil {
		return err
	}
	r, err := c.rollout(ctx, name)
	if err != nil {
		return err
	}
	if err := s.check(r, revision); err != nil {
		return err
	}
	v := stepView{Namespace: r.Namespace, Rollout: r.Name, Revision: revision, Step: s.name}
	before := r.DeepCopy()
	for _, key := range s.clears {
		if r.Annotations[key] == revision {
			delete(r.Annotations, key)
			v.Removed = append(v.Removed, key)
		}
	}
	if s.annotation != "" {
		v.Annotation, v.Value = s.annotation, revision
		if s.counts {
			v.Value = another(r, revision)
		}
		metav1.SetMetaDataAnnotation(&r.ObjectMeta, v.Annotation, v.Value)
	}
	// What was checked must still be so when it is written.
	err = c.client.Patch(ctx, r, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) {
		return fmt.Errorf("the ShadowRollout %s has changed meanwhile: look at it with kubectl vedette rollout status %s, and decide again", name, name)
	}
	if err != nil {
		return fmt.Errorf("annotating the ShadowRollout: %w", err)
	}
	if o == outputJSON {
		return writeJSON(p.Stdout, v)
	}
	fmt.Fprintf(p.Stdout, "shadowrollout.vedette.dev/%s: %s %s: %s\n", name, s.name, revision, s.follows)
	return nil
}

// check says why a step cannot be taken; nil when it can.
func (s step) check(r *v1alpha1.ShadowRollout, revision string) error {
	candidate := string(r.Status.Candidate.Revision)
	if candidate == "" {
		return fmt.Errorf("%s has no candidate: what serves is %s, and nothing else is wanted", r.Name, r.Status.PrimaryRevision)
	}
	if revision != candidate {
		return usage("%s is not the candidate of %s: that is %s. Look at it with kubectl vedette rollout status %s, and name it", revision, r.Name, candidate, r.Name)
	}
	if s.refuses == nil {
		return nil
	}
	return s.refuses(r, revision)
}

// refusesPromotion says why a candidate cannot be promoted, and how it could be.
func refusesPromotion(r *v1alpha1.ShadowRollout, revision string) error {
	status := &r.Status
	switch {
	case rollout.Theirs(r):
		ref := r.Spec.Candidate.WorkloadRef
		return fmt.Errorf("%s only advises, as what serves is not its own: give what serves the version of the %s %q where you roll it out", r.Name, ref.Kind, ref.Name)
	case policyOf(r) == v1alpha1.PromotionAdvise:
		return fmt.Errorf("nothing is promoted by the policy Advise: set spec.promotion.policy of %s", r.Name)
	case string(status.PrimaryRevision) == revision:
		return fmt.Errorf("revision %s serves already", revision)
	case string(rollout.Passed(r)) == revision:
		return nil
	}
	if d := status.Decision; string(d.Revision) == revision && d.Verdict == v1alpha1.VerdictPass {
		return fmt.Errorf("spec.analysis was changed since revision %s has passed, which is judged anew: kubectl vedette rollout status %s says how far that is", revision, r.Name)
	}
	for _, x := range status.Rejected {
		if string(x.Revision) == revision {
			return fmt.Errorf("revision %s was rejected (%s): %s. kubectl vedette rollout retry %s %s tries it again", revision, x.Reason, x.Message, r.Name, revision)
		}
	}
	for _, c := range status.Conditions {
		if c.Type == v1alpha1.ConditionCandidateFit && c.Reason == v1alpha1.ReasonDeadlineExceeded {
			return fmt.Errorf("revision %s had no verdict in its time, and only what has passed is promoted: kubectl vedette rollout retry %s %s tries it again; "+
				"spec.mirror.percent and spec.analysis.deadline give it more requests", revision, r.Name, revision)
		}
	}
	return fmt.Errorf("revision %s has not passed yet, and only what has is promoted: %s", revision, wanting(r))
}

// wanting says what a candidate still needs to pass.
func wanting(r *v1alpha1.ShadowRollout) string {
	c := &r.Status.Candidate
	if c.Pairs == nil || *c.Pairs == 0 {
		return "no request has been compared yet. kubectl vedette rollout status " + r.Name + " says why"
	}
	var open []string
	var need int64
	for _, f := range c.Findings {
		if f.Verdict != v1alpha1.VerdictPass {
			open = append(open, string(f.Criterion)+" in "+string(f.Segment))
			need = max(need, f.Need)
		}
	}
	text := fmt.Sprintf("of %d requests it is not shown that it holds %s", *c.Pairs, strings.Join(open[:min(len(open), 4)], ", "))
	if n := len(open) - 4; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	if need > 0 {
		text += fmt.Sprintf("; about %d more are needed", need)
	}
	return text + ". Wait, mirror more (spec.mirror.percent), or ask for less (spec.analysis)"
}

func refusesToPause(r *v1alpha1.ShadowRollout, revision string) error {
	if string(r.Status.PrimaryRevision) == revision {
		return fmt.Errorf("revision %s serves already: kubectl vedette rollout reject %s %s takes it back while it is watched", revision, r.Name, revision)
	}
	return nil
}

func refusesToRetry(r *v1alpha1.ShadowRollout, revision string) error {
	if string(r.Status.PrimaryRevision) == revision {
		return fmt.Errorf("revision %s serves already: there is nothing to try", revision)
	}
	return nil
}

// another is a value of the annotation that asks for a try of a revision and was not used for one.
func another(r *v1alpha1.ShadowRollout, revision string) string {
	used := []string{r.Annotations[naming.AnnotationRetry], r.Status.Candidate.Retry}
	for _, x := range r.Status.Rejected {
		used = append(used, x.Retry)
	}
	value := revision
	for n := 2; slices.Contains(used, value); n++ {
		value = fmt.Sprintf("%s/%d", revision, n)
	}
	return value
}
