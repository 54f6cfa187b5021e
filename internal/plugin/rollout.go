// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
)

func (p *Plugin) rolloutCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rollout", Short: "Look at shadow rollouts, and decide about them", Args: noCommand,
		Long: `Look at shadow rollouts, and decide about them.

A change of the pod template makes a candidate, which is tried on copies of requests. status shows its revision and where it stands, and
says what may be done next. The other commands decide about the revision that they name, by an annotation on the ShadowRollout: one that
has passed is promoted, by the policy Manual once a person approves it; one that was rejected is tried again by retry alone.
kubectl get shadowrollouts lists what there is.`,
		Example: `  kubectl vedette rollout status fraud -n payments
  kubectl vedette rollout promote fraud 5f2c91d07e -n payments`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.rolloutStatusCommand())
	for _, s := range steps {
		cmd.AddCommand(p.stepCommand(s))
	}
	return cmd
}

func (p *Plugin) rolloutStatusCommand() *cobra.Command {
	o := outputText
	cmd := &cobra.Command{
		Use:   "status NAME",
		Short: "Show a rollout: what serves, what is tried, and what was found by criterion and segment",
		Long: `Show a rollout: what serves, what is tried beside it, what was found by criterion and segment with the bounds between which the
truth lies, and about how many requests are still needed. What stands in the way comes first, and at the end what a person may do next.`,
		Example:           `  kubectl vedette rollout status fraud -n payments`,
		Args:              arguments(1, 1, "a NAME"),
		ValidArgsFunction: p.completeRollout,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.connect(&p.flags)
			if err != nil {
				return err
			}
			r, err := c.rollout(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			v := rolloutViewOf(r)
			v.flags = p.flags.named()
			if o == outputJSON {
				return writeJSON(p.Stdout, v)
			}
			return v.page(p.Now()).write(p.Stdout)
		},
	}
	cmd.Flags().VarP(&o, "output", "o", "text or json")
	return cmd
}

// rollout reads a rollout of the namespace.
func (c *cluster) rollout(ctx context.Context, name string) (*v1alpha1.ShadowRollout, error) {
	r := &v1alpha1.ShadowRollout{}
	err := c.client.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, r)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no ShadowRollout %q in the namespace %q: kubectl get shadowrollouts -A shows where there are some, and -n names another namespace", name, c.namespace)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the ShadowRollout: %w", err)
	}
	return r, nil
}

// kept is the template that is kept of a revision.
func (c *cluster) kept(ctx context.Context, r *v1alpha1.ShadowRollout, revision string) (corev1.PodTemplateSpec, error) {
	var template corev1.PodTemplateSpec
	kept := &appsv1.ControllerRevision{}
	name := naming.Revision(r.Name, revision)
	err := c.client.Get(ctx, client.ObjectKey{Namespace: r.Namespace, Name: name}, kept)
	if apierrors.IsNotFound(err) || err == nil && !rollout.Owns(r, kept) {
		return template, fmt.Errorf("nothing is kept of revision %s: there is no ControllerRevision %q of the ShadowRollout %s", revision, name, r.Name)
	}
	if err != nil {
		return template, fmt.Errorf("reading what is kept of revision %s: %w", revision, err)
	}
	if err := json.Unmarshal(kept.Data.Raw, &template); err != nil {
		return template, fmt.Errorf("reading what is kept of revision %s: %w", revision, err)
	}
	return template, nil
}

// completeRollout completes the name of a rollout.
func (p *Plugin) completeRollout(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return p.rollouts(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
}

// completeStep completes the name of a rollout, and then the revisions that the step may be about.
func (p *Plugin) completeStep(s step) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) != 1 {
			return p.completeRollout(cmd, args, typed)
		}
		c, err := p.connect(&p.flags)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		r, err := c.rollout(cmd.Context(), args[0])
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return s.revisions(r), cobra.ShellCompDirectiveNoFileComp
	}
}

// revisions are those that the step may be about: the candidate, and for another try those that were rejected.
func (s step) revisions(r *v1alpha1.ShadowRollout) []string {
	var all []string
	if c := r.Status.Candidate.Revision; c != "" {
		all = append(all, string(c))
	}
	if !s.repeats {
		return all
	}
	for _, x := range r.Status.Rejected {
		if x.Revision != r.Status.Candidate.Revision {
			all = append(all, string(x.Revision))
		}
	}
	return all
}

func (p *Plugin) rollouts(ctx context.Context) []string {
	c, err := p.connect(&p.flags)
	if err != nil {
		return nil
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("ShadowRolloutList"))
	if err := c.client.List(ctx, list, client.InNamespace(c.namespace)); err != nil {
		return nil
	}
	return nameOfEach(list)
}

// policyOf is who promotes; unset, a person does.
func policyOf(r *v1alpha1.ShadowRollout) v1alpha1.PromotionPolicy {
	return cmp.Or(r.Spec.Promotion.Policy, v1alpha1.PromotionManual)
}
