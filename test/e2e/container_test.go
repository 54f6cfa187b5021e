// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/harness"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

func TestGuaranteedPodStaysGuaranteed(t *testing.T) {
	t.Parallel()
	s := newScene(t, "guaranteed")
	all := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi")}
	s.deployment.Spec.Template.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: all, Limits: all}
	s.start()

	pod := s.pod()
	if pod.Status.QOSClass != corev1.PodQOSGuaranteed {
		t.Errorf("the pod is %s, want Guaranteed", pod.Status.QOSClass)
	}
	first := pod.Spec.InitContainers[0]
	if first.Name != naming.SidecarContainer || first.RestartPolicy == nil || *first.RestartPolicy != corev1.ContainerRestartPolicyAlways {
		t.Errorf("the first init container is %s, want %s with restartPolicy Always", first.Name, naming.SidecarContainer)
	}
	s.post(infer)
}

// TestEndingPodStoresWhatItHolds ends a pod long before anything it has captured is due.
func TestEndingPodStoresWhatItHolds(t *testing.T) {
	t.Parallel()
	s := newScene(t, "drain")
	s.class.Spec.Flush = "1h"
	s.monitor.Spec.Source.Sidecar.Keep = v1alpha1.KeepPercent{Predictions: "100", Features: "0"}
	s.start()
	sent := s.replay(traffic.Config{Flights: s.flights(data.May, 100), Batch: 4})
	s.scale(s.deployment, 0)
	dir, _ := s.download(s.layout().Prefix())
	got := s.query("SELECT count(*) AS rows, count(DISTINCT record_id) AS ids FROM " + table(dir, store.Predictions))
	if want := fmt.Sprint(sent.Instances); got["rows"] != want || got["ids"] != want {
		t.Errorf("of %s predictions %v rows with %v ids are stored", want, got["rows"], got["ids"])
	}
	profiles := s.query("SELECT count(*) > 0 AS some FROM " + table(dir, store.Profiles))
	if profiles["some"] != true {
		t.Error("no profiles are stored")
	}
}

func TestKilledSidecarLosesNothingThatWasStored(t *testing.T) {
	if !cluster.Local {
		t.Skip("a container's process can be killed only where the node is this machine")
	}
	t.Parallel()
	s := newScene(t, "kill")
	s.monitor.Spec.Source.Sidecar.Keep = v1alpha1.KeepPercent{Predictions: "100", Features: "0"}
	s.start()
	before := s.replay(traffic.Config{Flights: s.flights(data.May, 200), Batch: 4, IDPrefix: "before"})
	s.settled(before.Instances)
	_, stored := s.download(s.layout().Prefix())

	pod := s.pod()
	s.kill(pod)
	s.waitRestarted(pod, 1)
	s.serves()
	s.waitCaptures()
	c, err := s.counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	probes := int64(c.sum(naming.MetricInstances)) // what serves sent
	after := s.replay(traffic.Config{Flights: s.flights(data.May, 120), Batch: 4, IDPrefix: "after"})
	s.settled(probes + after.Instances)

	dir, now := s.download(s.layout().Prefix())
	s.compareObjects(stored, now)
	if len(now) <= len(stored) {
		t.Errorf("there are %d objects, as many as before the kill", len(now))
	}
	got := s.query(`SELECT count(*) FILTER (starts_with(request_id, 'before-')) AS before, count(*) FILTER (starts_with(request_id, 'after-')) AS after,
		count(*) - count(DISTINCT record_id) AS repeated FROM ` + table(dir, store.Predictions))
	if got["before"] != fmt.Sprint(before.Instances) || got["after"] != fmt.Sprint(after.Instances) || got["repeated"] != "0" {
		t.Errorf("got rows %v, want %d before, %d after, none repeated", got, before.Instances, after.Instances)
	}
}

// waitRestarted waits until a pod's sidecar was restarted so many times, and the pod is ready.
func (s *scene) waitRestarted(pod *corev1.Pod, times int32) {
	s.Helper()
	s.until(startTimeout, "the sidecar to run again in the same pod", func(ctx context.Context) (bool, string, error) {
		if err := cluster.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			return false, "", err
		}
		for _, c := range pod.Status.InitContainerStatuses {
			if c.Name == naming.SidecarContainer {
				return c.RestartCount == times && c.Ready && harness.Ready(pod), fmt.Sprintf("it restarted %d times, ready: %t", c.RestartCount, c.Ready), nil
			}
		}
		return false, "it has no status", nil
	})
}

// kill ends the process of a pod's sidecar as the kernel does when memory is short.
func (s *scene) kill(pod *corev1.Pod) {
	s.Helper()
	s.killProcess("POD_UID=" + string(pod.UID))
}

// killProcess kills the only process that has a variable in its environment.
func (s *scene) killProcess(variable string) {
	s.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		s.Fatal(err)
	}
	var pids []int
	for _, path := range environs {
		environ, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+variable+"\x00")) {
			continue // it may have ended meanwhile
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			s.Fatal(err)
		}
		pids = append(pids, pid)
	}
	if len(pids) != 1 {
		s.Fatalf("processes %v have %s in their environment, want one", pids, variable)
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		s.Fatal(err)
	}
}
