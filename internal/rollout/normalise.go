// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// normalise returns a copy of a template without what was added to it, and without every field that has the value which an API
// server gives to it when it is unset. The fields are those of the defaults of a Deployment of apps/v1; a test holds the list to
// a real API server.
func normalise(template corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	t := *template.DeepCopy()
	for _, key := range added() {
		delete(t.Labels, key)
		delete(t.Annotations, key)
	}
	s := &t.Spec
	if s.ServiceAccountName == "" {
		s.ServiceAccountName = s.DeprecatedServiceAccount
	}
	s.DeprecatedServiceAccount = ""
	unset(&s.DNSPolicy, corev1.DNSClusterFirst)
	unset(&s.RestartPolicy, corev1.RestartPolicyAlways)
	unset(&s.SchedulerName, corev1.DefaultSchedulerName)
	unsetPointer(&s.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds)
	unsetEmpty(&s.SecurityContext)
	roundUp(s.Overhead)
	if s.Resources != nil {
		roundUp(s.Resources.Limits)
		roundUp(s.Resources.Requests)
	}
	for i := range s.Volumes {
		volume(&s.Volumes[i].VolumeSource)
	}
	for i := range s.InitContainers {
		container(&s.InitContainers[i])
	}
	for i := range s.Containers {
		container(&s.Containers[i])
	}
	return t
}

// unset makes a field unset that has its default.
func unset[T comparable](field *T, byDefault T) {
	if *field == byDefault {
		*field = *new(T)
	}
}

// unsetPointer does the same with a field that is a pointer.
func unsetPointer[T comparable](field **T, byDefault T) {
	if *field != nil && **field == byDefault {
		*field = nil
	}
}

// unsetEmpty makes a field unset that says nothing.
func unsetEmpty[T any](field **T) {
	if *field != nil && reflect.ValueOf(*field).Elem().IsZero() {
		*field = nil
	}
}

// roundUp rounds quantities to thousandths.
func roundUp(list corev1.ResourceList) {
	for name, quantity := range list {
		quantity.RoundUp(resource.Milli)
		list[name] = quantity
	}
}

func container(c *corev1.Container) {
	unset(&c.ImagePullPolicy, pullPolicy(c.Image))
	unset(&c.TerminationMessagePath, corev1.TerminationMessagePathDefault)
	unset(&c.TerminationMessagePolicy, corev1.TerminationMessageReadFile)
	unsetEmpty(&c.SecurityContext)
	roundUp(c.Resources.Limits)
	roundUp(c.Resources.Requests)
	for i := range c.Ports {
		unset(&c.Ports[i].Protocol, corev1.ProtocolTCP)
	}
	for i := range c.Env {
		if from := c.Env[i].ValueFrom; from != nil {
			fieldRef(from.FieldRef)
			if from.FileKeyRef != nil {
				unsetPointer(&from.FileKeyRef.Optional, false)
			}
		}
	}
	for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		probe(p)
	}
	if c.Lifecycle != nil {
		for _, hook := range []*corev1.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
			if hook != nil {
				httpGet(hook.HTTPGet)
			}
		}
	}
}

// pullPolicy is the default for an image: those of the tag latest, or of neither tag nor digest, are always pulled.
func pullPolicy(image string) corev1.PullPolicy {
	name, _, digested := strings.Cut(image, "@")
	last := name[strings.LastIndex(name, "/")+1:] // a colon before it is that of a port
	_, tag, tagged := strings.Cut(last, ":")
	if tag == "latest" || !tagged && !digested {
		return corev1.PullAlways
	}
	return corev1.PullIfNotPresent
}

func probe(p *corev1.Probe) {
	if p == nil {
		return
	}
	unset(&p.TimeoutSeconds, 1)
	unset(&p.PeriodSeconds, 10)
	unset(&p.SuccessThreshold, 1)
	unset(&p.FailureThreshold, 3)
	httpGet(p.HTTPGet)
	if p.GRPC != nil {
		unsetPointer(&p.GRPC.Service, "")
	}
}

func httpGet(a *corev1.HTTPGetAction) {
	if a != nil {
		unset(&a.Path, "/")
		unset(&a.Scheme, corev1.URISchemeHTTP)
	}
}

func fieldRef(f *corev1.ObjectFieldSelector) {
	if f != nil {
		unset(&f.APIVersion, "v1")
	}
}

func volume(v *corev1.VolumeSource) {
	unsetEmpty(&v.EmptyDir) // a volume of no source is an emptyDir
	switch {
	case v.HostPath != nil:
		unsetPointer(&v.HostPath.Type, corev1.HostPathUnset)
	case v.Secret != nil:
		unsetPointer(&v.Secret.DefaultMode, corev1.SecretVolumeSourceDefaultMode)
	case v.ConfigMap != nil:
		unsetPointer(&v.ConfigMap.DefaultMode, corev1.ConfigMapVolumeSourceDefaultMode)
	case v.DownwardAPI != nil:
		unsetPointer(&v.DownwardAPI.DefaultMode, corev1.DownwardAPIVolumeSourceDefaultMode)
		downward(v.DownwardAPI.Items)
	case v.Projected != nil:
		unsetPointer(&v.Projected.DefaultMode, corev1.ProjectedVolumeSourceDefaultMode)
		for i := range v.Projected.Sources {
			projection(&v.Projected.Sources[i])
		}
	case v.Image != nil:
		unset(&v.Image.PullPolicy, pullPolicy(v.Image.Reference))
	case v.Ephemeral != nil && v.Ephemeral.VolumeClaimTemplate != nil:
		claim := &v.Ephemeral.VolumeClaimTemplate.Spec
		unsetPointer(&claim.VolumeMode, corev1.PersistentVolumeFilesystem)
		roundUp(claim.Resources.Limits)
		roundUp(claim.Resources.Requests)
	default:
		disk(v)
	}
}

func projection(p *corev1.VolumeProjection) {
	if p.DownwardAPI != nil {
		downward(p.DownwardAPI.Items)
	}
	if p.ServiceAccountToken != nil {
		unsetPointer(&p.ServiceAccountToken.ExpirationSeconds, 60*60)
	}
}

func downward(files []corev1.DownwardAPIVolumeFile) {
	for i := range files {
		fieldRef(files[i].FieldRef)
	}
}

// disk is for the volumes of old drivers.
func disk(v *corev1.VolumeSource) {
	switch {
	case v.ISCSI != nil:
		unset(&v.ISCSI.ISCSIInterface, "default")
	case v.RBD != nil:
		unset(&v.RBD.RBDPool, "rbd")
		unset(&v.RBD.RadosUser, "admin")
		unset(&v.RBD.Keyring, "/etc/ceph/keyring")
	case v.AzureDisk != nil:
		unsetPointer(&v.AzureDisk.CachingMode, corev1.AzureDataDiskCachingReadWrite)
		unsetPointer(&v.AzureDisk.FSType, "ext4")
		unsetPointer(&v.AzureDisk.ReadOnly, false)
		unsetPointer(&v.AzureDisk.Kind, corev1.AzureSharedBlobDisk)
	case v.ScaleIO != nil:
		unset(&v.ScaleIO.StorageMode, "ThinProvisioned")
		unset(&v.ScaleIO.FSType, "xfs")
	}
}
