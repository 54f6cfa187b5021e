// SPDX-License-Identifier: Apache-2.0

package node

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func testFiles(t *testing.T) (pki, files map[string][]byte) {
	t.Helper()
	pki, err := PKI(now)
	if err != nil {
		t.Fatal(err)
	}
	files, err = Files("/state", Host{Runc: "/usr/sbin/runc", CNIPlugins: "/usr/lib/cni"}, pki)
	if err != nil {
		t.Fatal(err)
	}
	return pki, files
}

func TestPKI(t *testing.T) {
	pki, _ := testFiles(t)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pki["ca.crt"]) {
		t.Fatal("ca.crt is no certificate")
	}
	for _, id := range identities {
		t.Run(id.name, func(t *testing.T) {
			if _, err := tls.X509KeyPair(pki[id.name+".crt"], pki[id.name+".key"]); err != nil {
				t.Fatalf("certificate and key: %v", err)
			}
			block, _ := pem.Decode(pki[id.name+".crt"])
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			for _, host := range append(slices.Clone(id.ips), id.dns...) {
				if err := cert.VerifyHostname(host); err != nil {
					t.Error(err)
				}
			}
			for _, at := range []time.Time{now, now.Add(24 * time.Hour)} {
				_, err := cert.Verify(x509.VerifyOptions{
					Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
				})
				if err != nil {
					t.Errorf("at %s: %v", at, err)
				}
			}
		})
	}
}

func TestKubeconfigsHoldTheirOwnIdentity(t *testing.T) {
	pki, files := testFiles(t)
	for path, user := range map[string]string{"kubeconfig": "admin", "kubelet.kubeconfig": "kubelet", "proxy.kubeconfig": "proxy"} {
		var config struct {
			Clusters []struct {
				Cluster map[string]string
			}
			Users []struct {
				User map[string]string
			}
		}
		if err := json.Unmarshal(files[path], &config); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		got := map[string]string{}
		for _, m := range []map[string]string{config.Clusters[0].Cluster, config.Users[0].User} {
			maps.Copy(got, m)
		}
		encode := base64.StdEncoding.EncodeToString
		want := map[string]string{
			"server": "https://10.77.0.2:6443", "certificate-authority-data": encode(pki["ca.crt"]),
			"client-certificate-data": encode(pki[user+".crt"]), "client-key-data": encode(pki[user+".key"]),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func TestFilesAreWellFormed(t *testing.T) {
	_, files := testFiles(t)
	for path, content := range files {
		if strings.Contains(string(content), "<no value>") {
			t.Errorf("%s has a hole:\n%s", path, content)
		}
		var into any
		switch {
		case strings.HasSuffix(path, ".conflist"):
			if err := json.Unmarshal(content, &into); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		case strings.HasSuffix(path, ".yaml"):
			for document := range strings.SplitSeq(string(content), "\n---\n") {
				if err := yaml.UnmarshalStrict([]byte(document), &into); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
		}
	}
}

// TestDaemonsReadOnlyWhatIsWritten keeps arguments and files in step: a file that a daemon reads must be rendered.
func TestDaemonsReadOnlyWhatIsWritten(t *testing.T) {
	_, files := testFiles(t)
	read := regexp.MustCompile(`^--(?:.*file|config|kubeconfig|.*(?:certificate|key|authority))=/state/(.*)$`)
	checked := 0
	for _, d := range Daemons("/state") {
		for _, arg := range d.Args {
			m := read.FindStringSubmatch(arg)
			if m == nil {
				continue
			}
			checked++
			if _, ok := files[m[1]]; !ok {
				t.Errorf("%s: %s is not written", d.Program, arg)
			}
		}
	}
	if checked < 15 {
		t.Errorf("only %d arguments name a file: the pattern has missed some", checked)
	}
}

func TestEverythingStaysInTheLayout(t *testing.T) {
	_, files := testFiles(t)
	allowed := regexp.MustCompile(`^(/state(/|$)|/usr/sbin/runc$|/usr/lib/cni$|/vedette$|/etc/coredns|/ready$|/health$)`)
	paths := regexp.MustCompile(`(?:^|[\s"'=:])(?:unix://)?(/[a-z][\w./-]*)`)
	check := func(where, text string) {
		for _, m := range paths.FindAllStringSubmatch(text, -1) {
			if !allowed.MatchString(m[1]) {
				t.Errorf("%s names %s, which is not below the cluster's folder", where, m[1])
			}
		}
	}
	for path, content := range files {
		if !strings.HasPrefix(path, "pki/") && !strings.HasSuffix(path, "kubeconfig") {
			check(path, string(content))
		}
	}
	for _, d := range Daemons("/state") {
		check(d.Program, strings.Join(d.Args, "\n"))
	}
}

func TestTheAPIServerStopsBeforeEtcd(t *testing.T) {
	var order []string
	for _, d := range Daemons("/state") {
		order = append(order, d.Program)
	}
	if etcd, api := slices.Index(order, "etcd"), slices.Index(order, "kube-apiserver"); etcd > api {
		t.Errorf("daemons start in the order %v and stop in reverse: etcd would stop before the API server", order)
	}
}
