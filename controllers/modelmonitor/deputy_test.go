// SPDX-License-Identifier: Apache-2.0

package modelmonitor

import (
	"os"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
)

// author is a client of somebody who may edit ModelMonitors by the role that we ship, and nothing else.
func author(t *testing.T) client.Client {
	t.Helper()
	server := apiserver.Get(t)
	return server.Client(t, server.As(t, "author", apiserver.Role(t, "config/rbac/modelmonitor-roles.yaml", "vedette-modelmonitor-editor")))
}

// TestNoSecretIsReadThroughUs: what an author of monitors may not do by himself, he does not get done by the manager.
func TestNoSecretIsReadThroughUs(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	a := author(t)
	f.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "model-registry"}, StringData: map[string]string{"token": "t"}})
	theirs := f.template("admin-task", "") // mounts the Secret, and is nobody's to run
	m := f.learner()
	m.Spec.Retraining.TemplateRef.Name = "admin-task"

	t.Run("what he may not do by himself", func(t *testing.T) {
		for what, err := range map[string]error{
			"read the Secret":      a.Get(ctx, client.ObjectKey{Namespace: f.ns, Name: "model-registry"}, &corev1.Secret{}),
			"make a CronJob":       a.Create(ctx, &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "mine"}, Spec: theirs.Spec}),
			"open one to himself":  a.Patch(ctx, theirs.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"vedette.dev/retraining-for":"fraud"}}}`))),
			"make a Job":           a.Create(ctx, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "mine"}, Spec: theirs.Spec.JobTemplate.Spec}),
			"make a pod":           a.Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "mine"}, Spec: theirs.Spec.JobTemplate.Spec.Template.Spec}),
			"read logs of pods":    a.Get(ctx, client.ObjectKey{Namespace: f.ns, Name: "x"}, &corev1.Pod{}),
			"change MonitorClass":  a.Create(ctx, &v1alpha1.MonitorClass{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}),
			"read a configuration": a.Get(ctx, client.ObjectKey{Namespace: f.ns, Name: "fraud-capture"}, &corev1.ConfigMap{}),
		} {
			if !apierrors.IsForbidden(err) {
				t.Errorf("he may %s: %v", what, err)
			}
		}
	})

	if err := a.Create(ctx, m); err != nil {
		t.Fatal(err)
	}
	f.prom.samples = []monitor.Sample{{Threshold: "errors", Segment: "all", Value: 1}}
	f.settle()
	f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonTemplateNotAllowed)
	f.onlySecretsOfTheClass()

	t.Run("he cannot pretend that a run is under way", func(t *testing.T) {
		forged := f.get()
		before := forged.DeepCopy()
		forged.Status.Retraining.Runs = []v1alpha1.RetrainingRun{{
			Name: "fraud-retrain-0123456789", Trigger: v1alpha1.RetrainingTriggerDrift, Reason: "x", State: v1alpha1.RetrainingTraining, RequestTime: metav1.NewTime(f.now),
		}}
		if err := a.Status().Patch(ctx, forged, client.MergeFrom(before)); !apierrors.IsForbidden(err) {
			t.Errorf("he writes status: %v", err)
		}
		forged = f.get()
		forged.Status.Retraining.Runs = []v1alpha1.RetrainingRun{{Name: "fraud-retrain-0123456789"}}
		if err := a.Update(ctx, forged); err != nil || len(f.get().Status.Retraining.Runs) > 0 {
			t.Errorf("he writes status along with the rest: %v", err)
		}
	})

	// One that is his to run, but not under the ServiceAccount that he would like.
	f.template("train", "fraud")
	change := func(account v1alpha1.ObjectName) {
		m := f.get()
		m.Spec.Retraining.TemplateRef.Name, m.Spec.Retraining.ServiceAccountName = "train", account
		if err := a.Update(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	change("cluster-admin")
	f.settle()
	f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonServiceAccountMismatch)
	f.onlySecretsOfTheClass()

	// What he may run is what its author made it.
	change("trainer")
	f.settle()
	f.finish(f.job(monitor.KindDataset), built(monitor.KindDataset))
	f.settle()
	jobs := f.trainings()
	if len(jobs) != 1 {
		t.Fatalf("%d Jobs train, want one", len(jobs))
	}
	spec := jobs[0].Spec.Template.Spec
	if spec.ServiceAccountName != "trainer" || len(spec.Containers) != 1 || spec.Containers[0].Image != "train:1" || spec.Containers[0].Command != nil || len(spec.Volumes) != 1 {
		t.Errorf("the Job is more than its template: %+v", spec)
	}

	t.Run("no field of a monitor names a Secret", func(t *testing.T) {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		b, err := os.ReadFile(apiserver.File("config/crd/bases/vedette.dev_modelmonitors.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(b, crd); err != nil {
			t.Fatal(err)
		}
		walk(t, "spec", crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"])
	})
}

func walk(t *testing.T, path string, s apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	if s.XPreserveUnknownFields != nil {
		t.Errorf("%s may hold anything", path)
	}
	for name, p := range s.Properties {
		if strings.Contains(strings.ToLower(name), "secret") {
			t.Errorf("%s.%s lets an author of monitors name a Secret", path, name)
		}
		walk(t, path+"."+name, p)
	}
	if s.Items != nil && s.Items.Schema != nil {
		walk(t, path+"[]", *s.Items.Schema)
	}
}

// onlySecretsOfTheClass checks every pod that we would have run: it mounts no Secret but those that the class names.
func (f *fixture) onlySecretsOfTheClass() {
	f.t.Helper()
	specs := map[string]corev1.PodSpec{}
	for _, o := range f.children() {
		switch o := o.(type) {
		case *batchv1.Job:
			specs[o.Name] = o.Spec.Template.Spec
		case *batchv1.CronJob:
			specs[o.Name] = o.Spec.JobTemplate.Spec.Template.Spec
		}
	}
	if len(specs) == 0 {
		f.t.Error("nothing runs: this shows little")
	}
	for name, spec := range specs {
		var mounted []string
		for _, v := range spec.Volumes {
			if v.Secret != nil {
				mounted = append(mounted, v.Secret.SecretName)
			}
			if v.Projected != nil {
				for _, s := range v.Projected.Sources {
					if s.Secret != nil {
						mounted = append(mounted, s.Secret.Name)
					}
				}
			}
		}
		for _, c := range spec.Containers {
			for _, e := range c.Env {
				if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
					mounted = append(mounted, e.ValueFrom.SecretKeyRef.Name)
				}
			}
			if c.EnvFrom != nil {
				f.t.Errorf("%s takes its environment from elsewhere", name)
			}
			if c.Image != "analyze:test" {
				f.t.Errorf("%s runs %s", name, c.Image)
			}
		}
		for _, s := range mounted {
			if !slices.Contains([]string{"writer", "analyst"}, s) {
				f.t.Errorf("%s mounts the Secret %s", name, s)
			}
		}
	}
}

// TestATrainingJobMayDoWhatItsServiceAccountMay asks the API server what the Job's identity may do.
func TestATrainingJobMayDoWhatItsServiceAccountMay(t *testing.T) {
	f := newFixture(t)
	m := f.learner()
	f.template("train", "fraud")
	f.prom.samples = []monitor.Sample{{Threshold: "errors", Segment: "all", Value: 1}}
	f.create(m,
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "trainer"}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get"}}}},
		&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "trainer"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "trainer"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: f.ns, Name: "trainer"}},
		})
	f.settle()
	f.finish(f.job(monitor.KindDataset), built(monitor.KindDataset))
	f.settle()
	jobs := f.trainings()
	if len(jobs) != 1 {
		t.Fatalf("%d Jobs train, want one", len(jobs))
	}
	account := jobs[0].Spec.Template.Spec.ServiceAccountName
	may := func(namespace, verb, resource string) bool {
		t.Helper()
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               "system:serviceaccount:" + f.ns + ":" + account,
			Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + f.ns, "system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Resource: resource},
		}}
		if err := f.admin.Create(t.Context(), review); err != nil {
			t.Fatal(err)
		}
		return review.Status.Allowed
	}
	if !may(f.ns, "get", "configmaps") {
		t.Error("it may not do what its ServiceAccount may: this shows little")
	}
	for _, verb := range []string{"get", "list", "watch"} {
		if may(f.ns, verb, "secrets") {
			t.Errorf("it may %s Secrets", verb)
		}
	}
	for _, c := range []struct{ verb, resource string }{{"create", "pods"}, {"patch", "configmaps"}, {"create", "jobs"}} {
		if may(f.ns, c.verb, c.resource) {
			t.Errorf("it may %s %s", c.verb, c.resource)
		}
	}
	if may("default", "get", "configmaps") {
		t.Error("it may do so in another namespace")
	}
	for _, v := range jobs[0].Spec.Template.Spec.Volumes {
		if v.Projected != nil {
			t.Errorf("it gets a volume that its template does not have: %+v", v)
		}
	}
}

func TestNothingIsRetrainedBesideTheManager(t *testing.T) {
	f := newFixture(t)
	f.Namespace = f.ns
	m := f.learner()
	f.template("train", "*")
	f.prom.samples = []monitor.Sample{{Threshold: "errors", Segment: "all", Value: 1}}
	f.create(m)
	f.settle()
	f.condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonTemplateNotAllowed)
	if len(f.get().Status.Retraining.Runs) > 0 {
		t.Error("a run was begun")
	}
}
