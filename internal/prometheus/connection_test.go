// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// secrets are those of an API server, in the namespace system.
type secrets struct {
	mu      sync.Mutex
	items   map[string]map[string]string
	version int
	reads   int
	err     error
}

func (s *secrets) set(name string, items map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.items = map[string]map[string]string{name: items}
}

func (s *secrets) Get(_ context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	items, ok := s.items[key.Name]
	switch {
	case s.err != nil:
		return s.err
	case !ok || key.Namespace != "system":
		return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
	}
	secret := obj.(*corev1.Secret)
	secret.ResourceVersion, secret.Data = strconv.Itoa(s.version), data(items)
	return nil
}

// server answers like a Prometheus, by TLS, and keeps what it was asked with.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request
	// answer answers instead.
	answer http.HandlerFunc
	// opened and closed count connections.
	opened, closed chan struct{}
}

func serve(t *testing.T, change func(*server)) *server {
	t.Helper()
	s := &server{opened: make(chan struct{}, 100), closed: make(chan struct{}, 100)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r)
		s.mu.Unlock()
		if s.answer != nil {
			s.answer(w, r)
			return
		}
		_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"vector","result":[]}}`))
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.opened <- struct{}{}
		case http.StateClosed:
			s.closed <- struct{}{}
		}
	}
	if change != nil {
		change(s)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// authority is who vouches for the server, in PEM.
func (s *server) authority() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

func (s *server) questions() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// only answers those who have the authorization.
func only(authorization string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != authorization {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"vector","result":[]}}`))
	}
}

func TestWhatAServerIsShown(t *testing.T) {
	a := newAuthority(t)
	certificate, key := a.issue(t, "vedette")
	clients := x509.NewCertPool()
	clients.AddCert(a.certificate)
	for name, tt := range map[string]struct {
		items   map[string]string // besides ca.crt and url
		tenant  string
		server  func(*server)
		authz   string
		wantErr error
	}{
		"nothing":               {},
		"a token":               {items: map[string]string{"token": "s3cret"}, authz: "Bearer s3cret"},
		"a name and a password": {items: map[string]string{"username": "me", "password": "s3cret"}, authz: "Basic bWU6czNjcmV0"},
		"a tenant":              {tenant: "team-a"},
		"a client certificate": {
			items: map[string]string{"tls.crt": string(certificate), "tls.key": string(key)},
			server: func(s *server) {
				s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
			},
		},
		"a token that it refuses": {items: map[string]string{"token": "s3cret"}, authz: "Bearer s3cret", server: func(s *server) { s.answer = only("Bearer new") }, wantErr: ErrRefused},
		"a tenant that it refuses": {tenant: "team-b", server: func(s *server) {
			s.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }
		}, wantErr: ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, tt.server)
			k := &secrets{}
			items := map[string]string{"ca.crt": s.authority(), "url": s.URL + "/\n"}
			maps.Copy(items, tt.items)
			k.set("prom", items)
			asked := Server{URL: s.URL, Secret: "prom"}
			if tt.tenant != "" {
				asked.TenantHeader, asked.Tenant = "X-Scope-OrgID", tt.tenant
			}
			if err := NewClient(k, "system", time.Now).Check(t.Context(), asked); !errors.Is(err, tt.wantErr) {
				t.Fatalf("got %v, want %v", err, tt.wantErr)
			}
			requests := s.questions()
			if len(requests) != 1 {
				t.Fatalf("the server was asked %d times", len(requests))
			}
			r := requests[0]
			if got := r.Header.Get("Authorization"); got != tt.authz {
				t.Errorf("authorization %q, want %q", got, tt.authz)
			}
			if got := r.Header.Get("X-Scope-OrgID"); got != tt.tenant {
				t.Errorf("tenant %q, want %q", got, tt.tenant)
			}
			if shown := len(r.TLS.PeerCertificates) > 0; shown != (tt.items["tls.crt"] != "") {
				t.Errorf("a certificate was shown: %v", shown)
			}
		})
	}
}

func TestWhatKeepsAQuestionBack(t *testing.T) {
	other := newAuthority(t)
	clients := x509.NewCertPool()
	clients.AddCert(other.certificate)
	for name, tt := range map[string]struct {
		items  func(*server) map[string]string
		server func(*server)
		secret string
		want   func(error) bool
	}{
		"an authority that the image does not know": {
			items: func(s *server) map[string]string { return map[string]string{"url": s.URL, "token": "t"} },
			want:  func(err error) bool { return errors.Is(err, ErrUntrusted) },
		},
		"another authority": {
			items: func(s *server) map[string]string {
				return map[string]string{"url": s.URL, "token": "t", "ca.crt": string(other.pem)}
			},
			want: func(err error) bool { return errors.Is(err, ErrUntrusted) },
		},
		"no client certificate, where one is asked for": {
			items:  func(s *server) map[string]string { return map[string]string{"ca.crt": s.authority()} },
			server: func(s *server) { s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients} },
			want:   func(error) bool { return true }, // its alert may come before or after the connection is closed
		},
		"a token for another address": {
			items: func(s *server) map[string]string {
				return map[string]string{"url": s.URL + ".example.com", "token": "t", "ca.crt": s.authority()}
			},
			want: says("the Secret prom in the namespace system is for another address"),
		},
		"a token that is none": {
			items: func(s *server) map[string]string { return map[string]string{"url": s.URL, "token": ""} },
			want:  says("the Secret prom in the namespace system cannot be used: its item token is empty"),
		},
		"a Secret that is missing": {
			items:  func(*server) map[string]string { return nil },
			secret: "nothing", want: says("the Secret nothing in the namespace system is missing"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, tt.server)
			k := &secrets{}
			k.set("prom", tt.items(s))
			secret := "prom"
			if tt.secret != "" {
				secret = tt.secret
			}
			err := NewClient(k, "system", time.Now).Check(t.Context(), Server{URL: s.URL, Secret: secret})
			if err == nil || !tt.want(err) {
				t.Errorf("got %v", err)
			}
			if n := len(s.questions()); n > 0 {
				t.Errorf("the server was asked %d times", n)
			}
		})
	}
}

// says wants an error about the Secret, in these words.
func says(words string) func(error) bool {
	return func(err error) bool {
		var secret *SecretError
		return errors.As(err, &secret) && strings.Contains(secret.Error(), words)
	}
}

func TestARedirectTakesNothingElsewhere(t *testing.T) {
	elsewhere := serve(t, nil)
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		s := serve(t, func(s *server) {
			s.answer = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) }
		})
		k := &secrets{}
		k.set("prom", map[string]string{"url": s.URL, "token": "t", "ca.crt": s.authority() + elsewhere.authority()})
		err := NewClient(k, "system", time.Now).Check(t.Context(), Server{URL: s.URL, Secret: "prom", TenantHeader: "X-Scope-OrgID", Tenant: "a"})
		if err == nil || !strings.Contains(err.Error(), elsewhere.URL) || !strings.Contains(err.Error(), "not followed") {
			t.Errorf("%d: got %v", status, err)
		}
	}
	if n := len(elsewhere.questions()); n > 0 {
		t.Errorf("the other server was asked %d times", n)
	}
}
