// SPDX-License-Identifier: Apache-2.0

// Package wrappers makes objects for tests, so that a test says only what it is about.
package wrappers

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// Monitor wraps a ModelMonitor.
type Monitor struct{ v1alpha1.ModelMonitor }

// MakeMonitor makes a monitor of the Deployment of the same name, with what the API server would fill in.
func MakeMonitor(namespace, name string) *Monitor {
	m := &Monitor{}
	m.Namespace, m.Name = namespace, name
	m.Spec.Mode = v1alpha1.ModeEnforce
	m.Spec.Target.WorkloadRef = v1alpha1.WorkloadReference{Kind: v1alpha1.WorkloadKindDeployment, Name: v1alpha1.ObjectName(name)}
	return m
}

// UID sets the UID, for tests without an API server.
func (m *Monitor) UID(uid types.UID) *Monitor {
	m.ModelMonitor.UID = uid
	return m
}

// Class names the class.
func (m *Monitor) Class(name string) *Monitor {
	m.Spec.ClassName = v1alpha1.ObjectName(name)
	return m
}

// Mode sets the mode.
func (m *Monitor) Mode(mode v1alpha1.Mode) *Monitor {
	m.Spec.Mode = mode
	return m
}

// Binary declares a binary classifier with a numeric and a categorical feature.
func (m *Monitor) Binary() *Monitor {
	m.Spec.Schema = v1alpha1.Schema{
		Prediction: v1alpha1.Prediction{Kind: v1alpha1.PredictionBinaryClassification, Score: "response.score"},
		Features: []v1alpha1.Feature{
			{Name: "age", Type: v1alpha1.FeatureTypeNumeric},
			{Name: "country", Type: v1alpha1.FeatureTypeCategorical},
		},
	}
	return m
}

// Segment adds a segment.
func (m *Monitor) Segment(name, when string) *Monitor {
	m.Spec.Segments = append(m.Spec.Segments, v1alpha1.Segment{Name: v1alpha1.ItemName(name), When: v1alpha1.Expression(when)})
	return m
}

// Dataset sets the baseline's dataset.
func (m *Monitor) Dataset(url string) *Monitor {
	m.Spec.Baseline.Dataset.URL = url
	return m
}

// Threshold adds a threshold.
func (m *Monitor) Threshold(t v1alpha1.Threshold) *Monitor {
	m.Spec.Thresholds = append(m.Spec.Thresholds, t)
	return m
}

// Obj is the monitor.
func (m *Monitor) Obj() *v1alpha1.ModelMonitor { return &m.ModelMonitor }

// MakeClass makes a class with a store and a Prometheus.
func MakeClass(name string) *v1alpha1.MonitorClass {
	return &v1alpha1.MonitorClass{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.MonitorClassSpec{
			ClusterName: "test",
			Store: v1alpha1.StoreSpec{
				URL:         "s3://bucket/prefix?region=eu-west-1",
				Credentials: v1alpha1.StoreCredentials{SecretName: "writer", AnalysisSecretName: "analyst"},
			},
			Prometheus: v1alpha1.PrometheusSpec{URL: "http://prometheus.test:9090", RuleLabels: map[string]string{"release": "prometheus"}},
		},
	}
}

// MakeDeployment makes a Deployment that serves on the port named http, with the pod labels beside app.
func MakeDeployment(namespace, name string, podLabels map[string]string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	maps.Copy(labels, podLabels)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "model", Image: "model:1", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
				}}},
			},
		},
	}
}

// Injected are the pod labels that ask for a monitor's sidecar.
func Injected(monitor string) map[string]string {
	return map[string]string{naming.LabelInject: monitor}
}
