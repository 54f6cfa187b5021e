// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"

	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

// url is the model's Service as the API server's proxy reaches it. It resolves the Service's named port to a ready
// endpoint, as every client does.
func (s *scene) url() string {
	return fmt.Sprintf("%s/api/v1/namespaces/%s/services/%s:http/proxy", cluster.Config.Host, s.namespace, modelName)
}

// replay sends flights of a month and fails unless every request was answered with 200.
func (s *scene) replay(c traffic.Config) traffic.Result {
	s.Helper()
	result, err := s.tryReplay(s.Context(), c)
	if err != nil {
		s.Fatal(err)
	}
	if !result.OK() {
		s.Fatalf("not every request was answered with 200: %+v", result)
	}
	return result
}

// tryReplay sends flights; what the configuration leaves open is chosen for light load.
func (s *scene) tryReplay(ctx context.Context, c traffic.Config) (traffic.Result, error) {
	c.URL, c.Model = cmp.Or(c.URL, s.url()), modelName
	if c.Transport == nil {
		c.Transport = api
	}
	c.Concurrency = max(c.Concurrency, 2)
	c.Batch = max(c.Batch, 1)
	if c.Protocol == "" {
		c.Protocol = traffic.OpenInferenceV2
	}
	if c.IDPrefix == "" {
		c.IDPrefix = s.namespace
	}
	return traffic.Replay(ctx, c)
}

// flights are n flights of a month, evenly spread.
func (s *scene) flights(w data.Window, n int) []data.Flight {
	s.Helper()
	all, err := data.Load(w)
	if err != nil {
		s.Fatal(err)
	}
	return data.Spread(all, n)
}

// june are June's flights from Atlanta, where the delays had grown, and from Los Angeles, where they had not.
func (s *scene) june() []data.Flight {
	s.Helper()
	var flights []data.Flight
	for _, f := range s.flights(data.June, 0) {
		if f.Origin == "ATL" || f.Origin == "LAX" {
			flights = append(flights, f)
		}
	}
	return flights
}

// oddCall is an inference call that a client may make, and of which capture can make little.
type oddCall struct {
	path, body string
	header     http.Header
	want       int
}

// post sends one and fails unless it is answered as it would be without us.
func (s *scene) post(c oddCall) {
	s.Helper()
	status, err := s.tryPost(s.Context(), c)
	if err != nil {
		s.Fatal(err)
	}
	if status != c.want {
		s.Fatalf("%s %.60q was answered with %d, want %d", c.path, c.body, status, c.want)
	}
}

func (s *scene) tryPost(ctx context.Context, c oddCall) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url()+c.path, bytes.NewBufferString(c.body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	maps.Copy(request.Header, c.header)
	response, err := api.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// infer is a call that is right in every way.
var infer = oddCall{
	path: "/v2/models/" + modelName + "/infer",
	body: `{"inputs": [{"name": "origin", "shape": [1], "datatype": "BYTES", "data": ["ATL"]}]}`,
	want: http.StatusOK,
}

// serves waits until the model answers an inference call, and says within which time it must.
func (s *scene) serves() {
	s.Helper()
	s.until(startTimeout, "the model to serve", func(ctx context.Context) (bool, string, error) {
		status, err := s.tryPost(ctx, infer)
		return status == http.StatusOK, fmt.Sprintf("it answers %d", status), err
	})
}
