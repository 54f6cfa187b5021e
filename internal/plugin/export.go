// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/rollout"
)

func (p *Plugin) exportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export ROLLOUT",
		Short: "Print the patch that writes what a retraining run has made into the template in Git",
		Long: `Print the patch that writes the parameters of the revision that serves into the template, so that Git catches up with a retraining run.
It is a strategic merge patch of the Deployment of spec.candidate.templateRef, as kustomize and kubectl patch take them. It makes no new
revision: a value and a parameter of that value are the same.`,
		Example:           `  kubectl vedette export fraud > overlays/prod/retrained.yaml`,
		Args:              arguments(1, 1, "the name of a ROLLOUT"),
		ValidArgsFunction: p.completeRollout,
		RunE:              func(cmd *cobra.Command, args []string) error { return p.export(cmd.Context(), args[0]) },
	}
}

func (p *Plugin) export(ctx context.Context, name string) error {
	c, err := p.connect(&p.flags)
	if err != nil {
		return err
	}
	r, err := c.rollout(ctx, name)
	if err != nil {
		return err
	}
	revision := string(r.Status.PrimaryRevision)
	switch {
	case rollout.Theirs(r):
		return fmt.Errorf("%s compares two workloads of yours, into which no retraining run has written: there is nothing to export", name)
	case len(r.Spec.Candidate.Parameters) == 0:
		return fmt.Errorf("%s has no spec.candidate.parameters: what serves is the template as it was in Git", name)
	case revision == "":
		return fmt.Errorf("nothing of %s serves yet", name)
	}
	serves, err := c.kept(ctx, r, revision)
	if err != nil {
		return err
	}
	template := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: r.Namespace, Name: string(r.Spec.Candidate.TemplateRef.Name)}
	if err := c.client.Get(ctx, key, template); err != nil {
		return fmt.Errorf("reading the template: %w", err)
	}
	document, err := patchOf(template, rollout.Read(serves, r.Spec.Candidate.Parameters))
	if errors.Is(err, errNothingToWrite) {
		fmt.Fprintf(p.Stderr, "The template %s has the parameters of revision %s, which serves: there is nothing to write.\n", key.Name, revision)
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Stdout, "# What revision %s of the ShadowRollout %s/%s has, and its template has not.\n%s%s",
		revision, r.Namespace, r.Name, c.origin(ctx, r, serves), document)
	return nil
}

// origin is a comment that says which run made what is written. Who may not read the monitor does without.
func (c *cluster) origin(ctx context.Context, r *v1alpha1.ShadowRollout, serves corev1.PodTemplateSpec) string {
	m, err := c.monitor(ctx, string(r.Spec.MonitorRef.Name))
	if err != nil {
		return ""
	}
	run := rollout.MadeBy(serves, r.Spec.Candidate.Parameters, m.Status.Retraining.Runs)
	if run == nil {
		return ""
	}
	text := "# Made by the retraining run " + string(run.Name)
	if run.Version != "" {
		text += ", version " + printable(run.Version)
	}
	if run.Dataset.Digest != "" {
		text += ", of the dataset\n# " + run.Dataset.Digest
	}
	return text + ".\n"
}

// patch is a strategic merge patch of a Deployment: lists of containers and variables are merged by name, arguments replaced.
type patch struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Template struct {
			Metadata *patchMetadata `json:"metadata,omitempty"`
			Spec     *patchPods     `json:"spec,omitempty"`
		} `json:"template"`
	} `json:"spec"`
}

type patchMetadata struct {
	Annotations map[string]string `json:"annotations"`
}

type patchPods struct {
	Containers     []patchContainer `json:"containers,omitempty"`
	InitContainers []patchContainer `json:"initContainers,omitempty"`
}

type patchContainer struct {
	Name    string           `json:"name"`
	Command []string         `json:"command,omitempty"`
	Args    []string         `json:"args,omitempty"`
	Env     []map[string]any `json:"env,omitempty"`
}

var errNothingToWrite = errors.New("nothing to write")

// patchOf is the patch that puts the parameters into the user's template: what applying them changes there.
func patchOf(d *appsv1.Deployment, parameters []rollout.Parameter) ([]byte, error) {
	wanted, err := rollout.Apply(d.Spec.Template, parameters)
	if err != nil {
		return nil, fmt.Errorf("the template %s: %w", d.Name, err)
	}
	x := patch{APIVersion: "apps/v1", Kind: "Deployment"}
	x.Metadata.Name = d.Name
	annotations := map[string]string{}
	for key, value := range wanted.Annotations {
		if d.Spec.Template.Annotations[key] != value {
			annotations[key] = value
		}
	}
	if len(annotations) > 0 {
		x.Spec.Template.Metadata = &patchMetadata{annotations}
	}
	pods := patchPods{
		Containers:     patchContainers(d.Spec.Template.Spec.Containers, wanted.Spec.Containers),
		InitContainers: patchContainers(d.Spec.Template.Spec.InitContainers, wanted.Spec.InitContainers),
	}
	if len(pods.Containers)+len(pods.InitContainers) > 0 {
		x.Spec.Template.Spec = &pods
	}
	if x.Spec.Template.Metadata == nil && x.Spec.Template.Spec == nil {
		return nil, errNothingToWrite
	}
	return yaml.Marshal(x)
}

func patchContainers(has, wanted []corev1.Container) []patchContainer {
	var all []patchContainer
	for i := range wanted {
		c := patchContainer{Name: wanted[i].Name}
		if !slices.Equal(has[i].Args, wanted[i].Args) {
			c.Args = wanted[i].Args
		}
		if !slices.Equal(has[i].Command, wanted[i].Command) {
			c.Command = wanted[i].Command
		}
		for _, v := range wanted[i].Env {
			j := slices.IndexFunc(has[i].Env, func(h corev1.EnvVar) bool { return h.Name == v.Name })
			if j >= 0 && equality.Semantic.DeepEqual(has[i].Env[j], v) {
				continue
			}
			entry := map[string]any{"name": v.Name, "value": v.Value}
			if j >= 0 && has[i].Env[j].ValueFrom != nil {
				entry["valueFrom"] = nil // else the two are merged, and refused
			}
			c.Env = append(c.Env, entry)
		}
		if len(c.Args)+len(c.Command)+len(c.Env) > 0 {
			all = append(all, c)
		}
	}
	return all
}
