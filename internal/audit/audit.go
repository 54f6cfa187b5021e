// SPDX-License-Identifier: Apache-2.0

// Package audit owns the audit log: one object an entry, numbered without gaps, each holding the hash of the one before, so
// that nothing in the middle can be changed, removed, inserted or moved without it showing. Whoever knows an earlier head can
// tell as well that nothing was cut off at the end or written anew.
//
// It knows the store and nothing of Kubernetes, reads no clock, and does not judge what is worth an entry.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind is what an entry is about.
type Kind string

// The kinds of entries. A reader must expect others.
const (
	// KindThresholdsChanged means that the thresholds of a monitor were declared anew.
	KindThresholdsChanged Kind = "ThresholdsChanged"
	// KindDriftFound and KindDriftCleared are changes of the verdict on drift.
	KindDriftFound   Kind = "DriftFound"
	KindDriftCleared Kind = "DriftCleared"
	// KindThresholdViolated and KindThresholdCleared are changes of the verdict on a threshold in a segment.
	KindThresholdViolated Kind = "ThresholdViolated"
	KindThresholdCleared  Kind = "ThresholdCleared"
	// KindDatasetBuilt means that a version of a dataset was built, or found built already.
	KindDatasetBuilt Kind = "DatasetBuilt"
	// KindRetrainingRequested, KindRetrainingStarted and KindRetrainingFinished are the steps of a retraining run.
	KindRetrainingRequested Kind = "RetrainingRequested"
	KindRetrainingStarted   Kind = "RetrainingStarted"
	KindRetrainingFinished  Kind = "RetrainingFinished"
	// KindErased means that a subject was removed from the store, KindRetentionRun that what had its time was.
	KindErased       Kind = "Erased"
	KindRetentionRun Kind = "RetentionRun"
	// KindRolloutBootstrapped means that a rollout made a primary from the template, where nothing served; KindRolloutTakenUp that it
	// took up the primary of an earlier rollout of its name, which goes on serving what it serves.
	KindRolloutBootstrapped Kind = "RolloutBootstrapped"
	KindRolloutTakenUp      Kind = "RolloutTakenUp"
	// KindRolloutStarted means that a candidate is tried, KindRolloutRetried that one is tried again, as a person asked.
	KindRolloutStarted Kind = "RolloutStarted"
	KindRolloutRetried Kind = "RolloutRetried"
	// KindRolloutPaused and KindRolloutResumed mean that a person holds a trial, or lets it go on; KindRolloutExpired that it has ended
	// without a verdict.
	KindRolloutPaused  Kind = "RolloutPaused"
	KindRolloutResumed Kind = "RolloutResumed"
	KindRolloutExpired Kind = "RolloutExpired"
	// KindRolloutDecided means that the evidence showed that a candidate may serve, or may not; KindRolloutRejected that a person, or
	// what it did in service, decided against a revision.
	KindRolloutDecided  Kind = "RolloutDecided"
	KindRolloutRejected Kind = "RolloutRejected"
	// KindRolloutApproved means that a promotion was put on record, and by whose leave; KindRolloutPromoted that the primary was
	// told to run it, KindRolloutBaked that it was watched to the end, and KindRolloutRolledBack that what served before is back.
	KindRolloutApproved   Kind = "RolloutApproved"
	KindRolloutPromoted   Kind = "RolloutPromoted"
	KindRolloutBaked      Kind = "RolloutBaked"
	KindRolloutRolledBack Kind = "RolloutRolledBack"
	// KindEntriesLost tells how many changes could not be kept while the log was out of reach.
	KindEntriesLost Kind = "EntriesLost"
)

// Draft is an entry before it has a place in the log.
type Draft struct {
	// ID is the same for the same change: it is entered once, however often it is appended.
	ID string
	// Time is when the change was observed.
	Time time.Time
	// Actor is who or what made it.
	Actor string
	Kind  Kind
	// Subject is what changed, such as "ModelMonitor/payments/fraud".
	Subject string
	// Grounds is a JSON document that says on what grounds; nil when there is nothing to say.
	Grounds json.RawMessage
}

// Entry is one entry of the log. Its fields are in the order in which they are hashed.
type Entry struct {
	Sequence uint64          `json:"seq"`
	ID       string          `json:"id"`
	Time     time.Time       `json:"time"`
	Actor    string          `json:"actor"`
	Kind     Kind            `json:"kind"`
	Subject  string          `json:"subject"`
	Grounds  json.RawMessage `json:"grounds,omitempty"`
	// Previous is the hash of the entry before; of the first, 64 zeros.
	Previous string `json:"prev"`
	// Hash is the SHA-256, in hex, of the entry as it is encoded without it.
	Hash string `json:"hash,omitempty"`
}

// Head is the end of a log: the number of its last entry and a prefix of its hash, at least 16 digits. The zero Head is that of
// an empty log.
type Head struct {
	Sequence uint64
	Hash     string
}

// String renders the head as it is published: "12:0123456789abcdef".
func (h Head) String() string {
	return strconv.FormatUint(h.Sequence, 10) + ":" + h.Hash[:min(len(h.Hash), prefixDigits)]
}

// ParseHead reads what String wrote, or the same with a longer hash.
func ParseHead(s string) (Head, error) {
	number, hash, ok := strings.Cut(s, ":")
	n, err := strconv.ParseUint(number, 10, 64)
	if _, bad := hex.DecodeString(hash); !ok || err != nil || bad != nil || len(hash) < prefixDigits || len(hash) > len(genesis) {
		return Head{}, fmt.Errorf("head %.80q: want the number of an entry and at least %d digits of its hash, such as 12:0123456789abcdef", s, prefixDigits)
	}
	return Head{Sequence: n, Hash: hash}, nil
}

// prefixDigits is how much of a hash a head shows: enough that no other entry can be made for it.
const prefixDigits = 16

var genesis = strings.Repeat("0", sha256.Size*2)

// Bounds of an entry.
const (
	maxEntryBytes   = 64 << 10
	maxGroundsBytes = 32 << 10
	maxTextBytes    = 1024
)

// ErrChanged means that an object is not the entry that was written: some byte of it differs.
var ErrChanged = errors.New("the entry was changed")

// seal makes an entry of a draft at a place of the log.
func seal(d Draft, sequence uint64, previous string) (Entry, error) {
	grounds, err := canonical(d.Grounds)
	if err != nil {
		return Entry{}, fmt.Errorf("the grounds of an entry: %w", err)
	}
	e := Entry{
		Sequence: sequence, ID: text(d.ID), Time: d.Time.UTC().Truncate(time.Microsecond), Actor: text(d.Actor),
		Kind: Kind(text(string(d.Kind))), Subject: text(d.Subject), Grounds: grounds, Previous: previous,
	}
	e.Hash, err = e.hash()
	return e, err
}

// hash is what the field Hash must be.
func (e Entry) hash() (string, error) {
	e.Hash = ""
	b, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("encoding an entry: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// Encode renders an entry in its only form.
func (e Entry) Encode() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encoding an entry: %w", err)
	}
	return append(b, '\n'), nil
}

// Decode reads an entry and checks that it is in its only form and has the hash that it says: else the error is ErrChanged.
func Decode(b []byte) (Entry, error) {
	var e Entry
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return Entry{}, fmt.Errorf("%w: it cannot be read: %w", ErrChanged, err)
	}
	if again, err := e.Encode(); err != nil || !bytes.Equal(again, b) {
		return Entry{}, fmt.Errorf("%w: it is not in the form in which entries are written", ErrChanged)
	}
	if want, err := e.hash(); err != nil || e.Hash != want {
		return Entry{}, fmt.Errorf("%w: its hash does not fit its content", ErrChanged)
	}
	return e, nil
}

// canonical renders a JSON document with sorted keys and without white space.
func canonical(raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if len(raw) > maxGroundsBytes {
		return nil, fmt.Errorf("%d bytes are more than %d", len(raw), maxGroundsBytes)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // digits as they were written
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("there is more than one document")
	}
	return json.Marshal(v)
}

// text bounds a string and makes it one that JSON gives back as it was.
func text(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxTextBytes)], "")
}
