// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// cluster is what the commands talk to.
type cluster struct {
	client client.WithWatch
	// namespace is the one that is meant where nothing else is said.
	namespace string
	// logs are what a pod's only container has printed.
	logs func(ctx context.Context, namespace, pod string) (io.ReadCloser, error)
	// proxied is what a Service answers on a path, through the API server.
	proxied func(ctx context.Context, namespace, service, port, path string) ([]byte, error)
}

// clusterFlags say which cluster is meant, as they do for kubectl.
type clusterFlags struct {
	kubeconfig string
	overrides  clientcmd.ConfigOverrides
}

func (f *clusterFlags) define(flags *pflag.FlagSet) {
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "Path to the kubeconfig file to use")
	clientcmd.BindOverrideFlags(&f.overrides, flags, clientcmd.RecommendedConfigOverrideFlags(""))
}

func (f *clusterFlags) config() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &f.overrides)
}

// named are the flags by which a command that is printed finds what this one has found.
func (f *clusterFlags) named() string {
	if n := f.overrides.Context.Namespace; n != "" {
		return " -n " + n
	}
	return ""
}

func (f *clusterFlags) connect() (*cluster, error) {
	config := f.config()
	namespace, _, err := config.Namespace()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	rest, err := config.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	kinds, err := kinds()
	if err != nil {
		return nil, err
	}
	c, err := client.NewWithWatch(rest, client.Options{Scheme: kinds})
	if err != nil {
		return nil, fmt.Errorf("reaching the cluster: %w", err)
	}
	typed, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return nil, fmt.Errorf("reaching the cluster: %w", err)
	}
	return &cluster{
		client: c, namespace: namespace,
		logs: func(ctx context.Context, namespace, pod string) (io.ReadCloser, error) {
			return typed.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{}).Stream(ctx)
		},
		proxied: func(ctx context.Context, namespace, service, port, path string) ([]byte, error) {
			return typed.CoreV1().Services(namespace).ProxyGet("http", service, port, path, nil).DoRaw(ctx)
		},
	}, nil
}

// kinds are those that the plugin reads and writes.
func kinds() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			return nil, fmt.Errorf("registering kinds: %w", err)
		}
	}
	return s, nil
}

// monitor reads a monitor of the namespace.
func (c *cluster) monitor(ctx context.Context, name string) (*v1alpha1.ModelMonitor, error) {
	m := &v1alpha1.ModelMonitor{}
	err := c.client.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, m)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no ModelMonitor %q in the namespace %q: kubectl vedette status -A shows where there are some, and -n names another namespace", name, c.namespace)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the ModelMonitor: %w", err)
	}
	return m, nil
}
