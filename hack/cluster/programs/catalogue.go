// SPDX-License-Identifier: Apache-2.0

// Package programs owns what the local cluster is made of: which program comes from which pinned module, how it is
// built, and where the result is cached. It knows nothing of the cluster itself and imports only the standard library.
package programs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Program is one executable and where it comes from.
type Program struct {
	// Name is what the executable is called.
	Name string
	// Module is the folder below hack/cluster/modules whose go.mod pins it.
	Module string
	// Package is what is built, as an import path or relative to the module's folder.
	Package string
	// Tags are build tags, separated by commas.
	Tags string
	// Stamp lists the packages whose gitVersion, gitMajor and gitMinor the linker sets to the version of k8s.io/kubernetes;
	// without them the API server reports v0.0.0.
	Stamp []string
	// LinkTo names the program that this one is a symbolic link to, if any.
	LinkTo string
}

const (
	kubernetes = "k8s.io/kubernetes"
	containerd = "github.com/containerd/containerd/v2"
	prometheus = "github.com/prometheus/prometheus"
	operator   = "github.com/prometheus-operator/prometheus-operator"
	versitygw  = "github.com/versity/versitygw"

	// containerdTags leave out snapshotters that the cluster does not use.
	containerdTags = "no_btrfs,no_devmapper,no_zfs"
	// prometheusTags leave out every service discovery but that of Kubernetes: the others are the clients of a dozen clouds.
	prometheusTags = "remove_all_sd,enable_kubernetes_sd"
)

// catalogue is every program, by name.
var catalogue = func() map[string]Program {
	all := []Program{
		{Name: "etcd", Module: "kubernetes", Package: "go.etcd.io/etcd/server/v3"},
		{Name: "coredns", Module: "kubernetes", Package: "./coredns"},
		{
			Name: "kubernetes", Module: "kubernetes", Package: ".",
			Stamp: []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"},
		},
		{Name: "containerd", Module: "containerd", Package: containerd + "/cmd/containerd", Tags: containerdTags},
		{Name: "containerd-shim-runc-v2", Module: "containerd", Package: containerd + "/cmd/containerd-shim-runc-v2", Tags: containerdTags},
		{Name: "ctr", Module: "containerd", Package: containerd + "/cmd/ctr", Tags: containerdTags},
		{Name: "prometheus", Module: "prometheus", Package: prometheus + "/cmd/prometheus", Tags: prometheusTags},
		{Name: "promtool", Module: "prometheus", Package: prometheus + "/cmd/promtool", Tags: prometheusTags},
		{Name: "prometheus-operator", Module: "prometheus", Package: operator + "/cmd/operator"},
		{Name: "prometheus-config-reloader", Module: "prometheus", Package: operator + "/cmd/prometheus-config-reloader"},
		{Name: "versitygw", Module: "versitygw", Package: versitygw + "/cmd/versitygw"},
	}
	for _, name := range []string{
		"kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet",
	} {
		all = append(all, Program{Name: name, Module: "kubernetes", LinkTo: "kubernetes"})
	}
	byName := make(map[string]Program, len(all))
	for _, p := range all {
		byName[p.Name] = p
	}
	return byName
}()

// Names lists every program, sorted.
func Names() []string { return slices.Sorted(maps.Keys(catalogue)) }

// Find returns the program called name. The error lists those there are.
func Find(name string) (Program, error) {
	p, ok := catalogue[name]
	if !ok {
		return Program{}, fmt.Errorf("no program %q; there are: %s", name, strings.Join(Names(), ", "))
	}
	return p, nil
}

// ldflags strips the binary and stamps the version that goMod, the text of the pinning go.mod, requires.
func (p Program) ldflags(goMod string) (string, error) {
	if len(p.Stamp) == 0 {
		return "-s -w", nil
	}
	version, err := requiredVersion(goMod, kubernetes)
	if err != nil {
		return "", err
	}
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) != 3 {
		return "", fmt.Errorf("version %s of %s is not of the form vX.Y.Z", version, kubernetes)
	}
	flags := []string{"-s", "-w"}
	for _, pkg := range p.Stamp {
		flags = append(flags, "-X", pkg+".gitVersion="+version, "-X", pkg+".gitMajor="+parts[0], "-X", pkg+".gitMinor="+parts[1])
	}
	return strings.Join(flags, " "), nil
}

// requiredVersion reads the version of a module path from the require directives of a go.mod.
func requiredVersion(goMod, path string) (string, error) {
	for line := range strings.Lines(goMod) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && fields[0] == path && strings.HasPrefix(fields[1], "v") {
			return fields[1], nil
		}
	}
	return "", fmt.Errorf("go.mod does not require %s", path)
}
