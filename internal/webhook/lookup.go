// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/inject"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
)

// The API server waits five seconds for an admission, and does not say that it has given up: what takes longer than
// these is answered, and counted, before.
const (
	readTimeout  = 3 * time.Second
	ownerTimeout = time.Second
)

// +kubebuilder:rbac:groups=vedette.dev,resources=modelmonitors;monitorclasses,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps,resources=replicasets,verbs=get
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch

// known gathers what is known about the monitor that a pod names. A monitor or class that does not exist (yet) is no
// error: the sidecar then passes through until its configuration arrives.
func (i *Injector) known(ctx context.Context, pod *corev1.Pod) (inject.Request, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	r := inject.Request{Pod: pod, Image: i.Image}
	m := &vedettev1alpha1.ModelMonitor{}
	err := i.Reader.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: inject.Monitor(pod)}, m)
	if apierrors.IsNotFound(err) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("reading the ModelMonitor: %w", err)
	}
	r.Port = m.Spec.Source.Sidecar.Port
	if trip := monitor.TripOf(&m.Status); m.Annotations[naming.AnnotationRearm] != trip.Token() {
		r.TrippedRevision = trip.Revision
	}
	var classes vedettev1alpha1.MonitorClassList
	if err := i.Reader.List(ctx, &classes); err != nil {
		return r, fmt.Errorf("reading the MonitorClasses: %w", err)
	}
	namespace := metadata(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := i.Reader.Get(ctx, client.ObjectKey{Name: pod.Namespace}, namespace); err != nil {
		return r, fmt.Errorf("reading the Namespace: %w", err)
	}
	// Why a monitor has no class is said in its status; here it only means the defaults.
	if class, err := monitor.ClassFor(classes.Items, m.Spec.ClassName, namespace.Labels); err == nil {
		r.Class = &class.Spec
	}
	return r, nil
}

// owner is what a person looks at when pods are missing something: the Deployment, StatefulSet or Job that wants the pod,
// else the pod itself.
func (i *Injector) owner(ctx context.Context, pod *corev1.Pod) *corev1.ObjectReference {
	ctx, cancel := context.WithTimeout(ctx, ownerTimeout)
	defer cancel()
	ref := metav1.GetControllerOf(pod)
	if ref == nil {
		return &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}
	}
	if ref.Kind == "ReplicaSet" {
		rs := metadata(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
		// A ReplicaSet that cannot be read will have to do itself.
		if err := i.Reader.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: ref.Name}, rs); err == nil {
			if of := metav1.GetControllerOf(rs); of != nil {
				ref = of
			}
		}
	}
	return &corev1.ObjectReference{APIVersion: ref.APIVersion, Kind: ref.Kind, Namespace: pod.Namespace, Name: ref.Name, UID: ref.UID}
}

func metadata(gvk schema.GroupVersionKind) *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(gvk)
	return m
}
