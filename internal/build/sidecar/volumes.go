// SPDX-License-Identifier: Apache-2.0

package sidecar

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	vedettev1alpha1 "github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// SpoolLimit is the size limit of the spool's volume. The sidecar stays well below it by itself, because the kubelet
// evicts a pod that overruns it.
const SpoolLimit = "512Mi"

// volumes are one projected volume whose every source is optional, so that nothing that is missing keeps a model from
// starting and nothing that arrives later needs a restart, and the spool.
func volumes(monitor string, class *vedettev1alpha1.MonitorClassSpec) []corev1.Volume {
	sources := []corev1.VolumeProjection{
		document(naming.Config(monitor), naming.ConfigDir, naming.ConfigFile),
		document(naming.Mirror(monitor), naming.MirrorDir, naming.MirrorFile),
	}
	secret := naming.DefaultStoreSecret
	if class != nil {
		secret = string(class.Store.Credentials.SecretName)
	}
	if secret != "" {
		sources = append(sources, CredentialsProjection(secret))
	}
	if class != nil && class.HashKey.SecretName != "" {
		sources = append(sources, corev1.VolumeProjection{Secret: &corev1.SecretProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: string(class.HashKey.SecretName)},
			Items:                []corev1.KeyToPath{{Key: naming.HashKeyFile, Path: naming.HashKeyDir + "/" + naming.HashKeyFile}},
			Optional:             new(true),
		}})
	}
	sources = append(sources, corev1.VolumeProjection{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
		{Path: naming.PodDir + "/labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}},
		{Path: naming.PodDir + "/annotations", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations"}},
	}}})
	return []corev1.Volume{
		{Name: naming.ConfigVolume, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: sources}}},
		{Name: naming.SpoolVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: new(resource.MustParse(SpoolLimit))}}},
	}
}

// document puts the only key of a ConfigMap where the sidecar looks for it.
func document(configMap, dir, key string) corev1.VolumeProjection {
	return corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
		LocalObjectReference: corev1.LocalObjectReference{Name: configMap},
		Items:                []corev1.KeyToPath{{Key: key, Path: dir + "/" + key}},
		Optional:             new(true),
	}}
}

// CredentialsProjection puts the store's credentials where the programs look for them. It names every key: a projection
// without items would put them at the volume's root. Missing keys are left out, as the source is optional.
func CredentialsProjection(secret string) corev1.VolumeProjection {
	var items []corev1.KeyToPath
	for _, key := range naming.CredentialKeys() {
		items = append(items, corev1.KeyToPath{Key: key, Path: naming.CredentialsDir + "/" + key})
	}
	return corev1.VolumeProjection{Secret: &corev1.SecretProjection{
		LocalObjectReference: corev1.LocalObjectReference{Name: secret},
		Items:                items,
		Optional:             new(true),
	}}
}

// PullSecrets are the class's pull secrets.
func PullSecrets(class *vedettev1alpha1.MonitorClassSpec) []corev1.LocalObjectReference {
	if class == nil {
		return nil
	}
	var refs []corev1.LocalObjectReference
	for _, name := range class.Sidecar.PullSecrets {
		refs = append(refs, corev1.LocalObjectReference{Name: string(name)})
	}
	return refs
}
