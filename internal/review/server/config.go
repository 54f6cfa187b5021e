// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/auth"
	"github.com/vedette-dev/vedette/internal/review/db"
	"github.com/vedette-dev/vedette/internal/review/desk"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// document is that of the queue.
type document = wire.Review

func readDocument(path string) (document, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return document{}, fmt.Errorf("reading the document of the queue: %w", err)
	}
	d, _, err := wire.DecodeReview(b)
	return d, err
}

// database is the address of the database.
func (o *Options) database() (string, error) {
	if o.DatabaseFile == "" {
		return o.Database, nil
	}
	b, err := os.ReadFile(o.DatabaseFile)
	if err != nil {
		return "", fmt.Errorf("reading the address of the database: %w", err)
	}
	return string(bytes.TrimSpace(b)), nil
}

// hashKey is the key of hashed label keys; nil where there is none.
func (s *server) hashKey() ([]byte, error) {
	if s.HashKey == "" {
		return nil, nil
	}
	b, err := os.ReadFile(s.HashKey)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func (s *server) authOptions(d document) auth.Options {
	o := auth.Options{
		Sessions: s.db, ExternalURL: d.Access.ExternalURL, UsersFile: s.Users, TokensFile: s.Tokens, Clock: s.Clock, Log: s.Log,
	}
	if c := d.Access.OIDC; c != nil {
		o.OIDC = &auth.OIDC{IssuerURL: c.IssuerURL, ClientID: c.ClientID, GroupsClaim: c.GroupsClaim, SecretFile: s.ClientSecret, SecretIssuerFile: s.ClientIssuer}
	}
	if h := d.Access.ProxyHeader; h != nil {
		o.ProxyHeader = &auth.ProxyHeader{User: h.User, Groups: h.Groups}
	}
	for _, g := range d.Access.Roles {
		role, err := review.ParseRole(g.Role)
		if err != nil {
			s.Log.Warn("a role is granted that is none: it grants nothing", "error", err)
			continue
		}
		o.Grants = append(o.Grants, auth.Grant{Role: role, Users: g.Users, Groups: g.Groups})
	}
	return o
}

// config brings the document and the baselines before database and desk, at the start and whenever they change.
type config struct {
	options Options
	db      *db.DB
	desk    *desk.Desk

	summaries map[string]*outlier.Summary // of the loop that reads documents and baselines alone

	mu      sync.RWMutex // held to change what follows, and by those who use it
	current document
	bucket  *store.Bucket
	url     string
}

func newConfig(o Options, database *db.DB, d *desk.Desk) *config {
	return &config{options: o, db: database, desk: d, summaries: map[string]*outlier.Summary{}}
}

func (c *config) close() error {
	if c.bucket == nil {
		return nil
	}
	return c.bucket.Close()
}

// using makes something to do of what needs the store and the document. Neither changes while it is done.
func (c *config) using(f func(context.Context, *store.Bucket, *document) error) func(context.Context) error {
	return func(ctx context.Context) error {
		c.mu.RLock()
		defer c.mu.RUnlock()
		return f(ctx, c.bucket, &c.current)
	}
}

// reload takes a changed document over. One that cannot be used changes nothing.
func (c *config) reload(ctx context.Context) error {
	d, err := readDocument(c.options.Config)
	if err != nil {
		return err
	}
	if d.Revision != c.current.Revision {
		if err := c.apply(ctx, d); err != nil {
			return err
		}
		c.options.Log.Info("a document is in force", "revision", d.Revision)
	}
	return nil
}

func (c *config) apply(ctx context.Context, d document) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.Store.URL != c.url {
		bucket, err := store.Open(ctx, d.Store.URL, c.options.Credentials)
		if err != nil {
			return err
		}
		if err := c.close(); err != nil {
			c.options.Log.Warn("the store before could not be closed", "error", err)
		}
		c.bucket, c.url = bucket, d.Store.URL
	}
	if err := c.db.Configure(ctx, d); err != nil {
		return err
	}
	c.current = d
	c.desk.Configure(d, c.summaries)
	return nil
}

// maxSummary bounds the summary of a baseline.
const maxSummary = 16 << 20

// readBaselines reads the summaries of the baselines. Those that cannot be read now stay as they were. Nothing needs to be
// locked: the loop that calls it is the only one to change what it reads.
func (c *config) readBaselines(ctx context.Context) error {
	found := map[string]*outlier.Summary{}
	var errs []error
	for _, m := range c.current.Monitors {
		if m.Baseline == "" {
			continue
		}
		s, err := c.readSummary(ctx, m)
		if errors.Is(err, store.ErrNotFound) {
			continue // It is yet to be made.
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("reading the baseline of %s: %w", m.Name, err))
			s = c.summaries[m.Name]
		}
		if s != nil {
			found[m.Name] = s
		}
	}
	c.summaries = found
	c.desk.Configure(c.current, found)
	return errors.Join(errs...)
}

func (c *config) readSummary(ctx context.Context, m wire.ReviewMonitor) (*outlier.Summary, error) {
	layout := store.Layout{Cluster: c.current.Cluster, Namespace: c.current.Namespace, Monitor: m.Name}
	b, err := c.bucket.Get(ctx, layout.Baseline(m.Baseline, outlier.SummaryFile), maxSummary)
	if err != nil {
		return nil, err
	}
	return outlier.Decode(b)
}
