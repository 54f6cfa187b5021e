// SPDX-License-Identifier: Apache-2.0

// Package node describes the one node of the local cluster as values: addresses, certificates, configuration files and
// the command line of each daemon. It is pure: it starts nothing and writes nothing, and imports only the standard
// library.
package node

import "path/filepath"

// Addresses and names of the cluster. They are fixed: there is one cluster per machine.
const (
	// Name is the node's name, that of its pod network, and that of the control group all pods live in.
	Name = "vedette"
	// HostIP is the host's end of the pair of interfaces between host and cluster.
	HostIP = "10.77.0.1"
	// IP is the node's address, at the other end.
	IP = "10.77.0.2"
	// HostInterface is the name of the host's end.
	HostInterface = "vedette0"
	// Interface is the name of the node's end.
	Interface = "eth0"
	// PodCIDR is the range of pods, routed from the host.
	PodCIDR = "10.244.0.0/16"
	// NodePodCIDR is the node's part of it.
	NodePodCIDR = "10.244.0.0/24"
	// ServiceCIDR is the range of Services, routed from the host.
	ServiceCIDR = "10.96.0.0/16"
	// ServiceIP is the API server's Service.
	ServiceIP = "10.96.0.1"
	// DNSIP is the DNS Service.
	DNSIP = "10.96.0.10"
	// Server is the API server's URL, from the host, the node and every pod.
	Server = "https://" + IP + ":6443"
	// PauseImage holds the namespaces of every pod.
	PauseImage = "vedette.dev/pause:dev"
	// DNSImage is CoreDNS.
	DNSImage = "vedette.dev/coredns:dev"
)

// Layout names the places of a cluster below one folder.
type Layout string

// Local is where the cluster of this machine lives.
const Local Layout = "/var/lib/vedette"

// Path joins elements to the cluster's folder.
func (l Layout) Path(elem ...string) string {
	return filepath.Join(append([]string{string(l)}, elem...)...)
}

// Kubeconfig is the administrator's kubeconfig.
func (l Layout) Kubeconfig() string { return l.Path("kubeconfig") }

// Netns is the file that the cluster's network namespace is bound to.
func (l Layout) Netns() string { return l.Path("netns") }

// Socket is where containerd listens.
func (l Layout) Socket() string { return l.Path("containerd.sock") }

func (l Layout) pki(name string) string { return l.Path("pki", name) }
