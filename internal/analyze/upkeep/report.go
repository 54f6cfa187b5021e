// SPDX-License-Identifier: Apache-2.0

package upkeep

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/vedette-dev/vedette/internal/erasure"
)

// store writes the report and returns its path below the monitor's prefix.
func (r *run) store(ctx context.Context) (string, error) {
	var document bytes.Buffer
	if err := r.WriteJSON(&document); err != nil {
		return "", err
	}
	key := r.layout.Report(r.Kind, r.Now, r.Now, r.Report.Run, "report.json")
	if err := r.Bucket.Create(ctx, key, &document); err != nil {
		return "", fmt.Errorf("storing the report: %w", err)
	}
	return strings.TrimPrefix(key, r.layout.Prefix()), nil
}

// WriteJSON writes the whole report.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// WriteText writes the report for people: one line a folder.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) } // The writer's error comes with Flush.
	line("%s/%s  %s", r.Namespace, r.Monitor, r.Kind)
	if len(r.Holds) > 0 {
		line("legal holds: %s", strings.Join(r.Holds, ", "))
	}
	if r.Erasure != "" {
		line("erasure %s: each annotation queue has yet to do its part, and says so in erasures/%s.queue-<name>.done.json", r.Erasure, r.Erasure)
	}
	switch {
	case r.Unknown:
		line(unknownSubject)
	case r.Of == erasure.RecordID:
		line("labels that came with a label key stay: erase by --label-key to have them removed too")
	}
	if len(r.Folders) == 0 {
		line("there was nothing to do")
	} else {
		line("\nFOLDER\tFILES DELETED\tWRITTEN\tHELD\tDAMAGED\tROWS ERASED\tHELD\tREPEATED\tBODIES REMOVED")
	}
	for _, folder := range slices.Sorted(maps.Keys(r.Folders)) {
		f := r.Folders[folder]
		line("%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d", folder, f.FilesDeleted, f.FilesWritten, f.FilesHeld, f.FilesDamaged,
			f.RowsErased, f.RowsHeld, f.RowsRepeated, f.BodiesRemoved)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
