// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"embed"
	"encoding/base64"
	"fmt"
	"maps"
	"text/template"
)

//go:embed templates
var templateFiles embed.FS

var templates = template.Must(template.ParseFS(templateFiles, "templates/*"))

// Host is where the machine's own programs lie.
type Host struct {
	// Runc is the path of runc, CNIPlugins the folder of the network plugins.
	Runc, CNIPlugins string
}

// settings is what the templates see.
type settings struct {
	Layout
	Host
}

func (settings) NodeName() string    { return Name }
func (settings) DNSIP() string       { return DNSIP }
func (settings) DNSImage() string    { return DNSImage }
func (settings) PauseImage() string  { return PauseImage }
func (settings) NodePodCIDR() string { return NodePodCIDR }

// Files renders every file that the daemons read, by its path relative to the layout. pki is what PKI returned.
func Files(layout Layout, host Host, pki map[string][]byte) (map[string][]byte, error) {
	files := map[string][]byte{"resolv.conf": nil}
	for name, content := range pki {
		files["pki/"+name] = content
	}
	s := settings{Layout: layout, Host: host}
	for path, name := range map[string]string{
		"kubelet.yaml":              "kubelet.yaml",
		"containerd.toml":           "containerd.toml",
		"cni/10-vedette.conflist":   "cni.conflist",
		"manifests/10-coredns.yaml": "coredns.yaml",
	} {
		content, err := render(name, s)
		if err != nil {
			return nil, err
		}
		files[path] = content
	}
	kubeconfigs, err := kubeconfigs(pki)
	if err != nil {
		return nil, err
	}
	maps.Copy(files, kubeconfigs)
	return files, nil
}

// kubeconfigs renders one kubeconfig for each client of the API server.
func kubeconfigs(pki map[string][]byte) (map[string][]byte, error) {
	files := map[string][]byte{}
	for path, user := range map[string]string{
		"kubeconfig":                    "admin",
		"controller-manager.kubeconfig": "controller-manager",
		"scheduler.kubeconfig":          "scheduler",
		"kubelet.kubeconfig":            "kubelet",
		"proxy.kubeconfig":              "proxy",
	} {
		encode := func(name string) string { return base64.StdEncoding.EncodeToString(pki[name]) }
		content, err := render("kubeconfig.json", map[string]string{
			"Server": Server, "User": user,
			"CA": encode("ca.crt"), "Certificate": encode(user + ".crt"), "Key": encode(user + ".key"),
		})
		if err != nil {
			return nil, err
		}
		files[path] = content
	}
	return files, nil
}

func render(name string, data any) ([]byte, error) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, data); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", name, err)
	}
	return out.Bytes(), nil
}
