// SPDX-License-Identifier: Apache-2.0

package inject

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vedette-dev/vedette/internal/build/sidecar"
	"github.com/vedette-dev/vedette/internal/naming"
)

// patch adds the sidecar to the pod and gives it the port name.
func patch(pod *corev1.Pod, s sidecar.Sidecar, portName string) []jsonpatch.Operation {
	ops := release(pod, portName)
	ops = append(ops, prepend("/spec/initContainers", len(pod.Spec.InitContainers), s.Container))
	ops = append(ops, extend("/spec/volumes", len(pod.Spec.Volumes), s.Volumes)...)
	ops = append(ops, extend("/spec/imagePullSecrets", len(pod.Spec.ImagePullSecrets), slices.DeleteFunc(s.PullSecrets,
		func(ref corev1.LocalObjectReference) bool { return slices.Contains(pod.Spec.ImagePullSecrets, ref) }))...)
	if len(pod.Annotations) == 0 {
		return append(ops, add("/metadata/annotations", map[string]string{naming.AnnotationSidecar: s.Revision}))
	}
	return append(ops, add("/metadata/annotations/"+escape(naming.AnnotationSidecar), s.Revision))
}

// release takes a port name from every container that has it. Services look for a named port in the containers before
// the native sidecars, so a name that stays would bypass the sidecar.
func release(pod *corev1.Pod, name string) []jsonpatch.Operation {
	var ops []jsonpatch.Operation
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		at := fmt.Sprintf("/spec/containers/%d", i)
		for j, p := range c.Ports {
			if !tcp(p) || p.Name != name {
				continue
			}
			ops = append(ops, jsonpatch.NewOperation("remove", fmt.Sprintf("%s/ports/%d/name", at, j), nil))
			// Probes and hooks look for a named port in their own container only: they need the number.
			for path, port := range namedPorts(c) {
				if port == intstr.FromString(name) {
					ops = append(ops, jsonpatch.NewOperation("replace", at+path, p.ContainerPort))
				}
			}
		}
	}
	return ops
}

// namedPorts yields every place of a container that may name one of its ports, in a fixed order.
func namedPorts(c *corev1.Container) iter.Seq2[string, intstr.IntOrString] {
	return func(yield func(string, intstr.IntOrString) bool) {
		for _, at := range []struct {
			path  string
			probe *corev1.Probe
		}{{"/livenessProbe", c.LivenessProbe}, {"/readinessProbe", c.ReadinessProbe}, {"/startupProbe", c.StartupProbe}} {
			if at.probe != nil && !yieldPort(yield, at.path, at.probe.HTTPGet, at.probe.TCPSocket) {
				return
			}
		}
		if c.Lifecycle == nil {
			return
		}
		for _, at := range []struct {
			path string
			hook *corev1.LifecycleHandler
		}{{"/lifecycle/postStart", c.Lifecycle.PostStart}, {"/lifecycle/preStop", c.Lifecycle.PreStop}} {
			if at.hook != nil && !yieldPort(yield, at.path, at.hook.HTTPGet, at.hook.TCPSocket) {
				return
			}
		}
	}
}

func yieldPort(yield func(string, intstr.IntOrString) bool, path string, http *corev1.HTTPGetAction, tcp *corev1.TCPSocketAction) bool {
	if http != nil && !yield(path+"/httpGet/port", http.Port) {
		return false
	}
	return tcp == nil || yield(path+"/tcpSocket/port", tcp.Port)
}

func add(path string, value any) jsonpatch.Operation {
	return jsonpatch.NewOperation("add", path, value)
}

// prepend adds an item at the head of a list, or the list where it is empty: it may not be there at all then.
func prepend[T any](path string, length int, item T) jsonpatch.Operation {
	if length == 0 {
		return add(path, []T{item})
	}
	return add(path+"/0", item)
}

// extend adds items at the end of a list, or the list where it is empty.
func extend[T any](path string, length int, items []T) []jsonpatch.Operation {
	if len(items) == 0 {
		return nil
	}
	if length == 0 {
		return []jsonpatch.Operation{add(path, items)}
	}
	ops := make([]jsonpatch.Operation, 0, len(items))
	for _, item := range items {
		ops = append(ops, add(path+"/-", item))
	}
	return ops
}

// escape makes a key fit for a JSON pointer.
func escape(key string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(key) }
