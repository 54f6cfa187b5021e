// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/hack/cluster/node"
)

// volumeTimeout is how long a volume may take to be gone.
const volumeTimeout = time.Minute

// Volume provides the volume that a claim of the given name will be bound to. On a cluster of KUBECONFIG it does nothing:
// there, the default StorageClass provides it. Our own cluster has no provisioner; the volume is a folder of the node, which
// goes with the cluster, and the object with the namespace's test. What an earlier run left under the name is removed, as its
// claim is gone.
func (c *Cluster) Volume(ctx context.Context, claim client.ObjectKey) (remove func(context.Context) error, err error) {
	if !c.Local {
		return func(context.Context) error { return nil }, nil
	}
	left := new(unstructured.Unstructured)
	left.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PersistentVolume"))
	left.SetName(claim.Namespace + "-" + claim.Name)
	if err := c.Delete(ctx, volumeTimeout, []*unstructured.Unstructured{left}); err != nil {
		return nil, err
	}
	dir := node.Local.Path("volumes", claim.Namespace+"-"+claim.Name)
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("emptying the folder of a volume: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of a volume: %w", err)
	}
	v := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: left.GetName()},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Gi")},
			AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			ClaimRef:                      &corev1.ObjectReference{Namespace: claim.Namespace, Name: claim.Name},
			// Unlike a host path, a local volume is given to the group of the pod.
			PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: dir}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node.Name},
				}},
			}}}},
		},
	}
	if err := c.Create(ctx, v); err != nil {
		return nil, fmt.Errorf("making a volume: %w", err)
	}
	return func(ctx context.Context) error {
		if err := client.IgnoreNotFound(c.Client.Delete(ctx, v)); err != nil {
			return fmt.Errorf("removing a volume: %w", err)
		}
		return os.RemoveAll(dir)
	}, nil
}
