// SPDX-License-Identifier: Apache-2.0

// Package upkeep owns what is done to the capture store after it was written: deletion of what has been kept long enough
// (retention), merging of many small files into few (compact), and the removal of a subject (erase). Legal holds bound
// all of them.
//
// Whatever it replaces, it writes the new file before it deletes the old ones, and the new file names those that it
// replaces: a run that is cut short at any point is continued by the next, and readers never count anything twice. It
// imports no Kubernetes package and reads no clock.
package upkeep

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Kinds of runs, as verdicts and reports name them.
const (
	KindRetention = "retention"
	KindCompact   = "compact"
	KindErase     = "erase"
)

// Reasons of verdicts that are not what one hoped for.
const (
	// ReasonBusy means that another run works on the same monitor's folder.
	ReasonBusy = "Busy"
	// ReasonHeld means that a legal hold covers what was to be erased.
	ReasonHeld = "Held"
)

// Env is what every run works with.
type Env struct {
	*analyze.Env
	// Plain is the subject of an erasure as others write it, where rows store it in another form.
	Plain string
	// Dir is where temporary files go.
	Dir string
	// Clock tells the time during the run, and Wait lets some of it pass.
	Clock func() time.Time
	Wait  func(ctx context.Context, d time.Duration) error
}

// run is one run of a kind.
type run struct {
	*Env
	layout store.Layout
	lease  *lease
	holds  holds
	erase  *erasure.Set
	// plain is the subject that is erased as others write it; empty when that is not known.
	plain string
	// known are the ids of the rows of the subject, also of those that earlier runs have erased.
	known []string
	// counting guards the report's tallies.
	counting sync.Mutex
	Report
}

// Report says what a run did.
type Report struct {
	Version   int       `json:"version"`
	Kind      string    `json:"kind"`
	Run       string    `json:"run"`
	Cluster   string    `json:"cluster"`
	Namespace string    `json:"namespace"`
	Monitor   string    `json:"monitor"`
	Config    string    `json:"config"`
	Created   time.Time `json:"created"`
	// Folders says what was done in each folder of the monitor.
	Folders map[store.Folder]*Tally `json:"folders"`
	// Holds are the legal holds in force.
	Holds []string `json:"holds,omitempty"`
	// Erasure is the id of the request that was worked on.
	Erasure string `json:"erasure,omitempty"`
	// Of is what named its subject. Unknown says, of an erasure, that nothing was about it.
	Of      erasure.Kind `json:"of,omitempty"`
	Unknown bool         `json:"unknown,omitempty"`
	// Restated are the datasets that were made anew because of it, by this run or an earlier one.
	Restated []wire.Restatement `json:"restated,omitempty"`
}

// Tally counts what was done in a folder.
type Tally struct {
	// FilesDeleted are gone, those that were replaced included; FilesWritten took their place.
	FilesDeleted int `json:"filesDeleted,omitempty"`
	FilesWritten int `json:"filesWritten,omitempty"`
	// RowsErased belonged to a subject that was to be erased; RowsHeld would have gone if no legal hold covered them.
	RowsErased int64 `json:"rowsErased,omitempty"`
	RowsHeld   int64 `json:"rowsHeld,omitempty"`
	// RowsRepeated were in several files, and are in one now.
	RowsRepeated int64 `json:"rowsRepeated,omitempty"`
	// BodiesRemoved counts rows whose bodies are gone while the row stays.
	BodiesRemoved int64 `json:"bodiesRemoved,omitempty"`
	// FilesHeld were old enough to go, but for a legal hold.
	FilesHeld int `json:"filesHeld,omitempty"`
	// FilesDamaged were left as they are: nobody can tell what they hold. The first of them are named.
	FilesDamaged int      `json:"filesDamaged,omitempty"`
	Damaged      []string `json:"damaged,omitempty"`
	// Foreign files were left as they are: they have columns of a later release.
	Foreign int `json:"foreign,omitempty"`
}

// begin takes the lease and reads the legal holds and the erasures.
func begin(ctx context.Context, e *Env, kind string) (*run, error) {
	c := &e.Config
	r := &run{Env: e, layout: store.Layout{Cluster: c.Cluster, Namespace: c.Namespace, Monitor: c.Monitor}}
	r.Report = Report{
		Version: 1, Kind: kind, Run: e.Run, Config: c.Revision, Cluster: c.Cluster, Namespace: c.Namespace, Monitor: c.Monitor,
		Created: e.Now.UTC(), Folders: map[store.Folder]*Tally{},
	}
	var err error
	if r.lease, err = takeLease(ctx, e, r.layout, kind); err != nil {
		return nil, err
	}
	if r.holds, err = loadHolds(ctx, e.Bucket, r.layout, e.Now); err == nil {
		r.erase, err = erasure.Load(ctx, e.Bucket, r.layout)
	}
	if err != nil {
		r.end(ctx)
		return nil, err
	}
	r.Holds = r.holds.names()
	return r, nil
}

// end gives the lease back. It expires anyway: nothing else depends on it.
func (r *run) end(ctx context.Context) {
	if err := r.lease.release(context.WithoutCancel(ctx)); err != nil {
		r.Log.Warn("giving the lease back", "error", err)
	}
}

// count adds to the tally of a folder.
func (r *run) count(folder store.Folder, add func(*Tally)) {
	r.counting.Lock()
	defer r.counting.Unlock()
	t, ok := r.Folders[folder]
	if !ok {
		t = &Tally{}
		r.Folders[folder] = t
	}
	add(t)
}

// total adds up a count over all folders.
func (r *Report) total(of func(*Tally) int64) int64 {
	var n int64
	for _, t := range r.Folders {
		n += of(t)
	}
	return n
}

// verdict is that of a run that did what it should.
func (r *run) verdict(message string) wire.Verdict {
	v := wire.Verdict{VerdictHeader: wire.VerdictHeader{Kind: r.Kind, Run: r.Run, Config: r.Config, Outcome: wire.OutcomeSucceeded, Message: message}}
	v.Rows = r.total(func(t *Tally) int64 { return t.RowsErased + t.BodiesRemoved })
	return v
}

// exceptions says what stands out in a run that went well; empty when nothing does.
func (r *Report) exceptions() string {
	var text strings.Builder
	for _, of := range []struct {
		what  string
		count func(*Tally) int64
	}{
		{"files are kept by a legal hold", func(t *Tally) int64 { return int64(t.FilesHeld) }},
		{"rows are kept by a legal hold", func(t *Tally) int64 { return t.RowsHeld }},
		{"files are damaged and were left alone", func(t *Tally) int64 { return int64(t.FilesDamaged) }},
		{"files of a later release were left alone", func(t *Tally) int64 { return int64(t.Foreign) }},
	} {
		if n := r.total(of.count); n > 0 {
			fmt.Fprintf(&text, "; %d %s", n, of.what)
		}
	}
	return text.String()
}
