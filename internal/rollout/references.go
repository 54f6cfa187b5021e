// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Reference is an object that a pod template names.
type Reference struct {
	// Name is the name of the object.
	Name string
	// Optional says that pods start without it too.
	Optional bool
}

// Referred is what a pod template names, each by name and once.
type Referred struct {
	ConfigMaps []Reference
	// Secrets are never read: their names say what a pod that does not start may lack.
	Secrets []Reference
}

// References lists what a pod template names.
func References(template corev1.PodTemplateSpec) Referred {
	var all Referred
	visit(template.DeepCopy(), visitor{
		configMap: func(name *string, optional *bool) { all.ConfigMaps = mention(all.ConfigMaps, *name, optional) },
		secret:    func(name string, optional *bool) { all.Secrets = mention(all.Secrets, name, optional) },
	})
	return all
}

// mention adds a reference. One mention that is not optional is enough to make the object needed.
func mention(list []Reference, name string, optional *bool) []Reference {
	if name == "" {
		return list
	}
	r := Reference{Name: name, Optional: optional != nil && *optional}
	i, found := slices.BinarySearchFunc(list, r, func(a, b Reference) int { return cmp.Compare(a.Name, b.Name) })
	if found {
		list[i].Optional = list[i].Optional && r.Optional
		return list
	}
	return slices.Insert(list, i, r)
}

// Pin returns a copy of a template that names the copies of ConfigMaps in place of those that names has. What it lacks, such as
// an optional one that does not exist, is left as it is.
func Pin(template corev1.PodTemplateSpec, names map[string]string) corev1.PodTemplateSpec {
	t := template.DeepCopy()
	visit(t, visitor{
		configMap: func(name *string, _ *bool) {
			if pinned, ok := names[*name]; ok {
				*name = pinned
			}
		},
		secret: func(string, *bool) {},
	})
	return *t
}

// visitor is called for every mention of an object.
type visitor struct {
	configMap func(name *string, optional *bool)
	secret    func(name string, optional *bool)
}

func visit(t *corev1.PodTemplateSpec, v visitor) {
	pull := true // the kubelet goes on without a missing pull secret
	for _, s := range t.Spec.ImagePullSecrets {
		v.secret(s.Name, &pull)
	}
	for i := range t.Spec.Volumes {
		visitVolume(&t.Spec.Volumes[i].VolumeSource, v)
	}
	for i := range t.Spec.InitContainers {
		visitContainer(&t.Spec.InitContainers[i], v)
	}
	for i := range t.Spec.Containers {
		visitContainer(&t.Spec.Containers[i], v)
	}
}

func visitContainer(c *corev1.Container, v visitor) {
	for i := range c.EnvFrom {
		if ref := c.EnvFrom[i].ConfigMapRef; ref != nil {
			v.configMap(&ref.Name, ref.Optional)
		}
		if ref := c.EnvFrom[i].SecretRef; ref != nil {
			v.secret(ref.Name, ref.Optional)
		}
	}
	for i := range c.Env {
		from := c.Env[i].ValueFrom
		if from == nil {
			continue
		}
		if ref := from.ConfigMapKeyRef; ref != nil {
			v.configMap(&ref.Name, ref.Optional)
		}
		if ref := from.SecretKeyRef; ref != nil {
			v.secret(ref.Name, ref.Optional)
		}
	}
}

func visitVolume(s *corev1.VolumeSource, v visitor) {
	switch {
	case s.ConfigMap != nil:
		v.configMap(&s.ConfigMap.Name, s.ConfigMap.Optional)
	case s.Secret != nil:
		v.secret(s.Secret.SecretName, s.Secret.Optional)
	case s.Projected != nil:
		for i := range s.Projected.Sources {
			if p := s.Projected.Sources[i].ConfigMap; p != nil {
				v.configMap(&p.Name, p.Optional)
			}
			if p := s.Projected.Sources[i].Secret; p != nil {
				v.secret(p.Name, p.Optional)
			}
		}
	case s.AzureFile != nil:
		v.secret(s.AzureFile.SecretName, nil)
	default:
		if ref := driverSecret(s); ref != nil {
			v.secret(ref.Name, nil)
		}
	}
}

// driverSecret is the Secret with which a driver mounts a volume; nil where it needs none.
func driverSecret(s *corev1.VolumeSource) *corev1.LocalObjectReference {
	switch {
	case s.CSI != nil:
		return s.CSI.NodePublishSecretRef
	case s.FlexVolume != nil:
		return s.FlexVolume.SecretRef
	case s.CephFS != nil:
		return s.CephFS.SecretRef
	case s.Cinder != nil:
		return s.Cinder.SecretRef
	case s.RBD != nil:
		return s.RBD.SecretRef
	case s.ISCSI != nil:
		return s.ISCSI.SecretRef
	case s.ScaleIO != nil:
		return s.ScaleIO.SecretRef
	case s.StorageOS != nil:
		return s.StorageOS.SecretRef
	}
	return nil
}
