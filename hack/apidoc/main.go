// SPDX-License-Identifier: Apache-2.0

// Command apidoc rewrites the generated parts of the pages in docs: the fields of each kind from its CustomResourceDefinition,
// the conditions and reasons from the comments of the API package, and the metrics from those of the naming package. What
// stands between "<!-- generated: NAME -->" and "<!-- end -->" is replaced; all else is written by people.
//
// Run it in the root of the repository: go run ./hack/apidoc
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
)

var section = regexp.MustCompile(`(?s)(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)`)

// pages names the generated sections that each page holds.
var pages = map[string]map[string]func() (string, error){
	"docs/modelmonitor.md": {
		"fields":     func() (string, error) { return fields("config/crd/bases/vedette.dev_modelmonitors.yaml") },
		"conditions": func() (string, error) { return constants("api/v1alpha1/modelmonitor_status.go", "Condition") },
		"shared":     func() (string, error) { return constants("api/v1alpha1/shared_types.go", "Condition") },
		"reasons":    func() (string, error) { return constants("api/v1alpha1/modelmonitor_status.go", "Reason") },
	},
	"docs/monitorclass.md": {
		"fields":  func() (string, error) { return fields("config/crd/bases/vedette.dev_monitorclasses.yaml") },
		"reasons": func() (string, error) { return constants("api/v1alpha1/monitorclass_types.go", "Reason") },
	},
	"docs/annotationqueue.md": {
		"fields":     func() (string, error) { return fields("config/crd/bases/vedette.dev_annotationqueues.yaml") },
		"conditions": func() (string, error) { return constants("api/v1alpha1/annotationqueue_status.go", "Condition") },
		"reasons":    func() (string, error) { return constants("api/v1alpha1/annotationqueue_status.go", "Reason") },
	},
	"docs/shadowrollout.md": {
		"fields":     func() (string, error) { return fields("config/crd/bases/vedette.dev_shadowrollouts.yaml") },
		"conditions": func() (string, error) { return constants("api/v1alpha1/shadowrollout_status.go", "Condition") },
		"reasons":    func() (string, error) { return constants("api/v1alpha1/shadowrollout_status.go", "Reason") },
	},
	"docs/metrics.md": {
		"metrics": func() (string, error) { return constants("internal/naming/metrics.go", "Metric") },
	},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "apidoc:", err)
		os.Exit(1)
	}
}

func run() error {
	for page, sections := range pages {
		old, err := os.ReadFile(page)
		if err != nil {
			return err
		}
		now, err := rewrite(old, sections)
		if err != nil {
			return fmt.Errorf("%s: %w", page, err)
		}
		if !bytes.Equal(old, now) {
			if err := os.WriteFile(page, now, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// rewrite replaces the generated sections of a page. Every section must be in the page, and be known.
func rewrite(page []byte, sections map[string]func() (string, error)) ([]byte, error) {
	var errs []error
	seen := 0
	out := section.ReplaceAllFunc(page, func(m []byte) []byte {
		parts := section.FindSubmatch(m)
		make, ok := sections[string(parts[2])]
		if !ok {
			errs = append(errs, fmt.Errorf("nothing generates the section %q", parts[2]))
			return m
		}
		seen++
		text, err := make()
		if err != nil {
			errs = append(errs, err)
			return m
		}
		return fmt.Appendf(nil, "%s%s%s", parts[1], text, parts[3])
	})
	if len(errs) == 0 && seen != len(sections) {
		errs = append(errs, fmt.Errorf("the page holds %d of %d generated sections", seen, len(sections)))
	}
	return out, errors.Join(errs...)
}
