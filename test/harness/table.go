// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// Table lists a resource as kubectl shows it: the columns are the server's. With an empty namespace it lists all, and
// shows the namespaces. A label selector may restrict it.
func (c *Cluster) Table(ctx context.Context, resource schema.GroupVersionResource, namespace, selector string) (string, error) {
	config := rest.CopyConfig(c.Config)
	config.GroupVersion = new(resource.GroupVersion())
	config.APIPath = "/apis"
	if resource.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = clientgoscheme.Codecs.WithoutConversion()
	api, err := rest.RESTClientFor(config)
	if err != nil {
		return "", fmt.Errorf("listing %s: %w", resource.Resource, err)
	}
	b, err := api.Get().NamespaceIfScoped(namespace, namespace != "").Resource(resource.Resource).Param("labelSelector", selector).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("listing %s: %w", resource.Resource, err)
	}
	var table metav1.Table
	if err := json.Unmarshal(b, &table); err != nil {
		return "", fmt.Errorf("listing %s: %w", resource.Resource, err)
	}
	return render(table, namespace == "")
}

// render lays out the columns that kubectl shows without -o wide.
func render(table metav1.Table, namespaces bool) (string, error) {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 3, ' ', 0)
	line := func(namespace string, cell func(i int) any) {
		var cells []string
		if namespaces {
			cells = append(cells, namespace)
		}
		for i, column := range table.ColumnDefinitions {
			if column.Priority == 0 {
				cells = append(cells, fmt.Sprint(cell(i)))
			}
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	line("NAMESPACE", func(i int) any { return strings.ToUpper(table.ColumnDefinitions[i].Name) })
	for _, row := range table.Rows {
		var object metav1.PartialObjectMetadata
		if err := json.Unmarshal(row.Object.Raw, &object); err != nil {
			return "", fmt.Errorf("reading a row: %w", err)
		}
		line(object.Namespace, func(i int) any {
			if row.Cells[i] == nil {
				return ""
			}
			return row.Cells[i]
		})
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	return out.String(), nil
}
