// SPDX-License-Identifier: Apache-2.0

// Package analyze owns the batch analyses over the capture store: reference profiles (baseline), drift against
// them, the riskiest predictions of a window (outliers), how good answers were once it is known what was right
// (labels, performance), and whether the store can be worked with at all (check).
//
// It reads profiles and rows, judges them by internal/stats, writes reports, and answers with a verdict. It imports
// no Kubernetes package, reads no clock and knows no command line: internal/cmd/analyze wires it.
package analyze

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Kinds of analyses, as verdicts and reports name them.
const (
	KindBaseline = "baseline"
	KindDrift    = "drift"
	KindOutliers = "outliers"
	KindCheck    = "check"
	// KindLabels takes labels from the inbox; KindPerformance does so, too, and then measures answers by them.
	KindLabels      = "labels"
	KindPerformance = "performance"
	KindDataset     = "dataset"
)

// Reasons of verdicts that are not what one hoped for.
const (
	// ReasonCredentialsRefused means that the store refused the credentials; only a person can mend that.
	ReasonCredentialsRefused = "CredentialsRefused"
	// ReasonWriterRefused means that the store refused the credentials of the sidecars.
	ReasonWriterRefused = "WriterRefused"
	// ReasonUnreachable means that the store did not answer; the next run may succeed.
	ReasonUnreachable = "Unreachable"
	// ReasonNotExclusive means that the store overwrites where it should create only what is absent.
	ReasonNotExclusive = "CreateNotExclusive"
	// ReasonBaselineMissing means that there is nothing to compare with yet.
	ReasonBaselineMissing = "BaselineMissing"
	// ReasonBaselineDamaged means that the stored baseline cannot be read.
	ReasonBaselineDamaged = "BaselineDamaged"
	// ReasonDatasetMissing means that the dataset of the baseline is not in the store.
	ReasonDatasetMissing = "DatasetMissing"
	// ReasonDatasetUnusable means that the dataset cannot be read, or has no column of the schema.
	ReasonDatasetUnusable = "DatasetUnusable"
	// ReasonConfigInvalid means that the configuration does not say what the run needs.
	ReasonConfigInvalid = "ConfigInvalid"
	// ReasonTooFewRows means that the window, or the baseline, holds too few rows to tell.
	ReasonTooFewRows = "TooFewRows"
	// ReasonCoverageTooLow means that the profiles leave out too much of the traffic.
	ReasonCoverageTooLow = "CoverageTooLow"
	// ReasonHashKeyMissing means that label keys must be hashed, and the key to do it with is not there.
	ReasonHashKeyMissing = "HashKeyMissing"
	// ReasonNoLabels means that no prediction of the window has a label.
	ReasonNoLabels = "NoLabels"
	// ReasonImmature means that labels of the window still arrive: those that are fast are not like the others.
	ReasonImmature = "LabelsStillArrive"
	// ReasonError means anything else; the message says what.
	ReasonError = "Error"
)

// Env is what every analysis works with.
type Env struct {
	Config wire.Config
	Bucket *store.Bucket
	// Writer is the store as the sidecars may use it; nil where they use it as Bucket does. Only Check uses it.
	Writer *store.Bucket
	// HashKey is the key of hashed label keys; nil where there is none. It is used where files of others are read.
	HashKey []byte
	// LabelsSince is when the run was asked for on which the model was trained last: labels received later are counted. Zero: all are.
	LabelsSince time.Time
	// Trial is the trial of a candidate that goes on, as the sidecars are told of it; nil when there is none. Only Performance uses it.
	Trial *wire.Mirror
	// Now is the time at which the run started.
	Now time.Time
	// Run identifies the run in paths and verdicts.
	Run string
	Log *slog.Logger
}

func (e *Env) layout() store.Layout {
	return store.Layout{Cluster: e.Config.Cluster, Namespace: e.Config.Namespace, Monitor: e.Config.Monitor}
}

func (e *Env) header(kind string) wire.VerdictHeader {
	return wire.VerdictHeader{Kind: kind, Run: e.Run, Config: e.Config.Revision}
}

// Window is a span of time, from included, to excluded. It begins and ends at whole minutes, as profiles do.
type Window struct {
	From, To time.Time
}

// Empty reports whether nothing can be in the window.
func (w Window) Empty() bool { return !w.From.Before(w.To) }

// Window is the window of the given length that ends at to. A zero to is the time up to which the sidecars have surely
// uploaded what they counted: two flush intervals before now.
func (e *Env) Window(length time.Duration, to time.Time) Window {
	if to.IsZero() {
		to = e.Now.Add(-2 * e.Config.Capture.Flush())
	}
	to = to.UTC().Truncate(profile.Window)
	return Window{From: to.Add(-length).Truncate(profile.Window), To: to}
}

// problem is an error with the reason that the verdict of a failed run gives.
type problem struct {
	reason string
	err    error
}

func (p *problem) Error() string { return p.err.Error() }
func (p *problem) Unwrap() error { return p.err }

// InvalidConfig is the error of a run whose configuration cannot be used.
func InvalidConfig(err error) error {
	return &problem{ReasonConfigInvalid, fmt.Errorf("the configuration cannot be used: %w", err)}
}

// Because gives an error the reason that the verdict of a run that ends with it gives.
func Because(reason string, err error) error { return &problem{reason, err} }

// Failed is the verdict of a run that ended with err.
func (e *Env) Failed(kind string, err error) wire.Verdict {
	v := wire.Verdict{VerdictHeader: e.header(kind)}
	v.Outcome, v.Reason, v.Message = wire.OutcomeFailed, reasonOf(err), err.Error()
	return v
}

func reasonOf(err error) string {
	if p := (*problem)(nil); errors.As(err, &p) {
		return p.reason
	}
	switch {
	case errors.Is(err, store.ErrCredentials):
		return ReasonCredentialsRefused
	case errors.Is(err, store.ErrUnreachable):
		return ReasonUnreachable
	}
	return ReasonError
}
