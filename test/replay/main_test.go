// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/modelserver/model"
	"github.com/vedette-dev/vedette/test/modelserver/server"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

func TestRun(t *testing.T) {
	m, err := model.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(server.New(server.Config{Model: m, Name: "flights"}))
	defer s.Close()
	cases := map[string]struct {
		args      []string
		instances int64
		err       string
	}{
		"a part of June":       {args: []string{"--window=june", "--rows=100", "--rate=0"}, instances: 100},
		"with the V1 protocol": {args: []string{"--protocol=v1", "--rows=33", "--rate=0", "--batch=5"}, instances: 33},
		"a model that is not there": {
			args: []string{"--model-name=fraud", "--rows=32", "--rate=0"}, instances: 32, err: "2 of 2 requests were not answered with 200",
		},
		"a month without flights": {args: []string{"--window=july"}, err: `reading the flights of "july"`},
		"a stray argument":        {args: []string{"june"}, err: "unexpected argument"},
		"an unknown flag":         {args: []string{"--speed=1"}, err: "flag provided but not defined"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			err := run(t.Context(), append([]string{"--url=" + s.URL}, c.args...), &stdout, &stderr)
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("got error %v, want %q", err, c.err)
			}
			if c.instances == 0 {
				return
			}
			var got traffic.Result
			if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
				t.Fatalf("printed %q: %v", stdout.String(), err)
			}
			if got.Instances != c.instances {
				t.Errorf("sent %d instances, want %d", got.Instances, c.instances)
			}
		})
	}
}

func TestWriteBaseline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "may.parquet")
	if err := run(t.Context(), []string{"--write-baseline=" + path}, nil, t.Output()); err != nil {
		t.Fatal(err)
	}
	rows, err := parquet.ReadFile[data.Reference](path)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 100_000 {
		t.Errorf("got %d rows, want all flights of the baseline", len(rows))
	}
	if err := run(t.Context(), []string{"--write-baseline=" + filepath.Join(path, "x")}, nil, t.Output()); err == nil {
		t.Error("writing below a file gives no error")
	}
}
