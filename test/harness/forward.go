// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"fmt"
	"io"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/tools/portforward"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Forward forwards a port of a Service to an address on this machine, until ctx is done. It follows the Service to one
// ready pod, and ends with that pod.
func (c *Cluster) Forward(ctx context.Context, service client.ObjectKey, port string) (address string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("forwarding port %s of Service %s: %w", port, service, err)
		}
	}()
	var s corev1.Service
	if err := c.Get(ctx, service, &s); err != nil {
		return "", err
	}
	var pods corev1.PodList
	if err := c.List(ctx, &pods, client.InNamespace(service.Namespace), client.MatchingLabels(s.Spec.Selector)); err != nil {
		return "", err
	}
	for _, pod := range pods.Items {
		if number := targetPort(s, port, pod); number != 0 && Ready(&pod) {
			return c.forward(ctx, client.ObjectKeyFromObject(&pod), number)
		}
	}
	return "", fmt.Errorf("none of its %d pods is ready and has the port", len(pods.Items))
}

// Ready says whether a pod is ready and stays.
func Ready(pod *corev1.Pod) bool {
	if pod.DeletionTimestamp != nil {
		return false
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// targetPort resolves the Service's port as endpoints do: containers first, then native sidecars. 0 when there is none.
func targetPort(s corev1.Service, name string, pod corev1.Pod) int32 {
	for _, p := range s.Spec.Ports {
		if p.Name != name {
			continue
		}
		if p.TargetPort.Type == intstr.Int {
			return p.TargetPort.IntVal
		}
		for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
			for _, container := range containers {
				for _, cp := range container.Ports {
					if cp.Name == p.TargetPort.StrVal {
						return cp.ContainerPort
					}
				}
			}
		}
	}
	return 0
}

func (c *Cluster) forward(ctx context.Context, pod client.ObjectKey, port int32) (string, error) {
	url := c.core.RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("portforward").URL()
	dialer, err := portforward.NewSPDYOverWebsocketDialer(url, c.Config)
	if err != nil {
		return "", err
	}
	ready := make(chan struct{})
	forwarder, err := portforward.NewOnAddressesWithContext(ctx, dialer, []string{"127.0.0.1"}, []string{":" + strconv.Itoa(int(port))}, ready, io.Discard, io.Discard)
	if err != nil {
		return "", err
	}
	failed := make(chan error, 1)
	go func() { failed <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-failed:
		return "", err
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		return "", err
	}
	return "127.0.0.1:" + strconv.Itoa(int(ports[0].Local)), nil
}
