// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/record/columnar"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// storePart is how the store's part of an erasure says that it is done.
const storePart = "store"

// Erase removes a subject, whose name is in the form in which rows store it, from predictions, records, pairs, labels, datasets,
// rejected files of the inbox and the reports that show single predictions, and asks the other parts to do the same. The request stays: what arrives later is
// erased when it is compacted. Nothing that the run writes holds the name.
func Erase(ctx context.Context, e *Env, of erasure.Kind, name string) (*Report, wire.Verdict, error) {
	r, err := begin(ctx, e, KindErase)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	defer r.end(ctx)
	if h := r.refusal(of, name); h != nil {
		return nil, wire.Verdict{}, analyze.Because(ReasonHeld, fmt.Errorf("the legal hold %q covers the subject: nothing was erased. Remove holds/%s.json first, if it may be", h.name, h.name))
	}
	request, err := r.request(ctx, of, name)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	r.Erasure, r.Of, r.plain = request.ID, of, cmp.Or(e.Plain, name)
	if err := r.eraseSubject(ctx, request); err != nil {
		return nil, wire.Verdict{}, err
	}
	removed := map[string]int64{}
	for folder, t := range r.Folders {
		removed[string(folder)] += t.RowsErased
	}
	if err := erasure.PutDone(ctx, r.Bucket, r.layout, request.ID, storePart, r.Now, removed); err != nil {
		return nil, wire.Verdict{}, err
	}
	r.Unknown = len(r.known) == 0 && r.total(func(t *Tally) int64 { return t.RowsErased + t.RowsHeld + int64(t.FilesHeld) }) == 0
	if r.Unknown {
		return r.finish(ctx, fmt.Sprintf("erasure %s: %s", request.ID, unknownSubject))
	}
	report, v, err := r.finish(ctx, fmt.Sprintf("erasure %s: %d rows of predictions, %d of records, %d of pairs, %d of labels, %d of datasets, %d in reports and %d in the inbox were erased; %d datasets were restated", request.ID,
		removed[string(store.Predictions)], removed[string(store.Records)], removed[string(store.Pairs)], removed[string(store.LabelFolder)], removed[string(datasets)], removed[string(reports)], removed[string(inbox)], len(r.Restated)))
	v.Restated = r.Restated[:min(len(r.Restated), wire.MaxRestated)]
	return report, v, err
}

// unknownSubject is what to tell of a subject of which nothing is there: that may be a slip of the pen.
const unknownSubject = "nothing in the store was about this subject: unless it was erased before, check how it is spelled. The request stays, so that files that arrive late are covered"

// refusal is the hold that forbids to erase a subject at all: one of everything, or one that names it.
func (r *run) refusal(of erasure.Kind, name string) *Hold {
	for i := range r.holds {
		h := &r.holds[i]
		named := h.LabelKeys
		if of == erasure.RecordID {
			named = h.RecordIDs
		}
		if h.All || slices.Contains(named, name) {
			return h
		}
	}
	return nil
}

// request is the request for a subject, with all that was found of it by now and by runs before.
func (r *run) request(ctx context.Context, of erasure.Kind, name string) (erasure.Request, error) {
	request := erasure.NewRequest(r.layout, of, name, r.Now)
	earlier, err := erasure.Get(ctx, r.Bucket, r.layout, request.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return request, err
	}
	request.Records, request.Requests = earlier.Records, earlier.Requests
	return request, nil
}

// eraseSubject first finds all rows of a subject, and writes down which they are: labels and reports refer to rows, and a
// run that is cut short must not forget those that it has erased already.
func (r *run) eraseSubject(ctx context.Context, request erasure.Request) error {
	r.erase = erasure.NewSet(r.layout)
	r.erase.Add(request)
	f := &finder{run: r, records: map[string]bool{}, requests: map[string]bool{}, hits: map[string]bool{}}
	for _, id := range request.Records {
		f.records[id] = true
	}
	for _, id := range request.Requests {
		f.requests[id] = true
	}
	for _, folder := range []store.Folder{store.Predictions, store.Records} {
		if err := r.each(ctx, folder, f.find); err != nil {
			return err
		}
	}
	request.Records, request.Requests = slices.Sorted(maps.Keys(f.records)), slices.Sorted(maps.Keys(f.requests))
	if err := erasure.Ask(ctx, r.Bucket, r.layout, request); err != nil {
		return err
	}
	r.erase.Add(request)
	r.known = request.Records
	for _, folder := range []store.Folder{store.Predictions, store.Records, store.Pairs, store.LabelFolder} {
		// Files of labels and pairs do not say whom they are about: they refer to rows that were found in the others.
		refers := folder == store.Pairs || folder == store.LabelFolder
		err := r.each(ctx, folder, func(ctx context.Context, p *partition, item store.Item) error {
			if !refers && !f.hits[item.Key] {
				return nil
			}
			err := r.rewrite(ctx, p, []store.Item{item}, false, r.withoutErased())
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := r.eraseDatasets(ctx); err != nil {
		return err
	}
	if err := r.eraseInbox(ctx); err != nil {
		return err
	}
	return r.eraseReports(ctx)
}

// each visits every file of a folder that counts.
func (r *run) each(ctx context.Context, folder store.Folder, visit func(context.Context, *partition, store.Item) error) error {
	return r.partitions(ctx, folder, func(time.Time) bool { return true }, func(ctx context.Context, p *partition) error {
		if err := r.settle(ctx, p); err != nil {
			return err
		}
		for _, item := range p.items {
			err := visit(ctx, p, item)
			if err := r.damaged(folder, err, item.Key); err != nil {
				return err
			}
		}
		return nil
	})
}

// finder finds the rows of a subject.
type finder struct {
	*run
	// found guards what follows.
	found             sync.Mutex
	records, requests map[string]bool
	// hits are the keys of files with rows of the subject.
	hits map[string]bool
}

// find looks through one file. A request counts as the subject's only if all of its rows in the file are.
func (f *finder) find(ctx context.Context, p *partition, item store.Item) error {
	hit, records, requests := false, map[string]bool{}, map[string]bool{}
	err := f.rows(ctx, p, item, func(row *record.Row) {
		if f.erase.Match(row.RecordID, row.LabelKey, "") == "" {
			return
		}
		hit = true
		if row.RecordID != "" {
			records[row.RecordID] = true
		}
		if row.RequestID != "" {
			requests[row.RequestID] = true
		}
	})
	if err == nil && len(requests) > 0 {
		err = f.rows(ctx, p, item, func(row *record.Row) {
			if requests[row.RequestID] && f.erase.Match(row.RecordID, row.LabelKey, "") == "" {
				delete(requests, row.RequestID)
			}
		})
	}
	f.found.Lock()
	defer f.found.Unlock()
	maps.Copy(f.records, records) // Also those before the damage.
	if err == nil && hit {
		f.hits[item.Key] = true
		maps.Copy(f.requests, requests)
	}
	return err
}

func (f *finder) rows(ctx context.Context, p *partition, item store.Item, visit func(*record.Row)) error {
	object, err := f.open(ctx, p, item)
	if err != nil {
		return err
	}
	reader, err := record.NewReader(object, object.Size(), "record_id", "label_key", "request_id")
	if err != nil {
		return err
	}
	for row, err := range reader.Rows() {
		if err != nil {
			return err
		}
		visit(row)
	}
	return nil
}

const maxReport = 64 << 20

// eraseReports takes the subject out of reports on single predictions.
func (r *run) eraseReports(ctx context.Context) error {
	prefix := r.layout.Prefix() + string(reports) + "/" + analyze.KindOutliers + "/"
	for item, err := range r.Bucket.List(ctx, prefix) {
		if err != nil {
			return err
		}
		if path.Ext(item.Key) != ".json" {
			continue
		}
		if err := r.lease.keep(ctx); err != nil {
			return err
		}
		if err := r.eraseReport(ctx, item.Key); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) eraseReport(ctx context.Context, key string) error {
	body, err := r.Bucket.Get(ctx, key, maxReport)
	if err != nil {
		return err
	}
	// By its names only, so that what a later release writes stays as it is.
	var document map[string]json.RawMessage
	var top []json.RawMessage
	if json.Unmarshal(body, &document) != nil || len(document["top"]) == 0 || json.Unmarshal(document["top"], &top) != nil {
		return r.damaged(reports, columnar.ErrDamaged, key)
	}
	var gone int64
	top = slices.DeleteFunc(top, func(entry json.RawMessage) bool {
		var p analyze.Prediction
		if json.Unmarshal(entry, &p) != nil || r.erase.Match(p.RecordID, p.LabelKey, p.RequestID) == "" {
			return false
		}
		if r.holds.row(p.RecordID, p.LabelKey, p.Time) != nil {
			r.count(reports, func(t *Tally) { t.RowsHeld++ })
			return false
		}
		gone++
		return true
	})
	if gone == 0 {
		return nil
	}
	encoded, err := json.Marshal(top)
	if err == nil {
		document["top"] = encoded
		body, err = json.MarshalIndent(document, "", " ")
	}
	if err != nil {
		return errors.Join(errors.New("writing a report without the subject"), err)
	}
	if err := r.Bucket.Put(ctx, key, body); err != nil {
		return err
	}
	r.count(reports, func(t *Tally) { t.RowsErased += gone })
	return nil
}
