// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/harness"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

// The load and the length of the outage of the store.
const (
	outageRate   = 40 // flights per second
	outageLength = time.Minute
)

func TestTrafficFlowsWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	s := newScene(t, "outage")
	server := s.ownStore()
	s.monitor.Spec.Source.Sidecar.Keep = v1alpha1.KeepPercent{Predictions: "100", Features: "10"}
	s.start()
	before := s.replay(traffic.Config{Flights: s.flights(data.May, 100), Batch: 4, IDPrefix: "before"})
	s.settled(before.Instances)

	back := s.stop(server)
	n := outageRate * int(outageLength/time.Second)
	during := s.replay(traffic.Config{Flights: s.flights(data.June, n), Rate: outageRate, Batch: 4, Concurrency: 4, IDPrefix: "during"})
	c, err := s.counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !c.everywhere(naming.MetricSinkUp) || c.sum(naming.MetricSinkUp) != 0 || c.sum(naming.MetricSpoolBytes) == 0 {
		t.Fatalf("the sidecar does not notice that the store is down: sink up %v, %v bytes wait", c.sum(naming.MetricSinkUp), c.sum(naming.MetricSpoolBytes))
	}
	if !harness.Ready(s.pod()) {
		t.Error("the model's pod is not ready while the store is down")
	}
	back()

	s.stored(before.Instances + during.Instances)
}

// stored waits until everything that was sent is stored or dropped, and fails unless both add up to it.
func (s *scene) stored(instances int64) (rows, dropped int64) {
	s.Helper()
	c := s.settled(instances)
	dir, _ := s.download(s.layout().Prefix())
	got := s.query("SELECT count(*)::INTEGER AS rows, count(DISTINCT record_id)::INTEGER AS ids FROM " + table(dir, store.Predictions))
	rows, dropped = int64(got["rows"].(float64)), int64(c.sum(naming.MetricDropped))
	if rows+dropped != instances || got["ids"] != got["rows"] {
		s.Errorf("%d rows with %v ids are stored and %d instances were dropped, want %d in all", rows, got["ids"], dropped, instances)
	}
	return rows, dropped
}

// stop ends the S3 server of a Deployment and keeps it from starting, until back is called. Its pod, and with it its
// data, stays: the pod's image becomes one that does not exist.
func (s *scene) stop(deployment types.NamespacedName) (back func()) {
	s.Helper()
	var pods corev1.PodList
	if err := cluster.List(s.Context(), &pods, client.InNamespace(deployment.Namespace), client.MatchingLabels{"app.kubernetes.io/name": deployment.Name}); err != nil {
		s.Fatal(err)
	}
	if len(pods.Items) != 1 {
		s.Fatalf("got %d pods of %s, want 1", len(pods.Items), deployment)
	}
	pod := &pods.Items[0]
	image := pod.Spec.Containers[0].Image
	set := func(image string, running bool) {
		change(s, pod, func(p *corev1.Pod) { p.Spec.Containers[0].Image = image })
		s.until(startTimeout, fmt.Sprintf("the server to run: %t", running), func(ctx context.Context) (bool, string, error) {
			err := cluster.Get(ctx, client.ObjectKeyFromObject(pod), pod)
			if err != nil {
				return false, "", err
			}
			status := pod.Status.ContainerStatuses[0]
			return (status.State.Running != nil) == running && status.Ready == running, fmt.Sprintf("it is %+v", status.State), nil
		})
	}
	set(noImage, false)
	return func() { s.Helper(); set(image, true) }
}
