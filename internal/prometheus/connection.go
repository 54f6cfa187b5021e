// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// secretAge is for how long what was read of a Secret is used: a new token is in use after that time, and the API server is
	// asked no more often, however many rollouts there are.
	secretAge = 30 * time.Second
	// idleAge is after what time the connections of a Secret that is no longer asked with are closed.
	idleAge = 10 * time.Minute
)

// Secrets reads from the API server, as client.Reader does.
type Secrets interface {
	Get(ctx context.Context, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error
}

// SecretError says what is wrong with the Secret that a class names, in words for those who can mend it.
type SecretError struct {
	namespace, name, problem string
}

func (e *SecretError) Error() string {
	return fmt.Sprintf("the Secret %s in the namespace %s %s", e.name, e.namespace, e.problem)
}

// connection is what servers are asked over with one version of a Secret.
type connection struct {
	*credentials
	http *http.Client
	// problem is why there is none.
	problem error
	// version is that of the Secret; it was read last at read, and used last at used.
	version    string
	read, used time.Time
}

// connect makes a connection. It follows no redirect: it would take the credentials elsewhere, and a question that is posted
// does not survive most.
func connect(c *credentials) *connection {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = c.tls.Clone()
	return &connection{credentials: c, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// close lets go of what is not in use; a question that is under way gets its answer.
func (c *connection) close() {
	if c.http != nil {
		c.http.CloseIdleConnections()
	}
}

// connection is that of a Secret as it is, or was a short while ago. One goroutine at a time reads, and the others have what it
// found.
func (c *Client) connection(ctx context.Context, secret string) (*connection, error) {
	if secret == "" {
		return c.plain, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.forget(now)
	known := c.known[secret]
	if known == nil || now.Sub(known.read) >= secretAge {
		fresh, err := c.read(ctx, secret)
		switch {
		case err != nil:
			return nil, err
		case known == nil:
			known = fresh
		case known.version != fresh.version:
			known.close()
			known = fresh
		}
		known.read, c.known[secret] = now, known
	}
	known.used = now
	return known, known.problem
}

// forget closes the connections that nobody has used for a while.
func (c *Client) forget(now time.Time) {
	for secret, known := range c.known {
		if now.Sub(known.used) >= idleAge {
			known.close()
			delete(c.known, secret)
		}
	}
}

// read makes a connection with a Secret as it is now. One that is missing, or must not be read, is known to be so for a while,
// too. An error says that nothing is known.
func (c *Client) read(ctx context.Context, name string) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var secret corev1.Secret
	err := c.secrets.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return &connection{version: "missing", problem: c.unusable(name, "is missing: make it")}, nil
	case apierrors.IsForbidden(err):
		return &connection{version: "forbidden", problem: c.unusable(name, "may not be read: add its name to the resourceNames of the Role vedette-prometheus there")}, nil
	case err != nil:
		return nil, fmt.Errorf("reading the Secret with its credentials: %w", err)
	}
	parsed, err := parse(secret.Data)
	if err != nil {
		return &connection{version: secret.ResourceVersion, problem: c.unusable(name, "cannot be used: "+err.Error())}, nil
	}
	conn := connect(parsed)
	conn.version = secret.ResourceVersion
	return conn, nil
}

func (c *Client) unusable(secret, problem string) error {
	return &SecretError{c.namespace, secret, problem}
}

// do sends a question with the credentials and the tenant of the server.
func (c *Client) do(req *http.Request, server Server) (*http.Response, error) {
	conn, err := c.connection(req.Context(), server.Secret)
	if err != nil {
		return nil, err
	}
	if err := conn.authorize(req, server); err != nil {
		return nil, c.unusable(server.Secret, err.Error())
	}
	if server.TenantHeader != "" {
		req.Header.Set(server.TenantHeader, server.Tenant)
	}
	return conn.http.Do(req)
}
