// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDockerfile wants one target a program: its binary as entry point, on a base that runs as nobody in particular.
func TestDockerfile(t *testing.T) {
	b, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stages := map[string][]string{}
	var stage string
	for line := range strings.Lines(strings.ReplaceAll(string(b), "\\\n", " ")) {
		words := strings.Fields(line)
		if len(words) > 3 && words[0] == "FROM" && words[len(words)-2] == "AS" {
			stage = words[len(words)-1]
			stages[stage] = nil
		}
		if len(words) > 0 && words[0] != "#" {
			stages[stage] = append(stages[stage], strings.Join(words, " "))
		}
	}
	if !slices.Contains(stages["base"], "USER 65532:65532") || !strings.Contains(stages["base"][0], "distroless/static") {
		t.Errorf("the base is %q", stages["base"])
	}
	for _, program := range []string{"manager", "capture", "analyze", "review"} {
		want := []string{
			"FROM base AS " + program,
			"COPY --from=build /bin/" + program + " /bin/" + program,
			`ENTRYPOINT ["/bin/` + program + `"]`,
		}
		if !slices.Equal(stages[program], want) {
			t.Errorf("target %s is %q, want %q", program, stages[program], want)
		}
		if !slices.ContainsFunc(stages["build"], func(l string) bool {
			return strings.HasPrefix(l, "RUN") && strings.Contains(l, "CGO_ENABLED=0") && strings.Contains(l, "./internal/cmd/"+program)
		}) {
			t.Errorf("no static binary of %s is built", program)
		}
	}
}
