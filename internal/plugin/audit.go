// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/audit"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/store"
)

type verify struct {
	url, cluster, credentials string
	heads                     []string
	first                     uint64
	output                    output
}

func (p *Plugin) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "audit", Short: "Work on the audit log", Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.verifyCommand())
	return cmd
}

func (p *Plugin) verifyCommand() *cobra.Command {
	v := &verify{output: outputText}
	cmd := &cobra.Command{
		Use:   "verify [CLASS]",
		Short: "Find every change in the audit log",
		Long: `Read the whole audit log from this machine, and find every entry that was changed, removed, inserted or moved. Where the log is, the
MonitorClass says, by default the only one that has any, or --url and --cluster-name.

A log that was cut at its end, or written anew as a whole, is only told from a whole one by a head that was seen before: the metric
vedette_audit_head has it, and --head takes it.`,
		Example: `  kubectl vedette audit verify standard --head 1204:5f3c9a1be0d24c77
  kubectl vedette audit verify --url 's3://audit?region=eu-west-1' --cluster-name prod`,
		Args: arguments(0, 1, "at most one CLASS"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return p.classes(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error { return p.verify(cmd.Context(), v, args) },
	}
	cmd.Flags().StringVar(&v.url, "url", "", "Where the log is, such as s3://bucket/prefix?region=… or file:///folder; spec.audit.url of the class when empty")
	cmd.Flags().StringVar(&v.cluster, "cluster-name", "", "`name` of the cluster in the log; spec.clusterName of the class when empty")
	cmd.Flags().StringVar(&v.credentials, "store-credentials", "", "`folder` with the files AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; the usual chain of credentials when empty")
	cmd.Flags().StringArrayVar(&v.heads, "head", nil, "`end` of the log that was seen before, such as 1204:5f3c9a1be0d24c77; may be repeated")
	cmd.Flags().Uint64Var(&v.first, "first", 1, "`number` of the first entry that must be there, for a log whose beginning was let go")
	cmd.Flags().VarP(&v.output, "output", "o", "text or json")
	return cmd
}

// verifyView is what was found in a log.
type verifyView struct {
	URL      string          `json:"url"`
	Cluster  string          `json:"cluster"`
	Entries  uint64          `json:"entries"`
	First    uint64          `json:"first"`
	Head     string          `json:"head"`
	Repeated int             `json:"repeated,omitempty"`
	Intact   bool            `json:"intact"`
	Heads    []string        `json:"heads,omitempty"`
	Findings []audit.Finding `json:"findings,omitempty"`
}

func (p *Plugin) verify(ctx context.Context, v *verify, args []string) error {
	expect := audit.Expect{First: v.first}
	for _, text := range v.heads {
		head, err := audit.ParseHead(text)
		if err != nil {
			return usage("--head: %w", err)
		}
		expect.Heads = append(expect.Heads, head)
	}
	if len(args) == 1 || v.url == "" || v.cluster == "" {
		if err := p.auditOf(ctx, v, args); err != nil {
			return err
		}
	}
	bucket, err := store.Open(ctx, v.url, v.credentials)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	defer func() { _ = bucket.Close() }() // it was only read
	report, err := audit.Verify(ctx, bucket, v.cluster, expect)
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	view := verifyView{
		URL: v.url, Cluster: v.cluster, Entries: report.Entries, First: report.First, Head: report.Head.String(), Repeated: report.Repeated,
		Intact: report.Intact(), Heads: v.heads, Findings: report.Findings,
	}
	if v.output == outputJSON {
		err = writeJSON(p.Stdout, view)
	} else {
		err = view.page().write(p.Stdout)
	}
	if err == nil && !view.Intact {
		return &exit{code: exitFailed}
	}
	return err
}

// auditOf takes from a class what the flags do not say: from the one that is named, or the only one with an audit log.
func (p *Plugin) auditOf(ctx context.Context, v *verify, args []string) error {
	c, err := p.connect(&p.flags)
	if err != nil {
		return err
	}
	class := &v1alpha1.MonitorClass{}
	if len(args) == 0 {
		class, err = c.classWithAudit(ctx)
	} else {
		err = c.client.Get(ctx, client.ObjectKey{Name: args[0]}, class)
	}
	if err != nil {
		return fmt.Errorf("reading the MonitorClass (--url and --cluster-name do without): %w", err)
	}
	v.url, v.cluster = cmp.Or(v.url, class.Spec.Audit.URL), cmp.Or(v.cluster, string(class.Spec.ClusterName))
	if v.url == "" {
		return fmt.Errorf("the MonitorClass %s keeps no audit log: it has no spec.audit", class.Name)
	}
	return nil
}

// classWithAudit is the only class that keeps an audit log.
func (c *cluster) classWithAudit(ctx context.Context) (*v1alpha1.MonitorClass, error) {
	var list v1alpha1.MonitorClassList
	if err := c.client.List(ctx, &list); err != nil {
		return nil, err
	}
	var names []string
	var found *v1alpha1.MonitorClass
	for i := range list.Items {
		if list.Items[i].Spec.Audit.URL != "" {
			found = &list.Items[i]
			names = append(names, found.Name)
		}
	}
	if len(names) == 1 {
		return found, nil
	}
	return nil, usage("name one of those with an audit log: %s", cmp.Or(strings.Join(names, ", "), "there is none"))
}

func (p *Plugin) classes(ctx context.Context) []string {
	c, err := p.connect(&p.flags)
	if err != nil {
		return nil
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("MonitorClassList"))
	if err := c.client.List(ctx, list); err != nil {
		return nil
	}
	return nameOfEach(list)
}

func (v *verifyView) page() *page {
	out := &page{}
	log, _, _ := strings.Cut(v.URL, "?")
	out.rows([][]string{
		{"Log", log + ", cluster " + v.Cluster},
		{"Entries", fmt.Sprintf("%d, from number %d", v.Entries, v.First)},
		{"Head", v.Head},
	})
	rows := [][]string{{"ENTRY", "FAULT", "DETAIL"}}
	for _, f := range v.Findings {
		rows = append(rows, []string{strconv.FormatUint(f.Sequence, 10), string(f.Fault), f.Detail})
	}
	fit(rows)
	out.table(rows)
	out.gap()
	switch {
	case !v.Intact:
		out.text(0, "NOT INTACT.")
	case len(v.Heads) == 0:
		out.text(0, "Intact as far as it goes. Nothing was given to tell whether the end was cut off or all was written anew: --head takes what the metric "+
			naming.MetricAuditHead+" said before.")
	default:
		out.text(0, "Intact, and it goes on from "+strings.Join(v.Heads, ", ")+".")
	}
	return out
}
