// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"time"

	"github.com/vedette-dev/vedette/internal/capture/plan"
	"github.com/vedette-dev/vedette/internal/capture/spool"
	"github.com/vedette-dev/vedette/internal/capture/telemetry"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
)

// maxFileBytes is the size at which a file is completed before the flush interval has passed.
const maxFileBytes = 64 << 20

// fileKey tells the files apart that are written at the same time.
type fileKey struct {
	tier record.Tier
	// version is that of the model; of pairs, the revision of the shadow in the rollout.
	version, rollout string
	hour             time.Time
}

// rowFile is a file of rows that is being written.
type rowFile struct {
	file   *spool.File
	writer writer
	begun  time.Time
	rows   int64
}

// writer is a record.Writer, or a record.PairWriter.
type writer interface {
	Size() int64
	Close() error
}

// write appends a row to the file that it belongs in.
func (w *worker) write(p *plan.Plan, tier record.Tier, row *record.Row) {
	p.Metrics.Row(string(tier))
	w.add(p, fileKey{tier: tier, version: row.ModelVersion, hour: row.Time.Truncate(time.Hour)}, func(f writer) error {
		return f.(*record.Writer).Write(row)
	})
}

// add adds a row to a file. One that cannot be written is lost and counted, with all of its file.
func (w *worker) add(p *plan.Plan, k fileKey, row func(writer) error) {
	f, ok := w.files[k]
	if !ok {
		var err error
		if f, err = w.begin(p, k); err != nil {
			if !w.failing { // once, not for each row
				w.Log.Error("rows are lost until a file can be begun", "error", err)
			}
			w.failing = true
			w.Metrics.Lost(string(k.tier), 1)
			return
		}
		w.failing = false
		w.files[k] = f
	}
	f.rows++
	if err := row(f.writer); err != nil {
		w.Log.Error("the rows of a file are lost", "rows", f.rows, "error", err)
		delete(w.files, k)
		f.file.Abort(f.rows)
		return
	}
	if f.writer.Size() >= maxFileBytes {
		w.complete(k, f)
	}
}

func (w *worker) begin(p *plan.Plan, k fileKey) (*rowFile, error) {
	var key string
	if k.tier == record.Pairs {
		key = p.Layout().Pairs(k.rollout, k.version, k.hour, w.name())
	} else {
		key = p.Layout().Rows(store.Folder(k.tier), k.version, k.hour, w.name())
	}
	file, err := w.Spool.Create(string(k.tier), key)
	if err != nil {
		return nil, err
	}
	f := &rowFile{file: file, begun: w.Clock()}
	if k.tier == record.Pairs {
		f.writer, err = record.NewPairWriter(file)
	} else {
		f.writer, err = record.NewWriter(file, k.tier, p.Config.Schema.Features, nil)
	}
	if err != nil {
		file.Abort(0)
		return nil, err
	}
	return f, nil
}

func (w *worker) name() string {
	w.number++
	return store.Name(w.PodUID, w.Start, w.number)
}

// complete hands a file over for upload.
func (w *worker) complete(k fileKey, f *rowFile) {
	delete(w.files, k)
	if err := f.writer.Close(); err != nil {
		w.Log.Error("the rows of a file are lost", "rows", f.rows, "error", err)
		f.file.Abort(f.rows)
		return
	}
	if err := f.file.Commit(f.rows); err != nil {
		w.Log.Error("the rows of a file are lost", "rows", f.rows, "error", err)
	}
}

// flushProfiles writes all series, also those of the minute that is not over: series of the same minute are merged when
// they are read.
func (w *worker) flushProfiles(now time.Time) {
	w.since = now
	if n := w.dropped.Swap(0); n > 0 {
		w.profiles.Skip(now, w.plan.Versions.Model, string(telemetry.SkipDropped), n)
	}
	type place struct {
		version string
		hour    time.Time
	}
	places := map[place][]*profile.Series{}
	for _, s := range w.profiles.Take(now.Add(24 * time.Hour)) {
		k := place{s.Version, s.Window.Truncate(time.Hour)}
		places[k] = append(places[k], s)
	}
	for k, series := range places {
		key := w.plan.Layout().Rows(store.Profiles, k.version, k.hour, w.name())
		if err := w.writeProfiles(key, series); err != nil {
			w.Log.Error("profiles are lost", "series", len(series), "error", err)
		}
	}
}

func (w *worker) writeProfiles(key string, series []*profile.Series) error {
	n := int64(len(series))
	file, err := w.Spool.Create(telemetry.TierProfiles, key)
	if err != nil {
		w.Metrics.Lost(telemetry.TierProfiles, n)
		return err
	}
	if err := profile.Write(file, series); err != nil {
		file.Abort(n)
		return err
	}
	return file.Commit(n)
}
