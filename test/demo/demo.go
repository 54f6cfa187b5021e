// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/test/harness"
)

// Where things are; the names are those of config/ and of the demo's manifests.
const (
	flightsNamespace = "flights"
	systemNamespace  = "vedette-system"
	demoNamespace    = "vedette-demo"

	surroundingsDir = "test/demo/manifests/surroundings"
	registryDir     = "test/demo/manifests/registry"
	operatorDir     = "test/demo/manifests/operator"
	samplesDir      = "config/samples/flights"
)

var (
	monitorKey = types.NamespacedName{Namespace: flightsNamespace, Name: "flights"}
	queueKey   = types.NamespacedName{Namespace: flightsNamespace, Name: "flights-desk"}
	modelKey   = types.NamespacedName{Namespace: flightsNamespace, Name: "flights"}
	managerKey = types.NamespacedName{Namespace: systemNamespace, Name: "vedette-manager"}
	s3Key      = types.NamespacedName{Namespace: demoNamespace, Name: "s3"}
	layout     = store.Layout{Cluster: "demo", Namespace: flightsNamespace, Monitor: "flights"}
)

// demo is one run: what its steps found, for the steps after them.
type demo struct {
	out io.Writer
	// keys is the folder of the store's credentials.
	keys string
	now  func() time.Time

	cluster    *harness.Cluster
	prometheus harness.Prometheus
	bucket     *store.Bucket

	may, june replay
}

// step is one step of the demo.
type step struct {
	title string
	do    func(context.Context) error
	// next says what to look at afterwards: a file, or a kubectl command.
	next string
}

// play runs the steps.
func (d *demo) play(ctx context.Context) error {
	steps := []step{
		{"A cluster", d.startCluster, "kubectl get nodes"},
		{"Prometheus with its operator, and an S3 server", d.applySurroundings, "kubectl -n vedette-demo get pods"},
		{"The operator, from config/", d.applyOperator, "kubectl -n vedette-system get pods"},
		{"What healthy means, and who is asked: a MonitorClass, a ModelMonitor and an AnnotationQueue", d.applyMonitor, "config/samples/flights/monitor.yaml"},
		{"The model, with a sidecar that nobody wrote into its Deployment", d.applyModel, "kubectl -n flights get pods -o yaml"},
		{"May 2001 is replayed: a healthy month", d.replayMay, "kubectl -n flights logs job/replay-may"},
		{"June follows, while a drift run looks at May", d.judgeMay, "kubectl -n flights get modelmonitor flights -o yaml"},
		{"Every request counted", d.checkCounts, "docs/metrics.md"},
		{"A drift run looks at June: Atlanta has regressed", d.judgeJune, "kubectl -n flights describe modelmonitor flights"},
		{"The riskiest flights, and why", d.listOutliers, "kubectl -n flights logs job/flights-outliers-demo"},
		{"The truth comes later: Atlanta's answers have become worse", d.judgeAnswers, "docs/analyze.md"},
		{"The store: Parquet that anybody can read", d.checkStore, "docs/store.md"},
		{"The alert fires", d.checkAlert, "kubectl -n flights get prometheusrule flights-thresholds -o yaml"},
		{"Every panel of the dashboards has data", d.checkDashboards, "config/grafana"},
		{"People are asked about them, on a page of their own", d.checkQueue, "kubectl -n flights port-forward service/flights-desk-review 8080:80"},
		{"What a person asks first", d.checkStatus, "kubectl -n flights get all,cm,servicemonitor,prometheusrule -l vedette.dev/monitor=flights"},
	}
	start := d.now()
	for i, s := range steps {
		began := d.now()
		fmt.Fprintf(d.out, "\n[%d/%d] %s\n", i+1, len(steps), s.title)
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, s.title, err)
		}
		fmt.Fprintf(d.out, "      %s · next: %s\n", d.now().Sub(began).Round(time.Second/10), d.command(s.next))
	}
	fmt.Fprintf(d.out, "\nAll of it was observed, in %s.\n", d.now().Sub(start).Round(time.Second))
	d.printExplore()
	return nil
}

// sayf prints a line that belongs to the current step.
func (d *demo) sayf(format string, args ...any) {
	d.print(fmt.Sprintf(format, args...))
}

// print prints lines that belong to the current step.
func (d *demo) print(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintf(d.out, "      %s\n", strings.TrimRight(line, " \n"))
	}
}

// monitor reads the demo's monitor.
func (d *demo) monitor(ctx context.Context) (*v1alpha1.ModelMonitor, error) {
	m := new(v1alpha1.ModelMonitor)
	if err := d.cluster.Get(ctx, monitorKey, m); err != nil {
		return nil, fmt.Errorf("reading the monitor: %w", err)
	}
	return m, nil
}

// printStatus prints the monitor's status, for a failure.
func (d *demo) printStatus(ctx context.Context) {
	m, err := d.monitor(ctx)
	if err != nil {
		d.sayf("%v", err)
		return
	}
	b, err := yaml.Marshal(m.Status)
	if err != nil {
		d.sayf("%v", err)
		return
	}
	d.print(string(b))
}

func (d *demo) printExplore() {
	fmt.Fprintf(d.out, `
To look around:
  %[1]s get modelmonitors -A
  %[1]s -n vedette-demo port-forward svc/prometheus-operated 9090    # then http://127.0.0.1:9090/alerts
  %[1]s -n vedette-demo port-forward svc/s3 7070                     # keys: config/samples/flights/secret.yaml
  %[1]s -n flights port-forward svc/flights-desk-review 8080:80        # then http://127.0.0.1:8080 as ada: config/samples/flights/secret.yaml
  %[1]s -n flights create job again --from=cronjob/flights-drift
To remove everything: make demo-down
`, d.command("kubectl"))
}

// command is how a kubectl command is typed for the demo's cluster; anything else it leaves as it is.
func (d *demo) command(line string) string {
	if program, _, _ := strings.Cut(line, " "); program == "kubectl" && d.cluster.Local {
		return "go run ./hack/cluster " + line
	}
	return line
}
