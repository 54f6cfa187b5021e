// SPDX-License-Identifier: Apache-2.0

// Package erasure owns the documents by which a subject is removed from everything that Vedette keeps about a monitor:
// the request, which names the subject by a digest and by the ids of its records, and what each part that keeps rows says
// once it has removed them. It imports no Kubernetes package and reads no clock.
//
// A request stays as a tombstone: what arrives later for the same subject is erased by the next compaction.
package erasure

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/vedette-dev/vedette/internal/store"
)

// Kind is what names a subject.
type Kind string

// The kinds of names.
const (
	// LabelKey is the business key of its rows, as they hold it: plain, or the keyed hash.
	LabelKey Kind = "label_key"
	// RecordID is the id of a single row.
	RecordID Kind = "record_id"
)

// version is that of the documents' form; fields are only added.
const version = 1

// Request asks for a subject to be erased. It never holds the subject's name.
type Request struct {
	Version int    `json:"version"`
	ID      string `json:"id"`
	// Of is what Digest is of.
	Of     Kind      `json:"of"`
	Digest string    `json:"digest"`
	Asked  time.Time `json:"asked"`
	// Records are the ids of the subject's rows that were found, Requests the ids of requests all of whose rows are the
	// subject's; sorted. What refers to rows is found by them.
	Records  []string `json:"records,omitempty"`
	Requests []string `json:"requests,omitempty"`
}

// NewRequest asks for the subject of that name. The same subject of the same monitor always gets the same id.
func NewRequest(l store.Layout, of Kind, name string, asked time.Time) Request {
	digest := digestOf(l, of, name)
	return Request{Version: version, ID: digest[:20], Of: of, Digest: digest, Asked: asked.UTC()}
}

// digestOf hashes a name together with the monitor's, so that digests of different monitors cannot be compared.
func digestOf(l store.Layout, of Kind, name string) string {
	sum := sha256.Sum256([]byte("vedette erasure\n" + l.Prefix() + "\n" + string(of) + "\n" + name))
	return hex.EncodeToString(sum[:])
}

// Done says that a part has removed a subject.
type Done struct {
	Version int `json:"version"`
	// By is the part, such as "store" or "queue-fraud-desk".
	By string    `json:"by"`
	At time.Time `json:"at"`
	// Removed counts what was removed, by where it was.
	Removed map[string]int64 `json:"removed,omitempty"`
}

// Set matches rows against requests. The zero Set matches nothing.
type Set struct {
	layout   store.Layout
	keys     map[string]string // digest → id
	ids      map[string]string // digest → id
	records  map[string]string // record id → id
	requests map[string]string // request id → id
}

// NewSet makes a set of a monitor's requests.
func NewSet(l store.Layout) *Set {
	return &Set{layout: l, keys: map[string]string{}, ids: map[string]string{}, records: map[string]string{}, requests: map[string]string{}}
}

// Add adds a request.
func (s *Set) Add(r Request) {
	if r.Of == LabelKey {
		s.keys[r.Digest] = r.ID
	} else {
		s.ids[r.Digest] = r.ID
	}
	for _, id := range r.Records {
		s.records[id] = r.ID
	}
	for _, id := range r.Requests {
		s.requests[id] = r.ID
	}
}

// Empty says whether the set matches nothing.
func (s *Set) Empty() bool { return s == nil || len(s.keys)+len(s.ids) == 0 }

// Match returns the id of the request whose subject a row belongs to, by its record id, label key, or request id; ""
// where there is none. Empty names match nothing.
func (s *Set) Match(recordID, labelKey, requestID string) string {
	if s.Empty() {
		return ""
	}
	if labelKey != "" && len(s.keys) > 0 {
		if id, ok := s.keys[digestOf(s.layout, LabelKey, labelKey)]; ok {
			return id
		}
	}
	if recordID != "" {
		if id, ok := s.records[recordID]; ok {
			return id
		}
		if len(s.ids) > 0 {
			if id, ok := s.ids[digestOf(s.layout, RecordID, recordID)]; ok {
				return id
			}
		}
	}
	if requestID != "" {
		return s.requests[requestID]
	}
	return ""
}
