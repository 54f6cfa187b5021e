// SPDX-License-Identifier: Apache-2.0

package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// identity is a certificate to be issued: who it is for, and the addresses and names it serves, if any.
type identity struct {
	name, user, group string
	ips, dns          []string
}

// identities are all the certificates of a cluster. The users are those that the API server's built-in roles are bound to.
var identities = []identity{
	{
		name: "apiserver", user: "kube-apiserver",
		ips: []string{"127.0.0.1", ServiceIP, IP},
		dns: []string{
			"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		},
	},
	{name: "admin", user: "admin", group: "system:masters"},
	{name: "apiserver-kubelet", user: "kube-apiserver", group: "system:masters"},
	{name: "controller-manager", user: "system:kube-controller-manager"},
	{name: "scheduler", user: "system:kube-scheduler"},
	{name: "proxy", user: "system:kube-proxy"},
	{name: "kubelet", user: "system:node:" + Name, group: "system:nodes", ips: []string{IP, "127.0.0.1"}, dns: []string{Name}},
}

// lifetime of the certificates: a local cluster lives for days.
const lifetime = 365 * 24 * time.Hour

// PKI issues the certificates and keys of a cluster: file name to PEM, with ca.crt, ca.key, sa.key, sa.pub, and NAME.crt
// and NAME.key of every identity.
func PKI(now time.Time) (map[string][]byte, error) {
	caKey, caKeyPEM, err := newKey()
	if err != nil {
		return nil, err
	}
	ca := certificate(now, 1, pkix.Name{CommonName: "vedette local cluster"})
	ca.IsCA, ca.BasicConstraintsValid = true, true
	ca.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	caPEM, err := sign(ca, ca, caKey, caKey)
	if err != nil {
		return nil, err
	}
	saKey, saKeyPEM, err := newKey()
	if err != nil {
		return nil, err
	}
	saPublic, err := x509.MarshalPKIXPublicKey(saKey.Public())
	if err != nil {
		return nil, fmt.Errorf("encoding the service account key: %w", err)
	}
	files := map[string][]byte{
		"ca.crt": caPEM, "ca.key": caKeyPEM,
		"sa.key": saKeyPEM, "sa.pub": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: saPublic}),
	}
	for i, id := range identities {
		key, keyPEM, err := newKey()
		if err != nil {
			return nil, err
		}
		subject := pkix.Name{CommonName: id.user}
		if id.group != "" {
			subject.Organization = []string{id.group}
		}
		cert := certificate(now, int64(i)+2, subject)
		cert.KeyUsage = x509.KeyUsageDigitalSignature
		cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
		cert.DNSNames = id.dns
		for _, ip := range id.ips {
			cert.IPAddresses = append(cert.IPAddresses, net.ParseIP(ip))
		}
		certPEM, err := sign(cert, ca, key, caKey)
		if err != nil {
			return nil, err
		}
		files[id.name+".crt"], files[id.name+".key"] = certPEM, keyPEM
	}
	return files, nil
}

func certificate(now time.Time, serial int64, subject pkix.Name) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      subject,
		NotBefore:    now.Add(-time.Minute),
		NotAfter:     now.Add(lifetime),
	}
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding a key: %w", err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

func sign(cert, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, key.Public(), parentKey)
	if err != nil {
		return nil, fmt.Errorf("signing the certificate of %s: %w", cert.Subject.CommonName, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
