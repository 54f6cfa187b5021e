// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/rollout"
	"github.com/vedette-dev/vedette/internal/testing/apiserver"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestMain(m *testing.M) { apiserver.Main(m) }

// user are the rights that docs/kubectl-vedette.md says are enough for all commands that ask the cluster.
func user() *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "vedette-plugin-user"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"vedette.dev"}, Resources: []string{"modelmonitors"}, Verbs: []string{"get", "list"}},
		{APIGroups: []string{"batch"}, Resources: []string{"cronjobs"}, Verbs: []string{"list"}},
		{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: []string{"create", "delete", "get", "watch"}},
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}},
		{APIGroups: []string{""}, Resources: []string{"pods/log"}, Verbs: []string{"get"}},
		{APIGroups: []string{"vedette.dev"}, Resources: []string{"shadowrollouts"}, Verbs: []string{"get", "list", "patch"}},
		{APIGroups: []string{"apps"}, Resources: []string{"controllerrevisions", "deployments"}, Verbs: []string{"get"}},
	}}
}

// scene is a namespace of a real API server with a monitor, and a user of few rights who asks about it.
type scene struct {
	t          *testing.T
	admin      client.WithWatch
	namespace  string
	kubeconfig string
}

func newScene(t *testing.T, roles ...*rbacv1.ClusterRole) *scene {
	t.Helper()
	server := apiserver.Get(t)
	s := &scene{t: t, admin: server.Client(t, server.Config), namespace: server.Namespace(t, nil), kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	name := "somebody-of-" + s.namespace
	s.write(server.As(t, name, roles...))
	return s
}

// write writes the user's kubeconfig.
func (s *scene) write(c *rest.Config) {
	s.t.Helper()
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: c.Host, CertificateAuthorityData: c.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {ClientCertificateData: c.CertData, ClientKeyData: c.KeyData}},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u", Namespace: s.namespace}},
		CurrentContext: "x",
	}, s.kubeconfig)
	if err != nil {
		s.t.Fatal(err)
	}
}

// monitor makes a monitor and the CronJobs of its analyses.
func (s *scene) monitor() {
	s.t.Helper()
	m := wrappers.MakeMonitor(s.namespace, "flights").Binary().Segment("atl", "f.country == 'ATL'").Obj()
	s.create(m)
	m.Status = v1alpha1.ModelMonitorStatus{Mode: v1alpha1.ModeEnforce, Target: "Deployment/flights", Outliers: new(int64(7))}
	s.status(m)
	for _, kind := range []string{"drift", "outliers"} {
		c := cronOf(m, kind)
		c.UID = ""
		s.create(c)
	}
}

func (s *scene) create(o client.Object) {
	s.t.Helper()
	if err := s.admin.Create(s.t.Context(), o); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) status(o client.Object) {
	s.t.Helper()
	if err := s.admin.Status().Update(s.t.Context(), o); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) run(args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	var out, errs bytes.Buffer
	p := &Plugin{Stdout: &out, Stderr: &errs, Now: func() time.Time { return now }}
	code = p.Run(s.t.Context(), append([]string{"--kubeconfig", s.kubeconfig}, args...))
	return code, out.String(), errs.String()
}

// finishing ends every Job of the namespace with a verdict.
func (s *scene) finishing(v wire.Verdict) {
	s.t.Helper()
	message, err := wire.EncodeVerdict(v)
	if err != nil {
		s.t.Fatal(err)
	}
	w, err := s.admin.Watch(s.t.Context(), &batchv1.JobList{}, client.InNamespace(s.namespace))
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	s.t.Cleanup(func() { w.Stop(); <-done })
	go func() {
		defer close(done)
		for event := range w.ResultChan() {
			if j, ok := event.Object.(*batchv1.Job); ok && event.Type == watch.Added {
				finish(s.t, s.admin, j, string(message))
			}
		}
	}()
}

// kubelet is a node whose kubelet answers for the logs of all pods.
func (s *scene) kubelet(printed string) {
	s.t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/containerLogs/"+s.namespace+"/") {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, printed)
	}))
	s.t.Cleanup(server.Close)
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		s.t.Fatal(err)
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeOf(s.namespace)}}
	s.create(node)
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: host}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(number)
	s.status(node)
}

// nodeOf is the node that the pods of a namespace run on, where there is one.
func nodeOf(namespace string) string { return "node-of-" + namespace }

func TestAUserOfFewRightsSeesRunsAndAsks(t *testing.T) {
	s := newScene(t, user())
	s.monitor()
	s.kubelet(`time=2001-06-30T12:00:00Z level=WARN msg="a line of the log"
{"version": 1, "namespace": "flights", "monitor": "flights", "rows": 4711, "outliers": 7, "top": []}
`)
	if code, stdout, stderr := s.run("status"); code != exitDone || !strings.Contains(stdout, "flights") {
		t.Errorf("status: exit code %d, %q %s", code, stdout, stderr)
	}
	if code, stdout, stderr := s.run("run", "drift", "flights"); code != exitDone || !strings.Contains(stdout, "job.batch/flights-drift-993903000 created") {
		t.Errorf("run: exit code %d, %q %s", code, stdout, stderr)
	}
	s.finishing(succeeded("outliers"))
	if code, stdout, stderr := s.run("outliers", "flights"); code != exitDone || !strings.Contains(stdout, "4711 predictions, 7 outliers") {
		t.Errorf("outliers: exit code %d, %q %s", code, stdout, stderr)
	}
	var jobs batchv1.JobList
	if err := s.admin.List(t.Context(), &jobs, client.InNamespace(s.namespace), client.MatchingLabels{naming.LabelAnalysis: labelAsks}); err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs.Items {
		if j.DeletionTimestamp == nil {
			t.Errorf("the Job %s was left behind", j.Name)
		}
	}
	run := &batchv1.Job{}
	if err := s.admin.Get(t.Context(), client.ObjectKey{Namespace: s.namespace, Name: "flights-drift-993903000"}, run); err != nil {
		t.Fatal(err)
	}
	if owner := metav1.GetControllerOf(run); owner == nil || owner.Kind != "CronJob" || owner.Name != "flights-drift" {
		t.Errorf("the run is controlled by %+v, want the CronJob", owner)
	}
}

func TestWhoMayOnlyLookCannotStartAnything(t *testing.T) {
	role := user()
	role.Name, role.Rules = "vedette-plugin-viewer", role.Rules[:2]
	s := newScene(t, role)
	s.monitor()
	if code, _, stderr := s.run("status", "flights"); code != exitDone {
		t.Errorf("status: exit code %d, %s", code, stderr)
	}
	for _, args := range [][]string{{"run", "drift", "flights"}, {"outliers", "flights"}} {
		if code, _, stderr := s.run(args...); code != exitFailed || !strings.Contains(stderr, "cannot create resource \"jobs\"") {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
}

func TestAnotherContextIsAnotherCluster(t *testing.T) {
	s := newScene(t, user())
	code, _, stderr := s.run("status", "--context", "elsewhere")
	if code != exitFailed || !strings.Contains(stderr, "elsewhere") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if err := os.Remove(s.kubeconfig); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := s.run("status"); code != exitFailed || !strings.Contains(stderr, "reading the kubeconfig") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// TestTheOperatorTakesWhatAPersonDecidesAndGitWhatIsExported, on a real API server and with few rights: a step is written, and the
// patch makes of the template what serves, so that it is no new revision.
func TestTheOperatorTakesWhatAPersonDecidesAndGitWhatIsExported(t *testing.T) {
	s := newScene(t, user())
	s.monitor()
	r := fromRun(nil)
	status := r.Status
	r.ObjectMeta = metav1.ObjectMeta{Namespace: s.namespace, Name: "flights"}
	s.create(r)
	status.DeepCopyInto(&r.Status)
	s.status(r)
	run := &v1alpha1.RetrainingRun{State: v1alpha1.RetrainingSucceeded, Version: "v2", URI: "s3://models/$(HOME)/v2"}
	kept, d := keptOf(t, r, candidate, run), template(s.namespace)
	s.create(kept)
	s.create(d)

	if code, stdout, stderr := s.run("rollout", "reject", "flights", string(candidate)); code != exitDone {
		t.Errorf("reject: exit code %d, %q %s", code, stdout, stderr)
	}
	if err := s.admin.Get(t.Context(), client.ObjectKeyFromObject(r), r); err != nil || r.Annotations[naming.AnnotationReject] != string(candidate) {
		t.Errorf("it has the annotations %v (%v)", r.Annotations, err)
	}
	code, stdout, stderr := s.run("export", "flights")
	if code != exitDone {
		t.Fatalf("export: exit code %d, %s", code, stderr)
	}
	patch, err := yaml.YAMLToJSON([]byte(stdout))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.admin.Patch(t.Context(), d, client.RawPatch(types.StrategicMergePatchType, patch)); err != nil {
		t.Fatalf("%v, of\n%s", err, stdout)
	}
	var serves corev1.PodTemplateSpec
	if err := yaml.Unmarshal(kept.Data.Raw, &serves); err != nil {
		t.Fatal(err)
	}
	if got, want := rollout.Revision(d.Spec.Template, nil), rollout.Revision(serves, nil); got != want {
		t.Errorf("with the patch the template is revision %s, and %s serves: %s", got, want, cmp.Diff(serves, d.Spec.Template))
	}
}
