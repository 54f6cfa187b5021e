// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArguments(t *testing.T) {
	// As the webhook writes them.
	o, err := parse([]string{
		"--listen", ":1", "--upstream", "127.0.0.1:8080", "--metrics", ":2", "--config", "/c", "--mirror", "/m", "--credentials", "/s", "--hash-key", "/k",
		"--pod-info", "/p", "--spool", "/d", "--namespace", "ml", "--monitor", "fraud", "--pod", "fraud-0", "--pod-uid", "u",
		"--image", "model=m:1", "--image", "helper=h@sha256:abc",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{
		o.Listen, o.Upstream, o.Metrics, o.Files.Config, o.Files.Mirror, o.Credentials, o.Files.HashKey, o.Files.Pod, o.SpoolDir, o.Namespace, o.Monitor, o.Pod, o.PodUID,
	}
	if d := cmp.Diff(strings.Split(":1 127.0.0.1:8080 :2 /c /m /s /k /p /d ml fraud fraud-0 u", " "), got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]string{"model": "m:1", "helper": "h@sha256:abc"}, o.Images); d != "" {
		t.Errorf("images (-want +got):\n%s", d)
	}
}

func TestArgumentsThatMakeNoSense(t *testing.T) {
	for _, args := range [][]string{{"serve"}, {"--image", "m:1"}, {"--image", "=m:1"}, {"--drain-timeout", "soon"}, {"--nope"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q were accepted", args)
		}
	}
}
