// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vedette-dev/vedette/internal/naming"
)

// least is the least template of a model.
func least() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "fraud", naming.LabelInject: "fraud"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "model", Image: "registry:5000/fraud:v7"}}},
	}
}

// volumes are a volume of every kind in which an API server sets a default, with the fields that it sets left out.
func volumes() map[string]corev1.VolumeSource {
	local := func(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }
	name := []corev1.DownwardAPIVolumeFile{{Path: "name", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}
	return map[string]corev1.VolumeSource{
		"empty":     {},
		"scratch":   {EmptyDir: &corev1.EmptyDirVolumeSource{}},
		"host":      {HostPath: &corev1.HostPathVolumeSource{Path: "/srv"}},
		"secret":    {Secret: &corev1.SecretVolumeSource{SecretName: "s-volume"}},
		"configmap": {ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: local("c-volume")}},
		"downward":  {DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: name}},
		"projected": {Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: local("c-projected")}},
			{Secret: &corev1.SecretProjection{LocalObjectReference: local("s-projected")}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: name}},
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}},
		}}},
		"ephemeral": {Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1024Mi")}},
			},
		}}},
		"image": {Image: &corev1.ImageVolumeSource{Reference: "weights@sha256:" + digest}},
		"iscsi": {ISCSI: &corev1.ISCSIVolumeSource{TargetPortal: "10.0.0.1:3260", IQN: "iqn.2001-04.com.example:storage", Lun: 0}},
		"rbd":   {RBD: &corev1.RBDVolumeSource{CephMonitors: []string{"10.0.0.1"}, RBDImage: "weights", SecretRef: new(local("s-rbd"))}},
		"azure": {AzureDisk: &corev1.AzureDiskVolumeSource{DiskName: "weights", DataDiskURI: "https://example.com/weights.vhd"}},
		"scale": {ScaleIO: &corev1.ScaleIOVolumeSource{Gateway: "https://g", System: "s", SecretRef: new(local("s-scale")), VolumeName: "v"}},
		"file":  {AzureFile: &corev1.AzureFileVolumeSource{SecretName: "s-file", ShareName: "share"}},
		"csi":   {CSI: &corev1.CSIVolumeSource{Driver: "csi.example.com", NodePublishSecretRef: new(local("s-csi"))}},
	}
}

const digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// parts are what a template may have beside the least, each valid by itself and with all others.
func parts() []func(*corev1.PodTemplateSpec) {
	model := func(change func(c *corev1.Container)) func(*corev1.PodTemplateSpec) {
		return func(t *corev1.PodTemplateSpec) { change(&t.Spec.Containers[0]) }
	}
	port := intstr.FromString("http")
	list := []func(*corev1.PodTemplateSpec){
		model(func(c *corev1.Container) { c.Image = "fraud" }),
		model(func(c *corev1.Container) { c.Image = "registry:5000/fraud@sha256:" + digest }),
		model(func(c *corev1.Container) { c.Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}} }),
		model(func(c *corev1.Container) {
			c.Env = []corev1.EnvVar{
				{Name: "NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
				{Name: "CPU", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu"}}},
				{Name: "MODE", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
					LocalObjectReference: corev1.LocalObjectReference{Name: "c-env"}, Key: "mode", Optional: new(true),
				}}},
				{Name: "KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
					LocalObjectReference: corev1.LocalObjectReference{Name: "s-env"}, Key: "key",
				}}},
			}
		}),
		model(func(c *corev1.Container) {
			c.EnvFrom = []corev1.EnvFromSource{
				{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "c-env"}}},
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "s-from"}, Optional: new(true)}},
			}
		}),
		model(func(c *corev1.Container) {
			c.Resources = corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("0.0001"), corev1.ResourceMemory: resource.MustParse("1024Mi")},
				Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1000m")},
			}
		}),
		model(func(c *corev1.Container) {
			c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(8080)}}}
			c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 9000}}}
			c.StartupProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: port}}, FailureThreshold: 60}
		}),
		model(func(c *corev1.Container) {
			c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(8080)}}}
		}),
		model(func(c *corev1.Container) { c.SecurityContext = &corev1.SecurityContext{} }),
		func(t *corev1.PodTemplateSpec) { t.Spec.SecurityContext = &corev1.PodSecurityContext{} },
		func(t *corev1.PodTemplateSpec) { t.Spec.DeprecatedServiceAccount = "fraud" },
		func(t *corev1.PodTemplateSpec) {
			t.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "s-pull"}}
		},
		func(t *corev1.PodTemplateSpec) {
			t.Spec.InitContainers = []corev1.Container{{
				Name: "fetch", Image: "fetch:latest", RestartPolicy: new(corev1.ContainerRestartPolicyAlways),
				Ports:        []corev1.ContainerPort{{ContainerPort: 7000}},
				StartupProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(7000)}}},
			}}
		},
		func(t *corev1.PodTemplateSpec) {
			t.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
				MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway,
				LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "fraud"}},
			}}
		},
		func(t *corev1.PodTemplateSpec) { t.Spec.Tolerations = []corev1.Toleration{{Key: "gpu"}} },
	}
	sources := volumes()
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		source := sources[name]
		list = append(list, func(t *corev1.PodTemplateSpec) {
			t.Spec.Volumes = append(t.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: source})
		})
	}
	return list
}

// full has all parts.
func full() corev1.PodTemplateSpec {
	t := least()
	for _, part := range parts() {
		part(&t)
	}
	return t
}
