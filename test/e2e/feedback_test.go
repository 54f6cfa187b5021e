// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/postgres"
	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/modelserver/model"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

const (
	queueName = "desk"
	// labelled is how many items people answer.
	labelled = 20
	password = "correct horse battery staple"
	token    = "e2e-token-of-a-program"
)

// TestTheFeedbackLoop goes once around: planted anomalies among real flights are found as they pass, put before two people in
// a real browser, and what these say comes back as labels, performance, a dataset, and a retraining run.
func TestTheFeedbackLoop(t *testing.T) {
	for name, storage := range map[string]func(*scene) v1alpha1.QueueStorage{"sqlite": onSQLite, "postgres": onPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &loop{scene: newScene(t, "loop-"+name)}
			l.watch()
			l.ask(storage(l.scene))
			l.traffic()
			l.queued()
			l.answered()
			l.published()
			l.judged()
			l.retrained()
			l.told()
		})
	}
}

// loop is one way around.
type loop struct {
	*scene
	flights map[string]data.Flight
	sent    traffic.Result
	// url is where the page is, items what it holds, by their record.
	url   string
	items map[string]queueItem
	// done are the items that people have answered, in their order.
	done []string
	run  v1alpha1.RetrainingRun
}

// queueItem is what the test wants to know of an item.
type queueItem struct {
	ID         string   `json:"id"`
	State      string   `json:"state"`
	Reasons    []string `json:"reasons"`
	Prediction struct {
		RequestID string `json:"request_id"`
		LabelKey  string `json:"label_key"`
	} `json:"prediction"`
	Label *struct {
		Class string `json:"class"`
	} `json:"label"`
}

// watch brings the model with its monitor: with a baseline, so that there are outliers, a bound that June's flights do not
// keep, and retraining when it is violated.
func (l *loop) watch() {
	l.Helper()
	const dataset = "baselines/may.parquet"
	spec := &l.monitor.Spec
	spec.Baseline.Dataset.URL = dataset
	spec.Labels = v1alpha1.Labels{MatureAfter: "1s", PositiveClass: model.Late}
	spec.Analyses = []v1alpha1.Analysis{{Kind: v1alpha1.AnalysisOutliers, Window: "1h"}, {Kind: v1alpha1.AnalysisPerformance, Window: "1h"}}
	spec.Segments = []v1alpha1.Segment{{Name: "atl", When: "f.origin == 'ATL'"}, {Name: "lax", When: "f.origin == 'LAX'"}}
	spec.Thresholds = []v1alpha1.Threshold{{
		Name: "accuracy", Signal: v1alpha1.SignalAccuracy, Min: "0.76", Segments: []v1alpha1.ItemName{"atl", "lax"},
	}}
	spec.Source.Sidecar.Keep.Features = "100"
	l.class.Spec.Limits = v1alpha1.Limits{}
	l.retrainsOn("accuracy")
	var baseline bytes.Buffer
	if _, err := data.WriteBaseline(&baseline); err != nil {
		l.Fatal(err)
	}
	key, err := l.layout().Dataset(dataset)
	if err != nil {
		l.Fatal(err)
	}
	if err := l.bucket().Put(l.Context(), key, baseline.Bytes()); err != nil {
		l.Fatal(err)
	}
	l.start()
	l.waitCondition(reloadTimeout, v1alpha1.ConditionReady, metav1.ConditionTrue, "Succeeded")
	l.until(reloadTimeout, "the sidecar to score against the baseline", func(ctx context.Context) (bool, string, error) {
		m, err := l.readMonitor(ctx)
		if err != nil {
			return false, "", err
		}
		c, err := l.counts(ctx)
		if err != nil {
			return false, "", err
		}
		revision := m.Status.ConfigRevision
		return c.everywhere(naming.MetricConfigInfo, "revision", revision) && !c.everywhere(naming.MetricConfigInfo, "baseline", ""), fmt.Sprintf("the monitor has revision %q", revision), nil
	})
}

// retrainsOn makes the monitor train anew when a threshold is violated, by a suspended CronJob that the team of the model gives away
// for it.
func (s *scene) retrainsOn(threshold v1alpha1.ItemName) {
	s.Helper()
	s.monitor.Spec.Retraining = v1alpha1.Retraining{
		TemplateRef: v1alpha1.RetrainingTemplateReference{Name: "retrain"}, ServiceAccountName: "trainer",
		Triggers: v1alpha1.RetrainingTriggers{Thresholds: []v1alpha1.ItemName{threshold}},
		// All that a test has is of the window that it judges by.
		Dataset: v1alpha1.RetrainingDataset{EvaluationWindows: new(int32(0)), HoldoutPercent: "0"},
	}
	cron := &batchv1.CronJob{ObjectMeta: objectMeta(s.namespace, "retrain")}
	cron.Annotations = map[string]string{naming.AnnotationRetrainingFor: modelName}
	cron.Spec = batchv1.CronJobSpec{Schedule: "0 0 1 1 *", Suspend: new(true)}
	pod := &cron.Spec.JobTemplate.Spec.Template.Spec
	pod.ServiceAccountName, pod.RestartPolicy = "trainer", corev1.RestartPolicyNever
	pod.AutomountServiceAccountToken = new(false)
	pod.Volumes = []corev1.Volume{{Name: "store", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "vedette-store"}}}}
	pod.Containers = []corev1.Container{{
		Name: "train", Image: "vedette.dev/retrain:dev", ImagePullPolicy: corev1.PullIfNotPresent,
		Args:         []string{"--store", s.class.Spec.Store.URL, "--credentials", "/etc/store"},
		VolumeMounts: []corev1.VolumeMount{{Name: "store", MountPath: "/etc/store", ReadOnly: true}},
	}}
	s.create(&corev1.ServiceAccount{ObjectMeta: objectMeta(s.namespace, "trainer")}, cron)
}

// ask opens the queue to two annotators and a reviewer.
func (l *loop) ask(storage v1alpha1.QueueStorage) {
	l.Helper()
	var users []string
	for name, role := range map[string]string{"ada": "annotator", "bo": "annotator", "rita": "reviewer"} {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			l.Fatal(err)
		}
		users = append(users, name+":"+string(hash)+":"+role)
	}
	sum := sha256.Sum256([]byte(token))
	q := &v1alpha1.AnnotationQueue{ObjectMeta: objectMeta(l.namespace, queueName)}
	q.Spec.Monitors = []v1alpha1.QueueMonitor{{Name: modelName}}
	q.Spec.Overlap = 2
	q.Spec.Storage = storage
	q.Spec.Question.Text = "Was this flight late?"
	q.Spec.Access.Local.SecretName, q.Spec.Access.Tokens.SecretName = "people", "programs"
	l.create(
		&corev1.Secret{ObjectMeta: objectMeta(l.namespace, "people"), StringData: map[string]string{naming.UsersFile: strings.Join(users, "\n")}},
		&corev1.Secret{ObjectMeta: objectMeta(l.namespace, "programs"), StringData: map[string]string{naming.TokensFile: "e2e:" + hex.EncodeToString(sum[:]) + ":admin"}},
		q)
	deployment := types.NamespacedName{Namespace: l.namespace, Name: naming.Review(queueName)}
	l.until(startTimeout, "the queue's Deployment", func(ctx context.Context) (bool, string, error) {
		err := cluster.Rolled(ctx, startTimeout, deployment)
		return err == nil, fmt.Sprint(err), nil
	})
	address, err := cluster.Forward(l.Context(), deployment, naming.ReviewPortName)
	if err != nil {
		l.Fatal(err)
	}
	l.url = "http://" + address
}

// onSQLite keeps the queue in a file on a volume.
func onSQLite(s *scene) v1alpha1.QueueStorage {
	s.Helper()
	remove, err := cluster.Volume(s.Context(), types.NamespacedName{Namespace: s.namespace, Name: naming.Review(queueName)})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := remove(context.Background()); err != nil {
			s.Error(err)
		}
	})
	return v1alpha1.QueueStorage{}
}

// onPostgres keeps it in a real Postgres, outside of the cluster.
func onPostgres(s *scene) v1alpha1.QueueStorage {
	s.Helper()
	if !cluster.Local {
		s.Skip("the pods of another cluster cannot reach a Postgres on this machine")
	}
	s.create(&corev1.Secret{ObjectMeta: objectMeta(s.namespace, "database"), StringData: map[string]string{naming.DatabaseURLFile: postgres.RemoteURL(s.T)}})
	return v1alpha1.QueueStorage{Postgres: v1alpha1.PostgresStorage{SecretName: "database", Replicas: 2}}
}

// traffic replays flights of June with one in a hundred tampered with.
func (l *loop) traffic() {
	l.Helper()
	l.flights = map[string]data.Flight{}
	flights := l.june()
	for _, f := range flights {
		l.flights[f.ID()] = f
	}
	l.sent = l.replay(traffic.Config{Flights: flights, Batch: 64, Anomalies: 0.01})
	if len(l.sent.Planted) < 20 {
		l.Fatalf("only %d anomalies were planted", len(l.sent.Planted))
	}
	l.settled(l.sent.Instances)
}

// queued waits until every planted anomaly is an item, and looks at the reasons.
func (l *loop) queued() {
	l.Helper()
	reasons := map[traffic.Anomaly]string{
		traffic.OutOfRange: "schema:distance:range", traffic.UnseenCategory: "unseen:origin", traffic.MissingFeature: "missing:origin_delay_2h",
	}
	l.until(startTimeout, "the planted anomalies in the queue", func(ctx context.Context) (bool, string, error) {
		if err := l.read(ctx); err != nil {
			return false, "", err
		}
		byRequest := map[string]queueItem{}
		for _, i := range l.items {
			byRequest[i.Prediction.RequestID] = i
		}
		missing := 0
		for _, p := range l.sent.Planted {
			i, ok := byRequest[p.RequestID]
			if !ok {
				missing++
			} else if !slices.Contains(i.Reasons, reasons[p.Anomaly]) {
				return false, "", fmt.Errorf("the item of %s (%s) is there because of %v", p.FlightID, p.Anomaly, i.Reasons)
			}
		}
		return missing == 0, fmt.Sprintf("%d of %d are missing; there are %d items", missing, len(l.sent.Planted), len(l.items)), nil
	})
}

// read reads all items by the API.
func (l *loop) read(ctx context.Context) error {
	l.items = map[string]queueItem{}
	for _, state := range []string{"pending", "conflict", "done"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"/api/v1/export?state="+state, nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("the export is answered with %s", response.Status)
		}
		for d := json.NewDecoder(response.Body); d.More(); {
			var i queueItem
			if err := d.Decode(&i); err != nil {
				return err
			}
			l.items[i.ID] = i
		}
	}
	return nil
}
