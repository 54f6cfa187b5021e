// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/store"
)

const (
	// rejected is where files are kept of which not all could be taken; beside each is a list of line numbers.
	rejected = "rejected"
	problems = ".problems"
	// maxInbox is how much of a file is in memory.
	maxInbox = 64 << 20
)

// eraseInbox takes the lines of erased subjects out of the files that could not be taken, so that their numbers stay. Files
// that were not taken yet become labels, which are compacted; receipts, and the lists of what was refused, name nobody.
func (r *run) eraseInbox(ctx context.Context) error {
	if r.erase.Empty() {
		return nil
	}
	for item, err := range r.Bucket.List(ctx, r.layout.Inbox(rejected)) {
		if err != nil {
			return err
		}
		format, ok := label.FormatOf(item.Key)
		if !ok {
			continue
		}
		if err := r.lease.keep(ctx); err != nil {
			return err
		}
		if err := r.eraseRejected(ctx, item, format); err != nil {
			return fmt.Errorf("in %s: %w", item.Key, err)
		}
	}
	return nil
}

func (r *run) eraseRejected(ctx context.Context, item store.Item, format label.Format) error {
	left, f, err := r.withoutSubjects(ctx, item, format)
	switch {
	case err != nil:
		return err
	case f.gone == 0:
		r.count(inbox, func(t *Tally) { t.RowsHeld += f.held })
		return nil
	case f.whole && format != label.Parquet:
		if err := r.Bucket.Put(ctx, item.Key, left); err != nil {
			return err
		}
		r.count(inbox, func(t *Tally) { t.RowsErased, t.RowsHeld = t.RowsErased+f.gone, t.RowsHeld+f.held })
		return nil
	case f.held > 0 || r.holds.nameRows() || r.holds.time(item.Modified, item.Modified.Add(1)) != nil:
		r.count(inbox, func(t *Tally) { t.FilesHeld++ })
		return nil
	}
	r.count(inbox, func(t *Tally) { t.RowsErased += f.gone })
	// The list first: of a file that is gone, nobody would find it.
	if err := r.delete(ctx, inbox, item.Key+problems); err != nil {
		return err
	}
	return r.delete(ctx, inbox, item.Key)
}

// findings are what was seen of a file: the lines of subjects, those of them that a hold covers, and whether all could be
// looked at.
type findings struct {
	gone, held int64
	whole      bool
}

// withoutSubjects is a file of text without the lines of erased subjects, each of which leaves its end. Of what cannot be
// read, the text decides.
func (r *run) withoutSubjects(ctx context.Context, item store.Item, format label.Format) (left []byte, f findings, err error) {
	body, err := r.Bucket.Get(ctx, item.Key, maxInbox)
	if errors.Is(err, store.ErrTooLarge) {
		return nil, findings{gone: 1}, nil // Nobody can tell: it goes.
	}
	if err != nil {
		return nil, f, err
	}
	decoder := label.Decoder{Schema: r.Env.Config.Schema, HashKey: r.HashKey}
	seen := 0
	for m, err := range decoder.Mentions(format, body) {
		if err != nil {
			if named(r.plain, body[seen:]) {
				f.gone++
			}
			return nil, f, nil
		}
		text := m.Text
		seen += len(text)
		switch {
		case m.Unread && !named(r.plain, text), !m.Unread && r.erase.Match(m.RecordID, m.LabelKey, m.RequestID) == "":
		case r.holds.row(m.RecordID, m.LabelKey, item.Modified) != nil:
			f.held++
		default:
			f.gone++
			text = bytes.Repeat([]byte("\n"), bytes.Count(text, []byte("\n")))
		}
		left = append(left, text...)
	}
	f.whole = true
	return left, f, nil
}

func named(plain string, text []byte) bool { return plain != "" && bytes.Contains(text, []byte(plain)) }
