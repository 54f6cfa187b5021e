// SPDX-License-Identifier: Apache-2.0

// Package harness drives a real cluster for the demo and the end-to-end tests: it brings one up or takes the one of
// KUBECONFIG, applies manifests, waits for what they lead to, reaches Services from outside, and runs Jobs. It knows
// nothing of what is tested, and every wait in it has a deadline and says what it waited for.
package harness

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/hack/cluster/node"
)

// Cluster is a running cluster.
type Cluster struct {
	client.Client
	// Config is how its API server is reached.
	Config *rest.Config
	// Local says that the cluster is one of our own, which may be changed and removed as a whole.
	Local bool

	// root is the repository.
	root string
	// out is where the programs that the harness runs write.
	out io.Writer
	// core is for what a generic client cannot do: logs.
	core corev1client.CoreV1Interface
}

// New returns the cluster of KUBECONFIG when that names another than our own, and otherwise our own. What is run for it writes to out.
// Up must come before anything else.
func New(ctx context.Context, out io.Writer) (*Cluster, error) {
	mod, err := run(ctx, "", nil, "go", "env", "GOMOD")
	if err != nil {
		return nil, err
	}
	return &Cluster{
		Local: local(os.Getenv(clientcmd.RecommendedConfigPathEnvVar)),
		root:  filepath.Dir(strings.TrimSpace(mod)), out: out,
	}, nil
}

// local says whether a value of KUBECONFIG means our own cluster: whoever exported the path of its kubeconfig, to look
// around, still means that one, and it may still be changed and removed as a whole.
func local(kubeconfig string) bool {
	return kubeconfig == "" || filepath.Clean(kubeconfig) == node.Local.Kubeconfig()
}

// Up connects to the cluster. One of our own it starts, unless it runs already.
func (c *Cluster) Up(ctx context.Context) error {
	if c.Local {
		if err := c.cluster(ctx, "up"); err != nil {
			return err
		}
	}
	return c.connect()
}

// Down removes a cluster of our own, in whatever state it is.
func (c *Cluster) Down(ctx context.Context) error { return c.cluster(ctx, "down") }

// Load builds the images of the named programs as they are in the source, and makes them available to the cluster as
// vedette.dev/<program>:dev. On a cluster of KUBECONFIG it does nothing: there, images come from where the cluster
// pulls them.
func (c *Cluster) Load(ctx context.Context, programs ...string) error {
	if !c.Local {
		return nil
	}
	return c.cluster(ctx, append([]string{"load"}, programs...)...)
}

// cluster runs hack/cluster.
func (c *Cluster) cluster(ctx context.Context, args ...string) error {
	_, err := c.run(ctx, c.out, "go", append([]string{"run", "./hack/cluster"}, args...)...)
	return err
}

func (c *Cluster) connect() error {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if c.Local {
		rules = &clientcmd.ClientConfigLoadingRules{ExplicitPath: node.Local.Kubeconfig()}
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	// A test driver waits for answers, not for its own politeness.
	config.QPS, config.Burst = 100, 200
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return fmt.Errorf("building the scheme: %w", err)
		}
	}
	if c.Client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("connecting to the cluster: %w", err)
	}
	if c.core, err = corev1client.NewForConfig(config); err != nil {
		return fmt.Errorf("connecting to the cluster: %w", err)
	}
	c.Config = config
	return nil
}

// waitDelay is how long a program that was killed may keep its output open.
const waitDelay = 5 * time.Second

// Path is where a file or folder of the repository is.
func (c *Cluster) Path(name string) string { return filepath.Join(c.root, name) }

// run runs a program in the repository and returns its standard output, which also goes to out when that is not nil.
func (c *Cluster) run(ctx context.Context, out io.Writer, name string, args ...string) (string, error) {
	return run(ctx, c.root, out, name, args...)
}

func run(ctx context.Context, dir string, out io.Writer, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	// "go run" leaves its child behind when it is killed; that must not keep us.
	cmd.WaitDelay = waitDelay
	if out != nil {
		cmd.Stdout, cmd.Stderr = io.MultiWriter(out, &stdout), io.MultiWriter(out, &stderr)
	}
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("running %s %s: %w\n%s", name, strings.Join(args, " "), err, tail(stderr.String(), 2000))
	}
	return stdout.String(), nil
}

// tail returns the last n bytes of s.
func tail(s string, n int) string { return s[max(0, len(s)-n):] }
