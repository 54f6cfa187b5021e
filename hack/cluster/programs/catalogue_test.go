// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCatalogueIsPinned(t *testing.T) {
	for _, name := range Names() {
		p, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.LinkTo != "" {
			target, err := Find(p.LinkTo)
			if err != nil || target.Module != p.Module || target.LinkTo != "" {
				t.Errorf("%s links to %q, which must be built from the same module: %v", name, p.LinkTo, err)
			}
			continue
		}
		module := filepath.Join("..", "modules", p.Module)
		goMod, err := os.ReadFile(filepath.Join(module, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.Package, ".") {
			if _, err := os.Stat(filepath.Join(module, p.Package, "main.go")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if !strings.Contains(string(goMod), "\t"+p.Package+"\n") && !strings.Contains(string(goMod), "tool "+p.Package+"\n") {
			t.Errorf("%s: %s is no tool of module %s", name, p.Package, p.Module)
		}
		if _, err := os.Stat(filepath.Join(module, "go.sum")); err != nil {
			t.Errorf("%s: its module has no checksums: %v", name, err)
		}
	}
}

func TestFindNamesWhatThereIs(t *testing.T) {
	_, err := Find("kubctl")
	if err == nil || !strings.Contains(err.Error(), "kubectl") {
		t.Errorf("Find(kubctl) = %v, want an error that lists the programs", err)
	}
}

func TestLdflags(t *testing.T) {
	const goMod = "module m\n\nrequire (\n\tk8s.io/kubernetes v1.37.2\n)\n"
	for name, tt := range map[string]struct {
		program Program
		goMod   string
		want    string
		wantErr bool
	}{
		"without a stamp only stripped": {program: Program{}, goMod: goMod, want: "-s -w"},
		"stamped with the pinned version": {
			program: Program{Stamp: []string{"p"}}, goMod: goMod,
			want: "-s -w -X p.gitVersion=v1.37.2 -X p.gitMajor=1 -X p.gitMinor=37",
		},
		"on one line":                {program: Program{Stamp: []string{"p"}}, goMod: "require k8s.io/kubernetes v1.2.3 // why", want: "-s -w -X p.gitVersion=v1.2.3 -X p.gitMajor=1 -X p.gitMinor=2"},
		"a replacement is no pin":    {program: Program{Stamp: []string{"p"}}, goMod: "replace k8s.io/kubernetes => ../k", wantErr: true},
		"a version of another shape": {program: Program{Stamp: []string{"p"}}, goMod: "require k8s.io/kubernetes v1", wantErr: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tt.program.ldflags(tt.goMod)
			if got != tt.want || (err != nil) != tt.wantErr {
				t.Errorf("ldflags = %q, %v, want %q, error %v", got, err, tt.want, tt.wantErr)
			}
		})
	}
}

// apart are modules of which programs need versions of their own, and which little else imports: promtool does not compile
// with the newest client_golang.
var apart = []string{"github.com/prometheus/client_golang", "github.com/prometheus/common", "github.com/prometheus/procfs"}

// TestModulesAgree: two versions of one module, and of all that imports it, are compiled twice.
func TestModulesAgree(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "modules", "*", "go.mod"))
	if err != nil || len(files) < 2 {
		t.Fatalf("found modules %q: %v", files, err)
	}
	type pin struct{ file, version string }
	pins := map[string]pin{}
	for _, file := range append(files, filepath.Join("..", "..", "..", "go.mod")) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
			if len(fields) < 2 || slices.Contains(apart, fields[0]) || !strings.Contains(fields[0], "/") || !strings.HasPrefix(fields[1], "v") {
				continue
			}
			before, ok := pins[fields[0]]
			if ok && before.version != fields[1] {
				t.Errorf("%s has %s %s, and %s has %s: go get the newer in the other's folder, and go mod tidy", file, fields[0], fields[1], before.file, before.version)
			}
			pins[fields[0]] = pin{file, fields[1]}
		}
	}
}

// TestTheDemoIsCompiledAlike: otherwise all that it shares with the programs is compiled twice.
func TestTheDemoIsCompiledAlike(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join("..", "..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for _, variable := range Environment {
		name, value, _ := strings.Cut(variable, "=")
		if want := "\ndemo demo-down: export " + name + " = " + value + "\n"; !strings.Contains(string(makefile), want) {
			t.Errorf("the Makefile lacks %q", want)
		}
	}
}
