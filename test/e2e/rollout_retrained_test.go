// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/modelserver/model"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

// annotationVersion is where the pods of the model tell their version, and annotationDataset what it was trained on.
const (
	annotationVersion = "flights.example/version"
	annotationDataset = "flights.example/training-set"
)

// TestARetrainedModelTakesOver goes from an alert to what serves: June's flights violate the accuracy, a model is trained anew on what
// became of them, tried, advised, and promoted once the policy says so. From a prediction of it the way leads back to the alert, and
// the patch for Git makes the template what serves.
func TestARetrainedModelTakesOver(t *testing.T) {
	t.Parallel()
	s := newRolloutScene(t, "retrained", takesModels)
	s.waitCaptures()
	s.servesModel(first)
	before := s.primary()
	run := s.trainsAnew()

	s.drive(60)
	s.waitRollout(verdictTimeout, v1alpha1.ConditionCandidateFit, metav1.ConditionTrue, v1alpha1.ReasonAdvised)
	if now := s.primary(); now.Generation != before.Generation || now.Labels[naming.LabelRevision] != before.Labels[naming.LabelRevision] {
		t.Errorf("under policy Advise the primary went from generation %d, revision %s, to %d, %s",
			before.Generation, before.Labels[naming.LabelRevision], now.Generation, now.Labels[naming.LabelRevision])
	}
	s.servesModel(first)

	s.rollout.Spec.Promotion.Policy = v1alpha1.PromotionAutomatic
	s.sync()
	s.waitRollout(verdictTimeout, v1alpha1.ConditionBaking, metav1.ConditionFalse, v1alpha1.ReasonSucceeded)
	s.rest()
	s.untouched()
	s.runs(run)
	s.servesModel(run.Version)

	s.leadsBack(run, s.predicted())
	s.catchesUp(before.Labels[naming.LabelRevision])
}

// takesModels makes the model come from retraining runs, which a violated accuracy starts, and a verdict advice.
func takesModels(s *rolloutScene) {
	s.class.Spec.Limits = v1alpha1.Limits{}
	spec := &s.monitor.Spec
	spec.Source.Sidecar.Keep.Features = "100"
	spec.Versions.Model = v1alpha1.VersionSource{PodAnnotation: annotationVersion}
	spec.Labels = v1alpha1.Labels{MatureAfter: "1s", PositiveClass: model.Late}
	spec.Analyses = []v1alpha1.Analysis{{Kind: v1alpha1.AnalysisPerformance, Window: "1h"}}
	spec.Thresholds = []v1alpha1.Threshold{{
		Name: "accuracy", Signal: v1alpha1.SignalAccuracy, Min: "0.76", Segments: []v1alpha1.ItemName{"atl", "lax"},
	}}
	s.retrainsOn("accuracy")

	template := &s.deployment.Spec.Template
	template.Annotations[annotationVersion] = first
	template.Spec.Volumes = []corev1.Volume{{Name: "store", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "vedette-store"}}}}
	c := &template.Spec.Containers[0]
	c.Args = []string{"--store=" + s.class.Spec.Store.URL, "--credentials=/etc/store"}
	c.VolumeMounts = []corev1.VolumeMount{{Name: "store", MountPath: "/etc/store", ReadOnly: true}}

	s.rollout.Spec.Promotion.Policy = v1alpha1.PromotionAdvise
	s.rollout.Spec.Candidate.Parameters = []v1alpha1.CandidateParameter{
		{Name: "model", From: v1alpha1.ParameterSourceURI, Arg: v1alpha1.ParameterArg{Container: v1alpha1.ItemName(c.Name), Name: "--model"}},
		{Name: "version", From: v1alpha1.ParameterSourceVersion, Annotation: annotationVersion},
		{Name: "data", From: v1alpha1.ParameterSourceDatasetDigest, Annotation: annotationDataset},
	}
	// A retrained model is meant to answer differently.
	s.rollout.Spec.Analysis.Criteria = []v1alpha1.Criterion{
		{Name: "errors", Signal: v1alpha1.ComparedErrorRatio, MaxDifference: "0.05"},
		{Name: "median", Signal: v1alpha1.ComparedLatencySeconds, Quantile: "0.5", MaxRatio: "2.5"},
	}
}

// trainsAnew sends June's flights and then what became of them, and waits for the run that the violation starts.
func (s *rolloutScene) trainsAnew() v1alpha1.RetrainingRun {
	s.Helper()
	flights := s.june()
	sent := s.sends(traffic.Config{Flights: flights, Batch: 64})
	var labels bytes.Buffer
	if err := data.WriteLabels(&labels, flights); err != nil {
		s.Fatal(err)
	}
	if err := s.bucket().Put(s.Context(), s.layout().Inbox("labels")+"june.csv", labels.Bytes()); err != nil {
		s.Fatal(err)
	}
	s.performed(sent)
	return s.trained()
}

// sends replays flights and waits until all that the pods were ever asked is stored. It says how much that is.
func (s *rolloutScene) sends(c traffic.Config) int64 {
	s.Helper()
	before, err := s.counts(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	all := int64(before.sum(naming.MetricInstances)) + s.replay(c).Instances
	s.settled(all)
	return all
}

func (s *rolloutScene) primary() *appsv1.Deployment {
	s.Helper()
	d := new(appsv1.Deployment)
	if err := cluster.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: naming.Primary(modelName)}, d); err != nil {
		s.Fatal(err)
	}
	return d
}

// servesModel fails unless the model that serves says that it is of a version. It is asked for that alone: a call would be one of the
// predictions.
func (s *rolloutScene) servesModel(version string) {
	s.Helper()
	body, err := get(s.Context(), s.url()+"/v2/models/"+modelName)
	if err != nil {
		s.Fatal(err)
	}
	var about struct{ Versions []string }
	if err := json.Unmarshal([]byte(body), &about); err != nil || !slices.Equal(about.Versions, []string{version}) {
		s.Fatalf("want version %s to serve, got %s (%v)", version, body, err)
	}
}

// runs fails unless every pod of the primary has what a run has made.
func (s *rolloutScene) runs(run v1alpha1.RetrainingRun) {
	s.Helper()
	pods, err := s.pods(s.Context())
	if err != nil || len(pods) == 0 {
		s.Fatalf("got %d pods: %v", len(pods), err)
	}
	for _, pod := range pods {
		args := strings.Join(pod.Spec.Containers[0].Args, " ")
		if !strings.Contains(args, "--model="+run.URI) || pod.Annotations[annotationVersion] != run.Version || pod.Annotations[annotationDataset] != run.Dataset.Digest {
			s.Errorf("pod %s runs %s with %v, want what %s has made: %s, %s", pod.Name, args, pod.Annotations, run.Name, run.Version, run.URI)
		}
	}
}

// predicted is the version under which predictions are stored that were asked for now.
func (s *rolloutScene) predicted() string {
	s.Helper()
	s.sends(traffic.Config{Flights: s.flights(data.June, 100), IDPrefix: "after"})
	dir, _ := s.download(s.layout().Prefix())
	got := s.query("SELECT min(model_version) AS version, count(*) AS n, count(DISTINCT model_version) AS versions FROM " +
		table(dir, store.Predictions) + " WHERE starts_with(request_id, 'after-')")
	if got["versions"] != "1" {
		s.Fatalf("the predictions after the promotion are %v, want them of one version", got)
	}
	return fmt.Sprint(got["version"])
}

// leadsBack asks why a version serves, and wants the chain from the alert over the run and its dataset to the revision that serves.
func (s *rolloutScene) leadsBack(run v1alpha1.RetrainingRun, version string) {
	s.Helper()
	out, err := cluster.Plugin(s.Context(), "why", modelName, "-n", s.namespace, "--version", version, "-o", "json")
	if err != nil {
		s.Fatal(err)
	}
	var why struct {
		Suspect  struct{ Threshold, Segment string }
		Evidence struct {
			Datasets []struct{ Digest string }
			Records  []struct{ Labels []json.RawMessage }
		}
		Runs     []struct{ Name, Version, Dataset, URI string }
		Rollouts []struct{ Revision, State, Run, Verdict string }
	}
	if err := json.Unmarshal([]byte(out), &why); err != nil {
		s.Fatalf("%v: %s", err, out)
	}
	r, err := s.read(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	alert := why.Suspect.Threshold == "accuracy" && why.Suspect.Segment == "atl"
	made := len(why.Runs) == 1 && why.Runs[0].Name == string(run.Name) && why.Runs[0].Version == version && why.Runs[0].Dataset == run.Dataset.Digest
	of := len(why.Evidence.Datasets) == 1 && why.Evidence.Datasets[0].Digest == run.Dataset.Digest && len(why.Evidence.Records) > 0 && len(why.Evidence.Records[0].Labels) > 0
	serves := len(why.Rollouts) == 1 && why.Rollouts[0].Revision == string(r.Status.PrimaryRevision) && why.Rollouts[0].State == "Serves" &&
		why.Rollouts[0].Run == string(run.Name) && why.Rollouts[0].Verdict == string(v1alpha1.VerdictPass)
	if !alert || !made || !of || !serves {
		s.Errorf("why %s leads to the alert: %t, the run %s: %t, its dataset: %t, what serves: %t\n%s", version, alert, run.Name, made, of, serves, out)
	}
}

// catchesUp applies the patch for Git to the user's manifest, and wants it to be what serves; what served first is it no more.
func (s *rolloutScene) catchesUp(old string) {
	s.Helper()
	out, err := cluster.Plugin(s.Context(), "export", modelName, "-n", s.namespace)
	if err != nil {
		s.Fatal(err)
	}
	patch, err := yaml.YAMLToJSON([]byte(out))
	if err != nil {
		s.Fatalf("%v: %s", err, out)
	}
	manifest, err := json.Marshal(s.deployment)
	if err != nil {
		s.Fatal(err)
	}
	patched, err := strategicpatch.StrategicMergePatch(manifest, patch, appsv1.Deployment{})
	if err != nil {
		s.Fatalf("%v: %s", err, out)
	}
	var wanted appsv1.Deployment
	if err := json.Unmarshal(patched, &wanted); err != nil {
		s.Fatal(err)
	}
	r, err := s.read(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	was, is := rollout.Revision(s.deployment.Spec.Template, nil), rollout.Revision(wanted.Spec.Template, nil)
	if was != old || is != string(r.Status.PrimaryRevision) {
		s.Errorf("the patch makes revision %s of %s, want %s of %s:\n%s", is, was, r.Status.PrimaryRevision, old, out)
	}

	// Once it is in Git, there is nothing more to write, and nothing to try.
	s.deployment.Spec.Template = wanted.Spec.Template
	s.sync()
	if out, err := cluster.Plugin(s.Context(), "export", modelName, "-n", s.namespace); err != nil || out != "" {
		s.Errorf("with the patch applied, export prints %q (%v)", out, err)
	}
	s.until(reconcileTimeout, "the rollout to have nothing to try", func(ctx context.Context) (bool, string, error) {
		r, err := s.read(ctx)
		if err != nil {
			return false, "", err
		}
		return r.Status.Candidate.Revision == "" && string(r.Status.PrimaryRevision) == is, fmt.Sprintf("the candidate is %+v", r.Status.Candidate), nil
	})
}
