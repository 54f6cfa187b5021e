// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/vedette-dev/vedette/internal/dataset"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// evaluationWindows are the last windows by which the performance of models was judged: the reports tell. A window of which
// no run could tell anything keeps nothing apart, and takes no other's place.
func evaluationWindows(ctx context.Context, e *Env, n int) ([]dataset.Span, error) {
	names := map[dataset.Span]string{}
	for name, err := range e.Bucket.Folders(ctx, e.layout().Reports(KindPerformance)) {
		if err != nil {
			return nil, err
		}
		if from, to, ok := store.ParseWindow(name); ok {
			names[dataset.Span{From: from, To: to}] = name
		}
	}
	var spans []dataset.Span
	for _, s := range slices.SortedFunc(maps.Keys(names), func(a, b dataset.Span) int { return cmp.Or(b.To.Compare(a.To), b.From.Compare(a.From)) }) {
		if len(spans) == n {
			break
		}
		ok, err := judgedBy(ctx, e, names[s])
		if err != nil {
			return nil, err
		}
		if ok {
			spans = append(spans, s)
		}
	}
	slices.Reverse(spans)
	return spans, nil
}

// maxReportBytes is more than any report has.
const maxReportBytes = 64 << 20

// judgedBy says whether a Performance run over the window of a folder of reports was conclusive.
func judgedBy(ctx context.Context, e *Env, window string) (bool, error) {
	for item, err := range e.Bucket.List(ctx, e.layout().Reports(KindPerformance)+window+"/") {
		if err != nil {
			return false, err
		}
		if path.Base(item.Key) != reportFile {
			continue
		}
		body, err := e.Bucket.Get(ctx, item.Key, maxReportBytes)
		if err != nil {
			return false, err
		}
		var r struct {
			Outcome wire.Outcome `json:"outcome"`
		}
		if err := json.Unmarshal(body, &r); err != nil {
			return false, fmt.Errorf("whether models were judged by %q cannot be read; delete it if not: %w", item.Key, err)
		}
		if r.Outcome == wire.OutcomeStable || r.Outcome == wire.OutcomeViolated {
			return true, nil
		}
	}
	return false, nil
}
