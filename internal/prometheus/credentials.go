// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// The items of a Secret.
const (
	itemURL         = "url"
	itemToken       = "token"
	itemUsername    = "username"
	itemPassword    = "password"
	itemAuthority   = "ca.crt"
	itemCertificate = "tls.crt"
	itemKey         = "tls.key"
)

// credentials are what a Secret holds.
type credentials struct {
	// url is the only address that authorization is sent to.
	url string
	// authorization is the header of that name, if any.
	authorization string
	// tls says whom to trust, and as whom to connect.
	tls tls.Config
}

// parse reads the items of a Secret. Errors say which item is wrong and what is wanted, and repeat nothing that stands there:
// a condition has more readers than a Secret.
func parse(items map[string][]byte) (*credentials, error) {
	for _, item := range []string{itemURL, itemToken, itemUsername, itemPassword, itemCertificate, itemKey} {
		if _, ok := items[item]; ok && text(items, item) == "" {
			return nil, fmt.Errorf("its item %s is empty", item)
		}
	}
	c := &credentials{url: text(items, itemURL)}
	var err error
	if c.authorization, err = authorization(items); err != nil {
		return nil, err
	}
	if c.authorization != "" && c.url == "" {
		return nil, errors.New("its item url is missing, which says where its token or password may be sent: spec.prometheus.url of the class")
	}
	if authorities := items[itemAuthority]; len(authorities) > 0 {
		c.tls.RootCAs = x509.NewCertPool()
		if !c.tls.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, errors.New("its item ca.crt holds no certificate in PEM")
		}
	}
	if items[itemCertificate] != nil || items[itemKey] != nil {
		pair, err := tls.X509KeyPair(items[itemCertificate], items[itemKey])
		if err != nil {
			return nil, errors.New("its items tls.crt and tls.key are not a certificate and its private key, both in PEM")
		}
		c.tls.Certificates = []tls.Certificate{pair}
	}
	if c.authorization == "" && c.tls.RootCAs == nil && c.tls.Certificates == nil {
		return nil, errors.New("it has none of the items token, username and password, ca.crt, tls.crt and tls.key")
	}
	return c, nil
}

// text is an item without the end of its line, which files have.
func text(items map[string][]byte, item string) string {
	return strings.TrimRight(string(items[item]), "\r\n")
}

// authorization is the header for a token, or for a name and a password.
func authorization(items map[string][]byte) (string, error) {
	token, username, password := text(items, itemToken), text(items, itemUsername), text(items, itemPassword)
	switch {
	case token != "" && (username != "" || password != ""):
		return "", errors.New("it has the item token, and username or password as well: only one of the two ways can be used")
	case token != "":
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return "", errors.New("its item token holds what no token has: a space, a line break, or a character that is not ASCII")
		}
		return "Bearer " + token, nil
	case username == "" && password == "":
		return "", nil
	case username == "" || password == "":
		return "", errors.New("of its items username and password one is missing")
	case strings.Contains(username, ":"):
		return "", errors.New("its item username holds a colon, which a name must not")
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password)), nil
}

// errElsewhere means that a Secret is not for the server that is to be asked.
var errElsewhere = errors.New("is for another address: its item url must be the same as spec.prometheus.url of the class. Whoever may write the Secret decides where its token or password is sent")

// authorize puts the authorization onto a question, if it is for this server.
func (c *credentials) authorize(req *http.Request, server Server) error {
	if c.authorization == "" {
		return nil
	}
	if strings.TrimSuffix(c.url, "/") != strings.TrimSuffix(server.URL, "/") {
		return errElsewhere
	}
	req.Header.Set("Authorization", c.authorization)
	return nil
}
