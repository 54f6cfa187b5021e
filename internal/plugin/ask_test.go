// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/infer"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/wire"
)

func succeeded(kind string) wire.Verdict {
	return wire.Verdict{VerdictHeader: wire.VerdictHeader{Kind: kind, Outcome: wire.OutcomeSucceeded}}
}

func outliersReport() *analyze.OutliersReport {
	return &analyze.OutliersReport{
		Version: 1, Kind: "outliers", Cluster: "c", Namespace: "flights", Monitor: "flights", From: now.Add(-24 * time.Hour), To: now, Rows: 96000, Outliers: 205,
		Damaged: []string{"c/flights/flights/predictions/version=v1/dt=2001-06-30/hh=11/x.parquet"},
		Top: []analyze.Prediction{
			{
				RecordID: "r-1-0", LabelKey: "ORD-ALB-20010630T0602", Time: now.Add(-time.Hour), ModelVersion: "v1", Segments: []string{"ord"}, Prediction: "late",
				Score: 0.848, OutlierScore: 5.55, Reasons: []string{"z:delay"},
				Features: []analyze.FeatureValue{{Name: "delay", Value: "674", Usual: "0 ± 4.53", Z: 80}, {Name: "destination", Value: "ALB", Usual: "0.1 % of the baseline"}},
			},
			{
				RecordID: "r-2-0", RequestID: strings.Repeat("a-long-id-", 10), Time: now.Add(-2 * time.Hour), Segments: []string{"a-very-long-segment", "another"}, Prediction: strings.Repeat("x", 40),
				Score: 0.5, OutlierScore: 4, Reasons: []string{"rare:destination", "schema:delay:range", "confidence", "margin", "z:hour", "z:distance"},
				Features: []analyze.FeatureValue{{Name: "delay", Value: strings.Repeat("9", 64), Usual: "0 ± 4.53"}, {Name: "destination", Value: "SWF"}},
			},
		},
	}
}

func TestOutliersAreAskedOfAJob(t *testing.T) {
	m := flights()
	f := newFixture(t, m, cronOf(m, "drift"))
	var b bytes.Buffer
	if err := outliersReport().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	f.printed = "time=2001-06-30T12:00:00Z level=WARN msg=\"a damaged file\"\n" + b.String() + "time=2001-06-30T12:00:01Z level=WARN msg=\"closing the store\"\n"
	made := f.finishing(succeeded("outliers"))
	golden.File(t, "outliers.txt", []byte(f.must("outliers", "flights", "--top", "2", "--window", "24h", "--to", "2001-06-30T12:00:00Z")))
	job := <-made
	job.Name, job.ResourceVersion, job.ManagedFields = "", "", nil
	golden.Object(t, "outliers job", job, &batchv1.Job{})

	var left batchv1.JobList
	if err := f.client.List(t.Context(), &left); err != nil || len(left.Items) > 0 {
		t.Errorf("%d Jobs were left behind (%v)", len(left.Items), err)
	}
	golden.File(t, "outliers as JSON.txt", []byte(f.must("outliers", "flights", "-o", "json")))
}

func TestAJobThatCouldNotAnswerSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		verdict wire.Verdict
		message string
		printed string
		says    string
	}{
		"the store refused": {verdict: wire.Verdict{VerdictHeader: wire.VerdictHeader{Kind: "outliers", Outcome: wire.OutcomeFailed, Reason: "CredentialsRefused", Message: "the store refused the credentials"}},
			says: "analyze outliers failed: CredentialsRefused: the store refused the credentials"},
		"an image that does not know the question": {message: "Usage: analyze KIND", printed: "Usage: analyze KIND [flags]\nflag provided but not defined: -rank\n",
			says: "is the image of the analyses of this release?"},
		"nothing was printed": {verdict: succeeded("outliers"), says: "the Job printed no answer"},
		"half was printed":    {verdict: succeeded("outliers"), printed: `{"version": 1, "top": [`, says: "the Job printed no answer"},
		"something else was":  {verdict: succeeded("outliers"), printed: "{\"top\": 7}\n", says: "reading what analyze outliers found"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, flights(), cronOf(flights(), "outliers"))
			f.printed = c.printed
			if c.message != "" {
				f.ending(c.message)
			} else {
				f.finishing(c.verdict)
			}
			code, _, stderr := f.run("outliers", "flights")
			if code != exitFailed || !strings.Contains(stderr, c.says) {
				t.Errorf("exit code %d, %q; want %q", code, stderr, c.says)
			}
		})
	}
}

func TestAMonitorWithoutAnalysesCannotBeAsked(t *testing.T) {
	code, _, stderr := newFixture(t, flights()).run("outliers", "flights")
	if code != exitFailed || !strings.Contains(stderr, "--direct reads the store from here") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

func TestTheStoreIsReadFromHere(t *testing.T) {
	root := t.TempDir()
	config := wire.Config{
		Cluster: "c", Namespace: "flights", Monitor: "flights", Store: wire.Store{URL: "file://" + root},
		Capture: wire.Capture{FlushSeconds: 300}, Outliers: wire.Outliers{Rate: 0.01, WindowSeconds: 3600},
	}
	document, err := wire.Encode(config)
	if err != nil {
		t.Fatal(err)
	}
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "flights", Name: naming.Config("flights")}, Data: map[string]string{naming.ConfigFile: string(document)}}
	f := newFixture(t, flights(), cm)
	stdout := f.must("outliers", "flights", "--direct")
	if !strings.Contains(stdout, "0 predictions, 0 outliers") {
		t.Errorf("%q", stdout)
	}
	if code, _, stderr := f.run("outliers", "flights", "--store-credentials", root); code != exitUsage || !strings.Contains(stderr, "is for --direct") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

func TestASchemaCanBePasted(t *testing.T) {
	schema := infer.Schema{
		Protocol: wire.ProtocolJSON, Calls: 200, Unreadable: 3, Instances: 1970, LabelKey: "request['ticket id']",
		Features: []infer.Feature{
			{Name: "distance", Type: wire.Numeric, Required: true, Seen: "0 to 4983"},
			{Name: "year", Type: wire.Numeric, Path: "request['Year: \"built\"']", Origin: "1900", Seen: "1970 to 2004"},
			{Name: "origin", Type: wire.Categorical, Seen: "ATL, LAX\n# injected: true"},
		},
		Prediction: &infer.Prediction{Kind: wire.BinaryClassification, Score: "response.score", Classes: []string{"no", "yes"}, Seen: "0.01 to 0.99"},
		Notes:      []string{"request.odd is now of one type, now of another: it is left out"},
	}
	f := newFixture(t, flights(), cronOf(flights(), "outliers"))
	var b bytes.Buffer
	if err := (&analyze.SchemaReport{Schema: schema}).WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	f.printed = b.String()
	f.finishing(succeeded("schema"))
	stdout := f.must("schema", "infer", "flights")
	golden.File(t, "schema infer.yaml", []byte(stdout))
	var spec struct {
		Schema v1alpha1.Schema `json:"schema"`
	}
	if err := yaml.UnmarshalStrict([]byte(stdout), &spec); err != nil {
		t.Fatal(err)
	}
	if got := spec.Schema; len(got.Features) != 3 || got.Features[1].Path != "request['Year: \"built\"']" || got.Prediction.Classes[0] != "no" {
		t.Errorf("parsed as %+v", got)
	}
}

func TestASchemaFromWhatTheServerSays(t *testing.T) {
	f := newFixture(t)
	f.answers = map[string]string{
		"model:http/v2/models/flights": `{"inputs":[{"name":"distance","datatype":"FP64","shape":[-1]},{"name":"origin","datatype":"BYTES","shape":[-1]}],"outputs":[{"name":"score","datatype":"FP64","shape":[-1]}]}`,
	}
	golden.File(t, "schema infer --from metadata.yaml", []byte(f.must("schema", "infer", "flights", "--from", "metadata", "--service", "model:http")))
	code, _, stderr := f.run("schema", "infer", "flights", "--from", "metadata")
	if code != exitFailed || !strings.Contains(stderr, `asking the Service "flights" for v2/models/flights`) {
		t.Errorf("exit code %d, %q", code, stderr)
	}
	if code, _, stderr := f.run("schema", "infer", "flights", "--from", "nowhere"); code != exitUsage || !strings.Contains(stderr, "want traffic or metadata") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
