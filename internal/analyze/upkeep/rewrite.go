// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/record/columnar"
	"github.com/vedette-dev/vedette/internal/store"
)

// sortMemory is about what the rows of one rewrite take in memory.
const sortMemory = 96 << 20 / atOnce

// view finds in whole rows what decides about them.
type view struct {
	id, at, record, key, request int
	bodies                       []int
}

// viewOf finds the columns of a folder's files. A column that is not there is beyond the last.
func viewOf(folder store.Folder, file *columnar.File) view {
	leaves := file.Leaves()
	of := func(name string) int {
		if i, ok := leaves[name]; ok {
			return i
		}
		return len(leaves) + 1<<16
	}
	v := view{id: of("record_id"), at: of("ts"), record: of("record_id"), key: of("label_key"), request: of("request_id")}
	switch folder {
	case store.LabelFolder:
		v.id, v.at = of("label_id"), of("received_ts")
	case store.Pairs:
		v.id, v.record = of("pair_id"), of("pair_id") // the record_id of the primary's row
	}
	for _, name := range []string{"request", "response"} {
		if i, ok := leaves[name]; ok && folder == store.Records {
			v.bodies = append(v.bodies, i)
		}
	}
	return v
}

func text(row parquet.Row, leaf int) string {
	if v := columnar.ValueOf(row, leaf); !v.IsNull() {
		return string(v.ByteArray())
	}
	return ""
}

func (v view) time(row parquet.Row) time.Time {
	if at := columnar.ValueOf(row, v.at); !at.IsNull() {
		return time.UnixMicro(at.Int64()).UTC()
	}
	return time.Time{}
}

// compare orders rows by time and then by id.
func (v view) compare(a, b parquet.Row) int {
	return cmp.Or(
		cmp.Compare(columnar.ValueOf(a, v.at).Int64(), columnar.ValueOf(b, v.at).Int64()),
		slices.Compare(columnar.ValueOf(a, v.id).Bytes(), columnar.ValueOf(b, v.id).Bytes()))
}

// strip takes the bodies from a row, and says whether it had any.
func (v view) strip(row parquet.Row) bool {
	had := false
	for i := range row {
		if slices.Contains(v.bodies, row[i].Column()) && !row[i].IsNull() {
			row[i] = parquet.Value{}.Level(0, 0, row[i].Column())
			had = true
		}
	}
	return had
}

func (v view) hasBody(row parquet.Row) bool {
	return slices.ContainsFunc(v.bodies, func(leaf int) bool { return !columnar.ValueOf(row, leaf).IsNull() })
}

// fate is what becomes of a row.
type fate int

const (
	keep fate = iota
	// held means that the row would go, but for a legal hold.
	held
	keepWithoutBody
	expired
	erased
)

// judge decides about a row.
type judge func(v view, row parquet.Row) fate

// change is one replacement of files.
type change struct {
	folder  store.Folder
	schema  *parquet.Schema
	view    view
	judge   judge
	sorter  *columnar.Sorter
	inputs  []string // names
	origins []string // names of files that inputs have replaced
	// counts are those of the rows by their fate; stripped are the rows that lost a body, repeated those that came before.
	counts             [erased + 1]int64
	stripped, repeated int64
}

// rewrite replaces files of a partition, all of one schema, by one with the rows that judge keeps: sorted, each once. Where
// that would change nothing, and must is not set, they stay.
func (r *run) rewrite(ctx context.Context, p *partition, items []store.Item, must bool, decide judge) error {
	c := &change{folder: p.folder, judge: decide}
	defer func() {
		if c.sorter != nil {
			if err := c.sorter.Close(); err != nil {
				r.Log.Warn("a temporary file is left", "error", err)
			}
		}
	}()
	for _, item := range items {
		if err := r.read(ctx, c, p, item); err != nil {
			return err
		}
	}
	r.count(p.folder, func(t *Tally) { t.RowsHeld += c.counts[held] })
	if c.counts[expired]+c.counts[erased]+c.stripped == 0 && !must {
		return nil
	}
	slices.Sort(c.inputs)
	if err := r.replace(ctx, p, items, append(c.inputs, c.origins...), c.write); err != nil {
		return err
	}
	r.count(p.folder, func(t *Tally) {
		t.RowsErased += c.counts[erased]
		t.BodiesRemoved += c.stripped
		t.RowsRepeated += c.repeated
	})
	return nil
}

func (r *run) read(ctx context.Context, c *change, p *partition, item store.Item) error {
	object, err := r.open(ctx, p, item)
	if err != nil {
		return err
	}
	file, err := columnar.Open(object, object.Size())
	if err != nil {
		return err
	}
	origins, err := analyze.Replaced(file)
	if err != nil {
		return err
	}
	c.inputs, c.origins = append(c.inputs, base(item.Key)), append(c.origins, origins...)
	if c.sorter == nil {
		c.schema, c.view = file.Schema(), viewOf(c.folder, file)
		c.sorter = columnar.NewSorter(c.schema, r.Dir, sortMemory, c.view.compare)
	}
	for row, err := range file.Rows() {
		if err != nil {
			return err
		}
		verdict := c.judge(c.view, row)
		c.counts[verdict]++
		if verdict >= expired {
			continue
		}
		if verdict == keepWithoutBody && c.view.strip(row) {
			c.stripped++
		}
		if err := c.sorter.Add(row); err != nil {
			return err
		}
	}
	return nil
}

// write writes the rows that are kept. Repeated ones are next to each other.
func (c *change) write(w io.Writer, metadata map[string]string) (rows int64, bodies bool, err error) {
	out := columnar.NewWriter(w, c.schema, metadata)
	var last parquet.Row
	for row, err := range c.sorter.Rows() {
		if err != nil {
			return 0, false, err
		}
		if last != nil && text(row, c.view.id) != "" && c.view.compare(last, row) == 0 {
			c.repeated++
			continue
		}
		if err := out.Write(row); err != nil {
			return 0, false, fmt.Errorf("writing a row: %w", err)
		}
		last, rows, bodies = row.Clone(), rows+1, bodies || c.view.hasBody(row)
	}
	if err := out.Close(); err != nil {
		return 0, false, fmt.Errorf("ending a file: %w", err)
	}
	return rows, bodies, nil
}

// writer writes the content of a file, and says how many rows it has and whether any has a body.
type writer func(w io.Writer, metadata map[string]string) (rows int64, bodies bool, err error)

// replace writes a file that replaces others, and then deletes those. The new file names the ones it replaces, and all that
// they have replaced, so that none of them counts from the moment it is there. Without a row there is no new file.
func (r *run) replace(ctx context.Context, p *partition, items []store.Item, names []string, write writer) error {
	list, err := json.Marshal(names)
	if err != nil {
		return fmt.Errorf("listing the files that are replaced: %w", err)
	}
	file, err := os.CreateTemp(r.Dir, "replacement-*"+extension)
	if err != nil {
		return fmt.Errorf("writing a temporary file: %w", err)
	}
	defer func() {
		if err := errors.Join(file.Close(), os.Remove(file.Name())); err != nil {
			r.Log.Warn("a temporary file is left", "error", err)
		}
	}()
	digest := sha256.New()
	rows, bodies, err := write(io.MultiWriter(file, digest), map[string]string{store.ReplacesKey: string(list)})
	if err != nil {
		return err
	}
	if rows > 0 {
		if err := r.create(ctx, p, file, digest, bodies); err != nil {
			return err
		}
	}
	for _, item := range items {
		if err := r.delete(ctx, p.folder, item.Key); err != nil {
			return err
		}
	}
	return nil
}

// create uploads a file under the name that its content gives it. If it is there already, an earlier run was cut short.
func (r *run) create(ctx context.Context, p *partition, file *os.File, digest hash.Hash, bodies bool) error {
	if err := r.lease.keep(ctx); err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading a temporary file: %w", err)
	}
	key := p.prefix + nameOf(hex.EncodeToString(digest.Sum(nil)), bodies || p.folder != store.Records) + extension
	err := r.Bucket.Create(ctx, key, file)
	if errors.Is(err, store.ErrExists) {
		return nil
	}
	if err == nil {
		r.count(p.folder, func(t *Tally) { t.FilesWritten++ })
	}
	return err
}
