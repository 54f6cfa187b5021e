// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// fields renders the spec and status of a CustomResourceDefinition as tables, one row a field.
func fields(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(raw, &crd); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	root := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	var b strings.Builder
	for _, name := range []string{"spec", "status"} {
		fmt.Fprintf(&b, "\n### %s\n\n| field | type | default | meaning |\n|---|---|---|---|\n", name)
		top := root.Properties[name]
		walk(&b, "", &top)
	}
	b.WriteString("\n")
	return b.String(), nil
}

func walk(b *strings.Builder, prefix string, s *apiextensionsv1.JSONSchemaProps) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		path := prefix + name
		def := ""
		if p.Default != nil {
			def = "`" + string(p.Default.Raw) + "`"
		}
		kind := typeOf(&p)
		if slices.Contains(s.Required, name) {
			kind += ", required"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", path, kind, def, text(&p))
		if foreign(name) {
			continue
		}
		switch {
		case p.Items != nil && p.Items.Schema != nil && len(p.Items.Schema.Properties) > 0:
			walk(b, path+"[].", p.Items.Schema)
		case len(p.Properties) > 0:
			walk(b, path+".", &p)
		}
	}
}

// foreign tells fields whose shape is Kubernetes' own: their inner fields are described there.
func foreign(name string) bool {
	return slices.Contains([]string{"conditions", "resources", "podSelector", "namespaceSelector", "allowedNamespaces"}, name)
}

func typeOf(p *apiextensionsv1.JSONSchemaProps) string {
	switch {
	case len(p.Enum) > 0:
		var values []string
		for _, v := range p.Enum {
			values = append(values, "`"+strings.Trim(string(v.Raw), `"`)+"`")
		}
		return strings.Join(values, ", ")
	case p.Type == "array" && p.Items != nil && p.Items.Schema != nil:
		return "list of " + typeOf(p.Items.Schema)
	case p.Type == "object" && p.AdditionalProperties != nil:
		return "map"
	}
	return p.Type
}

func text(p *apiextensionsv1.JSONSchemaProps) string {
	var b strings.Builder
	b.WriteString(strings.Join(strings.Fields(p.Description), " "))
	for _, rule := range p.XValidations {
		if rule.Message != "" {
			b.WriteString(" *Rule: " + rule.Message + ".*")
		}
	}
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(b.String())
}
