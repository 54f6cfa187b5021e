// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	a := newAuthority(t)
	certificate, key := a.issue(t, "vedette")
	_, otherKey := a.issue(t, "another")
	const url = "https://prometheus"
	for name, tt := range map[string]struct {
		items   map[string]string
		want    string // the authorization
		wantErr string
	}{
		"a token":                           {map[string]string{"url": url, "token": "s3cret"}, "Bearer s3cret", ""},
		"a token from a file":               {map[string]string{"url": url + "\n", "token": "s3cret\r\n"}, "Bearer s3cret", ""},
		"a name and a password":             {map[string]string{"url": url, "username": "me", "password": "pass: word"}, "Basic bWU6cGFzczogd29yZA==", ""},
		"an authority":                      {map[string]string{"ca.crt": string(a.pem)}, "", ""},
		"a client certificate":              {map[string]string{"tls.crt": string(certificate), "tls.key": string(key)}, "", ""},
		"as cert-manager leaves it":         {map[string]string{"tls.crt": string(certificate), "tls.key": string(key), "ca.crt": "", "tls-combined.pem": "x"}, "", ""},
		"everything":                        {map[string]string{"url": url, "token": "t", "tls.crt": string(certificate), "tls.key": string(key), "ca.crt": string(a.pem)}, "Bearer t", ""},
		"nothing":                           {nil, "", "none of the items"},
		"nothing that is known":             {map[string]string{"url": url, "bearer": "s3cret"}, "", "none of the items"},
		"an empty token":                    {map[string]string{"url": url, "token": "\n"}, "", "item token is empty"},
		"an empty certificate":              {map[string]string{"tls.crt": "", "tls.key": string(key)}, "", "item tls.crt is empty"},
		"a token, and nobody says for whom": {map[string]string{"token": "s3cret"}, "", "item url is missing"},
		"a password, and nobody says for whom": {
			map[string]string{"username": "me", "password": "s3cret"}, "", "item url is missing",
		},
		"both ways":                      {map[string]string{"url": url, "token": "t", "username": "me", "password": "s3cret"}, "", "only one of the two"},
		"a name without a password":      {map[string]string{"url": url, "username": "me"}, "", "one is missing"},
		"a password without a name":      {map[string]string{"url": url, "password": "s3cret"}, "", "one is missing"},
		"a name with a colon":            {map[string]string{"url": url, "username": "me:too", "password": "s3cret"}, "", "colon"},
		"a token of two lines":           {map[string]string{"url": url, "token": "s3cret\nX-Admin: true"}, "", "item token holds"},
		"a token that is not ASCII":      {map[string]string{"url": url, "token": "s3crét"}, "", "item token holds"},
		"an authority that is none":      {map[string]string{"ca.crt": "s3cret"}, "", "item ca.crt"},
		"a certificate without its key":  {map[string]string{"tls.crt": string(certificate)}, "", "tls.crt and tls.key"},
		"a key without its certificate":  {map[string]string{"tls.key": string(key)}, "", "tls.crt and tls.key"},
		"a certificate and another key":  {map[string]string{"tls.crt": string(certificate), "tls.key": string(otherKey)}, "", "tls.crt and tls.key"},
		"a certificate that is not PEM":  {map[string]string{"tls.crt": "s3cret", "tls.key": string(key)}, "", "tls.crt and tls.key"},
		"a token beside a bad authority": {map[string]string{"url": url, "token": "t", "ca.crt": "s3cret"}, "", "item ca.crt"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := parse(data(tt.items))
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("got %v, want %q", err, tt.wantErr)
				}
				if strings.Contains(err.Error(), "s3cr") {
					t.Errorf("the error repeats what stands in the Secret: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.authorization != tt.want {
				t.Errorf("got %q, want %q", c.authorization, tt.want)
			}
			if got, want := c.tls.RootCAs != nil, tt.items["ca.crt"] != ""; got != want {
				t.Errorf("authorities of its own: %v, want %v", got, want)
			}
			if got, want := len(c.tls.Certificates) > 0, tt.items["tls.crt"] != ""; got != want {
				t.Errorf("a client certificate: %v, want %v", got, want)
			}
		})
	}
}

func data(items map[string]string) map[string][]byte {
	out := map[string][]byte{}
	for item, value := range items {
		out[item] = []byte(value)
	}
	return out
}

// FuzzParse holds the reading of Secrets to what it may do with any bytes: it does not crash, gives a header of one line that has a
// place to go to, and repeats nothing in an error.
func FuzzParse(f *testing.F) {
	const mark = "s3cr3t-"
	f.Add("https://prometheus", "token", "", "", "", "", "")
	f.Add("https://prometheus", "", "me", "pass", "-----BEGIN CERTIFICATE-----\n", "", "")
	f.Add("", "", "", "", "", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n")
	f.Fuzz(func(t *testing.T, url, token, username, password, ca, certificate, key string) {
		items := map[string][]byte{}
		for item, value := range map[string]string{
			"url": url, "token": token, "username": username, "password": password, "ca.crt": ca, "tls.crt": certificate, "tls.key": key,
		} {
			if value != "" {
				items[item] = []byte(mark + value)
			}
		}
		c, err := parse(items)
		switch {
		case err != nil && strings.Contains(err.Error(), mark):
			t.Errorf("an error repeats what stands in the Secret: %v", err)
		case err == nil && (strings.ContainsAny(c.authorization, "\r\n") || c.authorization != "" && c.url == ""):
			t.Errorf("authorization %q for %q", c.authorization, c.url)
		}
	})
}
