// SPDX-License-Identifier: Apache-2.0

package node

import "time"

// Daemon is one process of the node.
type Daemon struct {
	// Program is what it is built from and known by.
	Program string
	// Args are its arguments.
	Args []string
	// Grace is how long it gets to end.
	Grace time.Duration
}

// Daemons are the node's processes in the order in which they start. They stop in the reverse order: the API server before
// etcd, or it would wait for etcd until it is killed.
func Daemons(l Layout) []Daemon {
	const grace = 10 * time.Second
	return []Daemon{
		{Program: "etcd", Grace: grace, Args: []string{
			"--data-dir=" + l.Path("etcd"),
			"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
			"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
			"--initial-cluster=default=http://127.0.0.1:2380",
			"--unsafe-no-fsync", // a throw-away cluster
			"--log-level=warn",
		}},
		{Program: "kube-apiserver", Grace: grace, Args: []string{
			"--etcd-servers=http://127.0.0.1:2379",
			"--advertise-address=" + IP,
			"--secure-port=6443",
			"--service-cluster-ip-range=" + ServiceCIDR,
			"--allow-privileged",
			"--authorization-mode=Node,RBAC",
			"--enable-admission-plugins=NodeRestriction",
			"--client-ca-file=" + l.pki("ca.crt"),
			"--tls-cert-file=" + l.pki("apiserver.crt"), "--tls-private-key-file=" + l.pki("apiserver.key"),
			"--kubelet-certificate-authority=" + l.pki("ca.crt"),
			"--kubelet-client-certificate=" + l.pki("apiserver-kubelet.crt"), "--kubelet-client-key=" + l.pki("apiserver-kubelet.key"),
			"--kubelet-preferred-address-types=InternalIP", // the node's name is in no DNS
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
			"--service-account-key-file=" + l.pki("sa.pub"), "--service-account-signing-key-file=" + l.pki("sa.key"),
			"--cert-dir=" + l.Path("apiserver"),
			"--profiling=false",
		}},
		{Program: "kube-controller-manager", Grace: grace, Args: []string{
			"--kubeconfig=" + l.Path("controller-manager.kubeconfig"),
			"--bind-address=127.0.0.1", "--leader-elect=false",
			"--use-service-account-credentials",
			"--root-ca-file=" + l.pki("ca.crt"), "--service-account-private-key-file=" + l.pki("sa.key"),
			"--cluster-signing-cert-file=" + l.pki("ca.crt"), "--cluster-signing-key-file=" + l.pki("ca.key"),
			"--allocate-node-cidrs", "--cluster-cidr=" + PodCIDR, "--service-cluster-ip-range=" + ServiceCIDR,
			"--cert-dir=" + l.Path("controller-manager"),
			"--flex-volume-plugin-dir=" + l.Path("volume-plugins"),
			"--profiling=false",
		}},
		{Program: "kube-scheduler", Grace: grace, Args: []string{
			"--kubeconfig=" + l.Path("scheduler.kubeconfig"),
			"--bind-address=127.0.0.1", "--leader-elect=false",
			"--cert-dir=" + l.Path("scheduler"),
			"--profiling=false",
		}},
		{Program: "containerd", Grace: grace, Args: []string{"--config=" + l.Path("containerd.toml")}},
		{Program: "kubelet", Grace: grace, Args: []string{
			"--config=" + l.Path("kubelet.yaml"), "--kubeconfig=" + l.Path("kubelet.kubeconfig"),
			"--root-dir=" + l.Path("kubelet"), "--cert-dir=" + l.Path("kubelet/pki"),
			"--hostname-override=" + Name, "--node-ip=" + IP,
		}},
		{Program: "kube-proxy", Grace: grace, Args: []string{
			"--kubeconfig=" + l.Path("proxy.kubeconfig"),
			"--hostname-override=" + Name, "--cluster-cidr=" + PodCIDR, "--proxy-mode=iptables",
			// The sysctls of connection tracking cannot be written in a network namespace.
			"--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0s", "--conntrack-tcp-timeout-close-wait=0s",
		}},
	}
}
