// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// MirrorVersion is the version of the mirror document, also part of its file name.
const MirrorVersion = 1

// MaxMirrorBytes bounds a mirror document.
const MaxMirrorBytes = 64 << 10

// Mirror tells the sidecars of a primary to copy requests to its shadow. While there is none, nothing is mirrored.
type Mirror struct {
	// Version is the version of the document.
	Version int `json:"version"`
	// Revision is the hash of all the rest.
	Revision string `json:"revision"`
	// Namespace and Monitor are those of the configuration beside which the document holds; Rollout is the ShadowRollout's name.
	Namespace string `json:"namespace"`
	Monitor   string `json:"monitor"`
	Rollout   string `json:"rollout"`
	// Primary is the revision of the pods that mirror: those of the rollout whose label says this.
	Primary string `json:"primary"`
	// AllPods says that all pods of the monitor mirror, whatever their labels say: those of a workload of the user's say nothing. An
	// older sidecar, which does not know it, goes by the labels and mirrors nothing.
	AllPods bool `json:"allPods,omitempty"`
	// Candidate is the revision of the shadow, and ShadowVersion that of its model, which only its own pods know. Empty: unknown.
	Candidate     string `json:"candidate"`
	ShadowVersion string `json:"shadowVersion,omitempty"`
	// Attempt tells tries of the same candidate apart: Unix seconds of the start, as digits.
	Attempt string `json:"attempt"`
	// Address is the host:port of the shadow's Service.
	Address string `json:"address"`
	// Share is that of inference calls, in [0, 1], that are mirrored, by the hash of the request id.
	Share float64 `json:"share"`
	// TimeoutSeconds is how long an answer is waited for.
	TimeoutSeconds float64 `json:"timeoutSeconds"`
	// MaxInFlight bounds the copies in flight of a pod; a copy and the replica that goes with it count as one.
	MaxInFlight int `json:"maxInFlight"`
	// MaxBytes bounds what a pod holds for pairs, in bytes.
	MaxBytes int64 `json:"maxBytes"`
	// Header is set to "true" on copies, beside the one that marks all copies. Empty: none.
	Header string `json:"header,omitempty"`
	// Model replaces the name of the model in the path of copies. Empty: it stays.
	Model string `json:"model,omitempty"`
	// ReplicaShare is the share, in [0, 1], of mirrored calls that the primary answers a second time, at first.
	ReplicaShare float64 `json:"replicaShare"`
	// Tolerance says which numbers count as the same.
	Tolerance Tolerance `json:"tolerance,omitzero"`
	// LatencySegments are those whose latencies are counted, beside those of all traffic.
	LatencySegments []string `json:"latencySegments,omitempty"`
	// LabelSegments are those in which the performance analysis counts who was right; all traffic among them by its name. Empty: it
	// counts nothing. Sidecars make nothing of them.
	LabelSegments []string `json:"labelSegments,omitempty"`
}

// Tolerance is how far numbers may be apart and count as the same: by Absolute + Relative times the size of the first.
type Tolerance struct {
	Absolute float64 `json:"absolute"`
	Relative float64 `json:"relative"`
}

// Timeout is TimeoutSeconds as a duration.
func (m *Mirror) Timeout() time.Duration { return Seconds(m.TimeoutSeconds) }

// EncodeMirror renders m with its revision filled in. Equal documents give equal bytes.
func EncodeMirror(m Mirror) ([]byte, error) {
	m.Version = MirrorVersion
	return encode("the mirror document", &m, &m.Revision)
}

// DecodeMirror reads a mirror document. It ignores unknown keys and says whether there were any. What it returns is within
// bounds.
func DecodeMirror(b []byte) (m Mirror, unknownKeys bool, err error) {
	if unknownKeys, err = decode("the mirror document", b, MaxMirrorBytes, &m, &m.Version, MirrorVersion); err != nil {
		return Mirror{}, false, err
	}
	if err := m.check(); err != nil {
		return Mirror{}, false, fmt.Errorf("reading the mirror document: %w", err)
	}
	return m, unknownKeys, nil
}

// Bounds of a mirror document.
const (
	// MaxLatencySegments bounds the segments whose latencies are counted, which take many series.
	MaxLatencySegments = 5
	// MaxLabelSegments bounds those in which labels are counted: all that a monitor may have, and all traffic.
	MaxLabelSegments = 33

	maxMirrorName     = 253
	maxMirrorTimeout  = 600
	maxMirrorInFlight = 1 << 16
)

// check names the first field that cannot be used.
func (m *Mirror) check() error {
	for name, v := range map[string]string{"rollout": m.Rollout, "primary": m.Primary, "candidate": m.Candidate, "attempt": m.Attempt} {
		if v == "" || len(v) > maxMirrorName || strings.ContainsFunc(v, unprintable) {
			return fmt.Errorf("%s: want a name of at most %d printable characters", name, maxMirrorName)
		}
	}
	host, port, err := net.SplitHostPort(m.Address)
	switch {
	case err != nil || host == "" || port == "" || len(m.Address) > maxMirrorName || strings.ContainsFunc(m.Address, unprintable) || strings.ContainsAny(m.Address, "/?#@ "):
		return errors.New("address: want host:port")
	case !share(m.Share):
		return errors.New("share: want a number from 0 to 1")
	case !share(m.ReplicaShare):
		return errors.New("replicaShare: want a number from 0 to 1")
	case !(m.TimeoutSeconds > 0 && m.TimeoutSeconds <= maxMirrorTimeout):
		return fmt.Errorf("timeoutSeconds: want more than 0 and at most %d", maxMirrorTimeout)
	case m.MaxInFlight < 0 || m.MaxInFlight > maxMirrorInFlight || m.MaxBytes < 0:
		return fmt.Errorf("maxInFlight, maxBytes: want 0 or more, and at most %d copies", maxMirrorInFlight)
	case !(m.Tolerance.Absolute >= 0 && m.Tolerance.Relative >= 0):
		return errors.New("tolerance: want 0 or more")
	case strings.ContainsFunc(m.Header, notInToken) || len(m.Header) > maxMirrorName:
		return errors.New("header: want the name of a header")
	case strings.ContainsAny(m.Model, "/:") || strings.ContainsFunc(m.Model, unprintable) || len(m.Model) > maxMirrorName:
		return errors.New("model: want a name without a slash or a colon")
	case len(m.ShadowVersion) > maxVersion:
		return fmt.Errorf("shadowVersion: want at most %d bytes", maxVersion)
	case len(m.LatencySegments) > MaxLatencySegments:
		return fmt.Errorf("latencySegments: want at most %d", MaxLatencySegments)
	case len(m.LabelSegments) > MaxLabelSegments:
		return fmt.Errorf("labelSegments: want at most %d", MaxLabelSegments)
	}
	return nil
}

func share(v float64) bool { return v >= 0 && v <= 1 }

func unprintable(r rune) bool { return r <= ' ' || r > '~' }

// tokens are the characters that the name of a header may have.
const tokens = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"

func notInToken(r rune) bool { return !strings.ContainsRune(tokens, r) }
