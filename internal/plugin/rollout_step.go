// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// step is something that a person decides about a revision, by an annotation that names it.
type step struct {
	name, short, long string
	// annotation is what is set.
	annotation string
	// follows says what comes of it, or why nothing does and what could be done instead.
	follows func(subject) (string, error)
	// clears are annotations that are taken away where they name the revision.
	clears []string
	// repeats says that it may be taken again: each value of the annotation has an effect once, and --restart may be given.
	repeats bool
}

var steps = []step{
	{
		name: "promote", annotation: naming.AnnotationPromote, follows: promotes,
		short: "Let a candidate that has passed take over", long: `Let a candidate take over, for when no commit can be waited for: else spec.promotion.approvedRevision in Git does the same. Only
one that has passed is promoted, and none while it is paused, or by the policy Advise.`,
	},
	{
		name: "reject", annotation: naming.AnnotationReject, follows: stops,
		short: "Reject a candidate, or take back one that was just promoted", long: `Reject a candidate, whatever the evidence says. One that was promoted, and is still watched, is taken back: what served before it
serves again. It is not tried again until retry asks for it. By the policy Advise others are told that it has failed, and nothing is
taken back.`,
	},
	{
		name: "abort", annotation: naming.AnnotationAbort, follows: stops,
		short: "End the trial of a candidate", long: `End the trial of a candidate. It does what reject does, and is on record as Aborted, which says nothing about how good it is.`,
	},
	{
		name: "pause", annotation: naming.AnnotationPause, follows: pauses,
		short: "Hold every step with a candidate", long: `Hold every step with a candidate, while requests go on being compared and its deadline runs on, until resume lets it go on. The watch
over one that was promoted is not held.`,
	},
	{
		name: "resume", clears: []string{naming.AnnotationPause}, follows: resumes,
		short: "Go on with a candidate that is paused", long: "Go on with a candidate that is paused. One that has passed and is approved takes over then.",
	},
	{
		// What was said about the last try is not meant for the next.
		name: "retry", annotation: naming.AnnotationRetry, repeats: true, follows: retries,
		clears: []string{naming.AnnotationReject, naming.AnnotationAbort, naming.AnnotationPromote, naming.AnnotationPause},
		short:  "Try a revision again that was rejected, or had no verdict in time", long: `Try a revision again that was rejected, aborted or had no verdict in time, with evidence from then on. One that was rejected and is not
what the template has now is tried as soon as it is. What was asked by annotation for the last try, such as its promotion, does not hold
for the next; spec.promotion.approvedRevision does.

What is being tried, is paused or has passed is left alone, as its evidence would be thrown away; --restart does that.`,
	},
}

func (p *Plugin) stepCommand(s step) *cobra.Command {
	o, restart := outputText, false
	cmd := &cobra.Command{
		Use:   s.name + " NAME REVISION",
		Short: s.short,
		Long: s.long + `

REVISION is that of the candidate, or of one that was rejected, as kubectl vedette rollout status NAME shows it: what is decided about is
what was looked at, and not what has come since. Where nothing would follow, nothing is written: it says why, and what to do instead.`,
		Example:           "  kubectl vedette rollout " + s.name + " fraud 5f2c91d07e -n payments",
		Args:              arguments(2, 2, "a NAME and the REVISION of its candidate, which kubectl vedette rollout status NAME shows"),
		ValidArgsFunction: p.completeStep(s),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.step(cmd.Context(), s, o, args[0], args[1], restart)
		},
	}
	cmd.Flags().VarP(&o, "output", "o", "text or json")
	if s.repeats {
		cmd.Flags().BoolVar(&restart, "restart", false, "begin the trial anew also of a candidate that is being tried, is paused or has passed: what was found of it is dropped")
	}
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
	// Follows says what comes of it. NotReady is what the rollout waits for; empty where it is Ready.
	Follows  string `json:"follows"`
	NotReady string `json:"notReady,omitempty"`
}

// subject is a revision of a rollout that a person decides about.
type subject struct {
	r        *v1alpha1.ShadowRollout
	revision string
	standing standing
	now      time.Time
	// restart says that a person lets go of what was found of it; flags are those by which its cluster was named.
	restart bool
	flags   string
}

// command is one that a person may run next about it.
func (s subject) command(name string) string {
	if name == "status" {
		return "kubectl vedette rollout status " + s.r.Name + s.flags
	}
	return "kubectl vedette rollout " + name + " " + s.r.Name + " " + s.revision + s.flags
}

// source names what the candidates come from.
func (s subject) source() string {
	c := s.r.Spec.Candidate
	if rollout.Theirs(s.r) {
		return fmt.Sprintf("the %s %q", c.WorkloadRef.Kind, c.WorkloadRef.Name)
	}
	return fmt.Sprintf("the pod template of the Deployment %q", c.TemplateRef.Name)
}

func (p *Plugin) step(ctx context.Context, s step, o output, name, revision string, restart bool) error {
	c, err := p.connect(&p.flags)
	if err != nil {
		return err
	}
	r, err := c.rollout(ctx, name)
	if err != nil {
		return err
	}
	about := subject{r: r, revision: revision, standing: standingOf(r, revision, p.Now()), now: p.Now(), restart: restart, flags: p.flags.named()}
	v := stepView{Namespace: r.Namespace, Rollout: r.Name, Revision: revision, Step: s.name}
	if v.Follows, err = s.follows(about); err != nil {
		return err
	}
	if ready := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReady); ready != nil && ready.Status == metav1.ConditionFalse {
		v.NotReady = ready.Message
	}
	before := r.DeepCopy()
	for _, key := range s.clears {
		if r.Annotations[key] == revision {
			delete(r.Annotations, key)
			v.Removed = append(v.Removed, key)
		}
	}
	if s.annotation != "" {
		v.Annotation, v.Value = s.annotation, revision
		if s.repeats {
			v.Value = another(r, revision)
		}
		metav1.SetMetaDataAnnotation(&r.ObjectMeta, v.Annotation, v.Value)
	}
	// What was checked must still be so when it is written.
	err = c.client.Patch(ctx, r, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	if apierrors.IsConflict(err) {
		return fmt.Errorf("the ShadowRollout %s has changed meanwhile: look at it with %s, and decide again", name, about.command("status"))
	}
	if err != nil {
		return fmt.Errorf("annotating the ShadowRollout: %w", err)
	}
	if o == outputJSON {
		return writeJSON(p.Stdout, v)
	}
	return v.page().write(p.Stdout)
}

// page says what was done, and what comes of it.
func (v stepView) page() *page {
	out := &page{}
	out.text(0, fmt.Sprintf("shadowrollout.vedette.dev/%s: %s %s: %s", v.Rollout, v.Step, v.Revision, v.Follows))
	if v.Annotation != "" && len(v.Removed) > 0 {
		out.text(0, "taken away, as it was meant for the last try: "+strings.Join(v.Removed, ", "))
	}
	if v.NotReady != "" {
		out.text(0, "the rollout is not Ready, and what follows may have to wait for that: "+v.NotReady)
	}
	return out
}
