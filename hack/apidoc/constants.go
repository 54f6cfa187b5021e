// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
)

// constants renders the string constants of a Go file whose names start with prefix, with their comments, as a table.
// A constant without a comment of its own shares the last one.
func constants(path, prefix string) (string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("\n| name | meaning |\n|---|---|\n")
	last := ""
	for _, d := range file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			lit, ok := v.Values[0].(*ast.BasicLit)
			if !ok || !strings.HasPrefix(v.Names[0].Name, prefix) {
				continue
			}
			value, err := strconv.Unquote(lit.Value)
			if err != nil {
				return "", fmt.Errorf("%s: %s: %w", path, v.Names[0].Name, err)
			}
			doc := v.Doc
			if !g.Lparen.IsValid() {
				doc = g.Doc
			}
			if doc != nil {
				last = meaning(doc.Text(), v.Names[0].Name)
			}
			fmt.Fprintf(&b, "| `%s` | %s |\n", value, last)
		}
	}
	b.WriteString("\n")
	return b.String(), nil
}

// meaning turns "ReasonX means that y." into "y.", and "MetricX counts y." into "counts y.".
func meaning(doc, name string) string {
	s := strings.Join(strings.Fields(doc), " ")
	s = strings.TrimPrefix(s, name+" ")
	s = strings.TrimPrefix(s, "means that ")
	s = strings.ToUpper(s[:1]) + s[1:]
	return strings.ReplaceAll(s, "|", `\|`)
}
