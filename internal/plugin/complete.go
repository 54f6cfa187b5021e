// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// A completion that cannot be made is none: a person who types must not read errors.

// completeFlags completes the flags that say which cluster is meant.
func (p *Plugin) completeFlags(root *cobra.Command) {
	for flag, values := range map[string]func(context.Context) []string{
		"namespace": p.namespaces,
		"context":   p.contexts,
	} {
		// It fails only for a flag that is not there.
		_ = root.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return values(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
		})
	}
}

// completeMonitor completes the argument at the position with the names of monitors.
func (p *Plugin) completeMonitor(position int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) != position {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return p.monitors(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
	}
}

func (p *Plugin) monitors(ctx context.Context) []string {
	c, err := p.connect(&p.flags)
	if err != nil {
		return nil
	}
	var list v1alpha1.ModelMonitorList
	if err := c.client.List(ctx, &list, client.InNamespace(c.namespace)); err != nil {
		return nil
	}
	names := make([]string, len(list.Items))
	for i := range list.Items {
		names[i] = list.Items[i].Name
	}
	return names
}

func (p *Plugin) namespaces(ctx context.Context) []string {
	c, err := p.connect(&p.flags)
	if err != nil {
		return nil
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := c.client.List(ctx, list); err != nil {
		return nil
	}
	return nameOfEach(list)
}

func nameOfEach(list *metav1.PartialObjectMetadataList) []string {
	names := make([]string, len(list.Items))
	for i := range list.Items {
		names[i] = list.Items[i].Name
	}
	return names
}

func (p *Plugin) contexts(context.Context) []string {
	raw, err := p.flags.config().RawConfig()
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(raw.Contexts))
}
