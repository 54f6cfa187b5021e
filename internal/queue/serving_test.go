// SPDX-License-Identifier: Apache-2.0

package queue_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/queue"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func TestServing(t *testing.T) {
	now := time.Unix(1800000000, 0)
	condition := func(kind appsv1.DeploymentConditionType, status corev1.ConditionStatus, ago time.Duration) appsv1.DeploymentCondition {
		return appsv1.DeploymentCondition{Type: kind, Status: status, LastTransitionTime: metav1.NewTime(now.Add(-ago))}
	}
	deployment := func(available int32, conditions ...appsv1.DeploymentCondition) *appsv1.Deployment {
		d := &appsv1.Deployment{Status: appsv1.DeploymentStatus{AvailableReplicas: available, Conditions: conditions}}
		d.CreationTimestamp = metav1.NewTime(now.Add(-time.Hour))
		return d
	}
	fresh := deployment(0)
	fresh.CreationTimestamp = metav1.NewTime(now.Add(-time.Minute))
	for name, tt := range map[string]struct {
		mode       v1alpha1.QueueMode
		deployment *appsv1.Deployment
		status     metav1.ConditionStatus
		reason     string
		ready      string
		after      time.Duration
	}{
		"a pod is available": {deployment: deployment(1), status: metav1.ConditionTrue, reason: v1alpha1.ReasonServing},
		"one of two is enough, whatever the rollout does": {
			deployment: deployment(1, condition(appsv1.DeploymentProgressing, corev1.ConditionFalse, 0)),
			status:     metav1.ConditionTrue, reason: v1alpha1.ReasonServing,
		},
		"the Deployment is not seen yet": {status: metav1.ConditionUnknown, reason: v1alpha1.ReasonStarting, ready: v1alpha1.ReasonProgressing},
		"pods start": {
			deployment: fresh, status: metav1.ConditionUnknown, reason: v1alpha1.ReasonStarting, ready: v1alpha1.ReasonProgressing, after: 2 * time.Minute,
		},
		"pods start anew": {
			deployment: deployment(0, condition(appsv1.DeploymentAvailable, corev1.ConditionFalse, 10*time.Second)),
			status:     metav1.ConditionUnknown, reason: v1alpha1.ReasonStarting, ready: v1alpha1.ReasonProgressing, after: 170 * time.Second,
		},
		"they have not come in time": {
			deployment: deployment(0, condition(appsv1.DeploymentAvailable, corev1.ConditionFalse, 3*time.Minute)),
			status:     metav1.ConditionFalse, reason: v1alpha1.ReasonUnavailable, ready: v1alpha1.ReasonUnavailable,
		},
		"they are refused, by a quota for example": {
			deployment: deployment(0, condition(appsv1.DeploymentReplicaFailure, corev1.ConditionTrue, 0)),
			status:     metav1.ConditionFalse, reason: v1alpha1.ReasonUnavailable, ready: v1alpha1.ReasonUnavailable,
		},
		"suspended is what was asked for": {
			mode: v1alpha1.QueueModeSuspended, deployment: deployment(0), status: metav1.ConditionFalse, reason: v1alpha1.ReasonSuspended,
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := wrappers.MakeQueue("payments", "desk", "fraud").Postgres("db").Obj()
			if tt.mode != "" {
				q.Spec.Mode = tt.mode
			}
			f, err := queue.Serving(q, tt.deployment, now)
			if f.Status != tt.status || f.Reason != tt.reason || reconcileerr.Reason(err) != tt.ready {
				t.Errorf("%s %s, Ready waits for %v; want %s %s, %q", f.Status, f.Reason, err, tt.status, tt.reason, tt.ready)
			}
			if w := (*reconcileerr.Waiting)(nil); errors.As(err, &w) && w.After != tt.after {
				t.Errorf("looks again after %v, want %v", w.After, tt.after)
			}
			if tt.reason == v1alpha1.ReasonUnavailable && !strings.HasSuffix(f.Message, "they need the Secrets db, desk-users") {
				t.Errorf("%q does not name the Secrets", f.Message)
			}
		})
	}
}

func TestVolumes(t *testing.T) {
	claim := func(size, class string) *corev1.PersistentVolumeClaim {
		c := &corev1.PersistentVolumeClaim{}
		c.Name, c.Spec.StorageClassName = "desk-review", &class
		c.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
		return c
	}
	sqlite := func(size string, class v1alpha1.ObjectName) v1alpha1.SQLiteStorage {
		return v1alpha1.SQLiteStorage{Size: new(resource.MustParse(size)), StorageClassName: class}
	}
	for name, tt := range map[string]struct {
		asked v1alpha1.SQLiteStorage
		live  *corev1.PersistentVolumeClaim
		want  string
		class string
		err   string
	}{
		"nothing is asked for":                       {want: "5Gi"},
		"what is asked for":                          {asked: sqlite("1Gi", "fast"), want: "1Gi", class: "fast"},
		"it grows":                                   {asked: sqlite("2Gi", ""), live: claim("1Gi", "standard"), want: "2Gi"},
		"it never shrinks":                           {asked: sqlite("1Gi", ""), live: claim("2Gi", "standard"), want: "2Gi"},
		"the same in other words":                    {asked: sqlite("1024Mi", "fast"), live: claim("1Gi", "fast"), want: "1024Mi", class: "fast"},
		"it keeps its class, and a person must know": {asked: sqlite("1Gi", "fast"), live: claim("1Gi", "slow"), want: "1Gi", class: "fast", err: "VolumeMismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			q := wrappers.MakeQueue("payments", "desk", "fraud").Obj()
			q.Spec.Storage.SQLite = tt.asked
			v, err := queue.VolumeOf(q, tt.live)
			if v.Size.Cmp(resource.MustParse(tt.want)) != 0 || v.Class != tt.class {
				t.Errorf("got %s of class %q, want %s of %q", v.Size.String(), v.Class, tt.want, tt.class)
			}
			if reconcileerr.Reason(err) != tt.err {
				t.Errorf("got %v, want %q", err, tt.err)
			}
		})
	}
}

func TestAccess(t *testing.T) {
	for name, tt := range map[string]struct {
		access  v1alpha1.QueueAccess
		address string
		host    string
		secrets []string
	}{
		"nothing is said": {address: "http://desk-review.payments.svc", secrets: []string{"desk-users"}},
		"a Secret of people, and one of programs": {
			access:  v1alpha1.QueueAccess{Local: v1alpha1.LocalAccess{SecretName: "staff"}, Tokens: v1alpha1.TokenAccess{SecretName: "bots"}},
			address: "http://desk-review.payments.svc", secrets: []string{"staff", "bots"},
		},
		"a provider alone": {
			access:  v1alpha1.QueueAccess{URL: "https://desk.example.com:8443", OIDC: v1alpha1.OIDCAccess{IssuerURL: "https://login", SecretName: "oidc"}},
			address: "https://desk.example.com:8443", host: "desk.example.com", secrets: []string{"oidc"},
		},
		"a proxy alone needs no Secret": {
			access:  v1alpha1.QueueAccess{ProxyHeader: v1alpha1.ProxyHeaderAccess{User: "X-User"}},
			address: "http://desk-review.payments.svc",
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := wrappers.MakeQueue("payments", "desk", "fraud").Obj()
			q.Spec.Access = tt.access
			if got := queue.Address(q); got != tt.address {
				t.Errorf("address %q, want %q", got, tt.address)
			}
			if got := queue.Host(q); got != tt.host {
				t.Errorf("host %q, want %q", got, tt.host)
			}
			if diff := cmp.Diff(tt.secrets, queue.Secrets(q)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
