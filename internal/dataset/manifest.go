// SPDX-License-Identifier: Apache-2.0

// Package dataset owns the versions of datasets that models are trained on: labelled predictions with their features, as
// Parquet, under the digest of what they hold. It knows the rows, the manifest and how two versions are compared; what belongs
// into a version, package analyze decides. It imports no Kubernetes package, and reads no clock.
package dataset

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// FormatVersion is the version of manifests and parts.
const FormatVersion = 1

// ManifestFile is the name of the manifest in the folder of a version. It is written last: a folder without one is not whole.
const ManifestFile = "manifest.json"

// maxManifestBytes bounds a manifest.
const maxManifestBytes = 16 << 20

// LeftErased counts, among what is excluded, the rows that went when a subject was erased.
const LeftErased = "erased"

// ErrDamaged means that a manifest or a part is not what was written.
var ErrDamaged = errors.New("the dataset is damaged")

// Manifest describes a version.
type Manifest struct {
	// Digest is the SHA-256, in hex, of Content as it is encoded.
	Digest  string  `json:"digest"`
	Content Content `json:"content"`
	// Provenance is how the version came about. It is no part of the digest: the same content is the same version.
	Provenance Provenance `json:"provenance"`
}

// Content is what a version holds and by which rules that was chosen. No time of day and no name of a run is in it: the same
// predictions, labels and rules give the same bytes.
type Content struct {
	Format int `json:"format"`
	// Cluster, Namespace and Monitor are whose predictions they are.
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Monitor   string `json:"monitor"`

	Selection Selection `json:"selection"`
	// Features are the names and types of the columns f_*, in their order.
	Features []Feature `json:"features"`
	Parts    []Part    `json:"parts"`
	// Labels is the SHA-256, in hex, of the ids of the labels in it, sorted, each with a line break.
	Labels string `json:"labels"`

	Rows     int64            `json:"rows"`
	Classes  map[string]int64 `json:"classes,omitempty"`
	Segments map[string]int64 `json:"segments,omitempty"`
	Versions map[string]int64 `json:"versions,omitempty"`
	Sources  map[string]int64 `json:"labelSources,omitempty"`
	// Weight is the number of predictions that the rows stand for: the sum of 1 / keep_probability.
	Weight float64 `json:"weight"`
	// Excluded counts labelled rows that were left out, by reason.
	Excluded map[string]int64 `json:"excluded,omitempty"`
}

// Selection is the rules by which rows were chosen.
type Selection struct {
	Window Span `json:"window"`
	// Evaluation are the spans that were left out because models are judged by them, HoldoutShare the share that was, by a hash of
	// the record's id.
	Evaluation   []Span   `json:"evaluation,omitempty"`
	HoldoutShare float64  `json:"holdoutShare"`
	Segments     []string `json:"segments,omitempty"`
	Versions     []string `json:"versions,omitempty"`
	LabelSources []string `json:"labelSources,omitempty"`
	MinAgreement float64  `json:"minAgreement,omitempty"`
	// Redacted names features that were left out.
	Redacted []string `json:"redacted,omitempty"`
}

// Span is a span of time, from included, to excluded.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Overlaps says whether two spans have a time in common.
func (s Span) Overlaps(o Span) bool { return s.From.Before(o.To) && o.From.Before(s.To) }

// Contains says whether a time is in the span.
func (s Span) Contains(t time.Time) bool { return !t.Before(s.From) && t.Before(s.To) }

// Feature is a column of features.
type Feature struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Part is one file of a version.
type Part struct {
	Name   string `json:"name"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Provenance is how a version came about, the first time.
type Provenance struct {
	Created time.Time `json:"created"`
	// Run is the run of analyze, For the retraining run that it was built for.
	Run string `json:"run"`
	For string `json:"for,omitempty"`
	// AskedBy is who asked, Reason why.
	AskedBy string `json:"askedBy,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// ConfigRevision is the revision of the monitor's configuration.
	ConfigRevision string `json:"configRevision,omitempty"`
	// BaseVersion is the version of the model that served the last of the predictions.
	BaseVersion string `json:"baseVersion,omitempty"`
	// Replaces is the digest of the version that this one was made of when a subject was erased. That one is gone.
	Replaces string `json:"replaces,omitempty"`
	// Earlier are the digests of those that Replaces stood for itself, one erasure after another, the first first.
	Earlier []string `json:"earlier,omitempty"`
	// Erasure is the id of the request to erase that subject.
	Erasure string `json:"erasure,omitempty"`
	URI     string `json:"uri"`
}

// Seal makes the manifest of a content.
func Seal(c Content, p Provenance) (Manifest, error) {
	c.Format = FormatVersion
	d, err := digestOf(c)
	return Manifest{Digest: d, Content: c, Provenance: p}, err
}

func digestOf(c Content) (string, error) {
	b, err := json.Marshal(c) // fields in their order, keys of maps sorted
	if err != nil {
		return "", fmt.Errorf("encoding the content of a dataset: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// Encode renders a manifest.
func (m Manifest) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding a manifest: %w", err)
	}
	return append(b, '\n'), nil
}

// Decode reads a manifest and checks that its content has its digest.
func Decode(b []byte) (Manifest, error) {
	var m Manifest
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("%w: its manifest cannot be read: %w", ErrDamaged, err)
	}
	if m.Content.Format != FormatVersion {
		return Manifest{}, fmt.Errorf("the dataset is of format %d, and this release reads %d", m.Content.Format, FormatVersion)
	}
	if want, err := digestOf(m.Content); err != nil || want != m.Digest {
		return Manifest{}, fmt.Errorf("%w: its content does not have the digest that its manifest says", ErrDamaged)
	}
	return m, nil
}
