// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/vedette-dev/vedette/internal/naming"
)

// scrapes is the configuration of a Prometheus that reads all sidecars of its namespace, often.
const scrapes = `global:
  scrape_interval: 2s
  evaluation_interval: 2s
rule_files: [/etc/rules/*.json]
scrape_configs:
- job_name: sidecars
  kubernetes_sd_configs:
  - role: pod
    namespaces: {own_namespace: true}
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_container_port_name], regex: vedette-metrics, action: keep}
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
`

// ownPrometheus brings a Prometheus of the scene's own, and makes the class read from it.
func (s *scene) ownPrometheus() types.NamespacedName {
	s.Helper()
	key := types.NamespacedName{Namespace: s.namespace, Name: "prometheus"}
	meta, labels := objectMeta(key.Namespace, key.Name), map[string]string{"app.kubernetes.io/name": key.Name}
	pod := corev1.PodSpec{
		ServiceAccountName: key.Name,
		SecurityContext:    &corev1.PodSecurityContext{RunAsNonRoot: new(true), RunAsUser: new(int64(65534)), FSGroup: new(int64(65534))},
		Containers: []corev1.Container{{
			Name: "prometheus", Image: "vedette.dev/prometheus:dev", ImagePullPolicy: corev1.PullIfNotPresent,
			Args:         []string{"--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/data"},
			Ports:        []corev1.ContainerPort{{Name: "web", ContainerPort: 9090}},
			VolumeMounts: []corev1.VolumeMount{{Name: "config", MountPath: "/etc/prometheus"}, {Name: "data", MountPath: "/data"}},
			ReadinessProbe: &corev1.Probe{PeriodSeconds: 2, ProbeHandler: corev1.ProbeHandler{
				HTTPGet: &corev1.HTTPGetAction{Path: "/-/ready", Port: intstr.FromString("web")},
			}},
		}},
		Volumes: []corev1.Volume{
			{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: key.Name}}}},
			{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		},
	}
	s.create(
		&corev1.ServiceAccount{ObjectMeta: meta},
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list", "watch"}}}},
		&rbacv1.RoleBinding{
			ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: key.Name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: key.Namespace, Name: key.Name}},
		},
		&corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"prometheus.yml": scrapes}},
		&corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Name: "web", Port: 9090, TargetPort: intstr.FromString("web")}}}},
		&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod},
		}},
	)
	if err := cluster.Rolled(s.Context(), startTimeout, key); err != nil {
		s.Fatal(err)
	}
	s.class.Spec.Prometheus.URL = fmt.Sprintf("http://%s.%s.svc:9090", key.Name, key.Namespace)
	return key
}

// judge gives the scene's Prometheus the rules of the monitor, as Prometheus's operator does: it is started anew with them.
func (s *scene) judge(prometheus types.NamespacedName) {
	s.Helper()
	rules := new(unstructured.Unstructured)
	rules.SetGroupVersionKind(schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: "PrometheusRule"})
	key := types.NamespacedName{Namespace: s.namespace, Name: naming.Rules(modelName)}
	s.until(reconcileTimeout, "the rules", func(ctx context.Context) (bool, string, error) {
		err := cluster.Get(ctx, key, rules)
		return err == nil, "", err
	})
	file, err := json.Marshal(rules.Object["spec"])
	if err != nil {
		s.Fatal(err)
	}
	s.create(&corev1.ConfigMap{ObjectMeta: objectMeta(s.namespace, "rules"), Data: map[string]string{"flights.json": string(file)}})
	change(s, &appsv1.Deployment{ObjectMeta: objectMeta(prometheus.Namespace, prometheus.Name)}, func(d *appsv1.Deployment) {
		pod := &d.Spec.Template.Spec
		pod.Volumes = append(pod.Volumes, corev1.Volume{Name: "rules", VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "rules"}},
		}})
		pod.Containers[0].VolumeMounts = append(pod.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "rules", MountPath: "/etc/rules"})
	})
	if err := cluster.Rolled(s.Context(), startTimeout, prometheus); err != nil {
		s.Fatal(err)
	}
}
