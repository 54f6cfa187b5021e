// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

// parameters fill the template of flights in every way.
func parameters() []v1alpha1.CandidateParameter {
	return []v1alpha1.CandidateParameter{
		{Name: "model", From: v1alpha1.ParameterSourceURI, Arg: v1alpha1.ParameterArg{Container: "model", Name: "--model"}},
		{Name: "fetch", From: v1alpha1.ParameterSourceURI, Env: v1alpha1.ParameterEnv{Container: "fetch", Name: "MODEL_URI"}},
		{Name: "data", From: v1alpha1.ParameterSourceDatasetDigest, Env: v1alpha1.ParameterEnv{Container: "model", Name: "DATASET"}},
		{Name: "version", From: v1alpha1.ParameterSourceVersion, Annotation: "app.kubernetes.io/version"},
	}
}

// template is the Deployment flights, as it is in Git.
func template(namespace string) *appsv1.Deployment {
	d := wrappers.MakeDeployment(namespace, "flights", wrappers.Injected("flights"))
	d.Spec.Replicas = new(int32(0))
	s := &d.Spec.Template.Spec
	s.InitContainers = []corev1.Container{{Name: "fetch", Image: "fetch:1"}}
	s.Containers[0].Args = []string{"serve", "--model=s3://models/flights/v1", "--port=8080"}
	s.Containers[0].Env = []corev1.EnvVar{
		{Name: "THREADS", Value: "4"},
		{Name: "DATASET", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels['dataset']"}}},
	}
	return d
}

// keptOf is what the operator keeps of a revision whose template has the values of a run; of nil, as it is.
func keptOf(t *testing.T, r *v1alpha1.ShadowRollout, revision v1alpha1.Revision, run *v1alpha1.RetrainingRun) *appsv1.ControllerRevision {
	t.Helper()
	made, err := rollout.Apply(template(r.Namespace).Spec.Template, rollout.Values(r.Spec.Candidate.Parameters, run))
	if err != nil {
		t.Fatal(err)
	}
	b, err := yaml.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := yaml.YAMLToJSON(b)
	if err != nil {
		t.Fatal(err)
	}
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: r.Namespace, Name: naming.Revision(r.Name, string(revision)),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(r, v1alpha1.GroupVersion.WithKind("ShadowRollout"))},
		},
		Data: runtime.RawExtension{Raw: raw}, Revision: 1,
	}
}

// fromRun is a rollout that serves what the last run of retrained has made, by the change beside.
func fromRun(change func(*v1alpha1.ShadowRollout)) *v1alpha1.ShadowRollout {
	r := baking()
	r.Spec.Candidate.Parameters = parameters()
	if change != nil {
		change(r)
	}
	return r
}

func TestExport(t *testing.T) {
	m := retrained()
	run := &m.Status.Retraining.Runs[1]
	r := fromRun(nil)
	golden.File(t, "export.yaml", []byte(newFixture(t, r, m, template("flights"), keptOf(t, r, candidate, run)).must("export", "flights")))
	t.Run("of a run that status knows no more", func(t *testing.T) {
		m := retrained()
		m.Status.Retraining.Runs = nil
		if stdout := newFixture(t, r, m, template("flights"), keptOf(t, r, candidate, run)).must("export", "flights"); strings.Contains(stdout, "Made by") || !strings.Contains(stdout, "--model=s3://models/flights/v2") {
			t.Errorf("%s", stdout)
		}
	})
	t.Run("of what Git has already", func(t *testing.T) {
		d := template("flights")
		made, err := rollout.Apply(d.Spec.Template, rollout.Values(parameters(), run))
		if err != nil {
			t.Fatal(err)
		}
		d.Spec.Template = made
		code, stdout, stderr := newFixture(t, r, m, d, keptOf(t, r, candidate, run)).run("export", "flights")
		if code != exitDone || stdout != "" || !strings.Contains(stderr, "there is nothing to write") {
			t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
		}
	})
}

func TestExportOfWhatIsNotThere(t *testing.T) {
	run := &retrained().Status.Retraining.Runs[1]
	bare := template("flights")
	bare.Spec.Template.Spec.InitContainers = nil
	foreign := keptOf(t, fromRun(nil), candidate, run)
	foreign.OwnerReferences = nil
	for name, c := range map[string]struct {
		rollout  *v1alpha1.ShadowRollout
		template *appsv1.Deployment
		kept     *appsv1.ControllerRevision
		says     string
	}{
		"no parameters":                 {baking(), template("flights"), keptOf(t, baking(), candidate, nil), "has no spec.candidate.parameters"},
		"two workloads of the user's":   {ofTwoWorkloads(baking()), template("flights"), keptOf(t, baking(), candidate, nil), "compares two workloads of yours"},
		"nothing serves":                {fromRun(func(r *v1alpha1.ShadowRollout) { r.Status.PrimaryRevision = "" }), template("flights"), foreign, "nothing of flights serves yet"},
		"nothing is kept":               {fromRun(nil), template("flights"), keptOf(t, fromRun(nil), old, run), "nothing is kept of revision 5f2c91d07e"},
		"what is kept is somebody's":    {fromRun(nil), template("flights"), foreign, "nothing is kept of revision 5f2c91d07e"},
		"a container that is there not": {fromRun(nil), bare, keptOf(t, fromRun(nil), candidate, run), `the template has no container "fetch"`},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := newFixture(t, c.rollout, c.template, c.kept).run("export", "flights")
			if code != exitFailed || stdout != "" || !strings.Contains(stderr, c.says) {
				t.Errorf("exit code %d, %q, %q; want %q", code, stdout, stderr, c.says)
			}
		})
	}
}
