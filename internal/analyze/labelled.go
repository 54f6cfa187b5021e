// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/vedette-dev/vedette/internal/dataset"
	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Reasons of verdicts on datasets.
const (
	// ReasonNoLabelledRows means that no labelled prediction with features is left by the rules.
	ReasonNoLabelledRows = "NoLabelledRows"
	// ReasonEvaluationOverlap means that a window was asked for that models are judged by.
	ReasonEvaluationOverlap = "EvaluationOverlap"
	// ReasonTooManyRows means that a dataset would be larger than a run can hold.
	ReasonTooManyRows = "TooManyRows"
)

// maxDatasetRows is what a run can hold and sort.
const maxDatasetRows = 1_000_000

// datasetSlice is how much of the window is read together: the ids of all its predictions must be held, and the labels that are
// about one of them.
const datasetSlice = 24 * time.Hour

// Why labelled rows were left out.
const (
	leftForEvaluation = "evaluationWindow"
	leftForHoldout    = "holdout"
	leftForSegment    = "segment"
	leftForVersion    = "version"
	leftForSource     = "labelSource"
	leftForAgreement  = "agreement"
	leftErased        = "erased"
)

// DatasetRequest says for whom a dataset is built.
type DatasetRequest struct {
	Window Window
	// Explicit says that somebody named the window: then it must not hold what models are judged by. Otherwise that is left out.
	Explicit bool
	// AskedBy is who asked, Reason why, and For the run that it is for.
	AskedBy, Reason, For string
}

// labelled is a dataset on its way.
type labelled struct {
	e         *Env
	request   DatasetRequest
	selection dataset.Selection
	features  []dataset.Feature
	// kept are the numbers of the features, in the schema, that are not redacted.
	kept     []int
	rows     []dataset.Row
	excluded map[string]int64
	join     JoinCounts
	// labels is how many rows of labels were received since the window began.
	labels int64
	// erased are the subjects that were asked to be erased, as far as we know: rows of them may arrive late.
	erased *erasure.Set
	// base is the version of the prediction made last, at its time.
	base   string
	baseAt time.Time
}

// Dataset builds a version of a dataset: the predictions of the window whose features were kept and of which it is known what was
// right, as the labels tell now. The same predictions, labels and rules give the same version.
func Dataset(ctx context.Context, e *Env, r DatasetRequest) (*dataset.Manifest, wire.Verdict, error) {
	if r.Window.Empty() {
		return nil, wire.Verdict{}, InvalidConfig(errors.New("the window is empty: set dataset.windowSeconds, or --window, to at least a minute"))
	}
	b := &labelled{e: e, request: r, excluded: map[string]int64{}}
	if err := b.choose(ctx); err != nil {
		return nil, wire.Verdict{}, err
	}
	if _, err := b.forget(ctx); err != nil {
		return nil, wire.Verdict{}, err
	}
	for from := r.Window.From; from.Before(r.Window.To); from = from.Add(datasetSlice) {
		if err := b.slice(ctx, Window{From: from, To: earlier(from.Add(datasetSlice), r.Window.To)}); err != nil {
			return nil, wire.Verdict{}, err
		}
	}
	slices.SortFunc(b.rows, func(x, y dataset.Row) int { return cmp.Compare(x.RecordID, y.RecordID) })
	m, created, err := b.storeRest(ctx)
	if err != nil {
		return nil, wire.Verdict{}, err
	}
	v := wire.Verdict{VerdictHeader: e.header(KindDataset)}
	v.Outcome, v.From, v.To, v.Rows = wire.OutcomeSucceeded, r.Window.From, r.Window.To, m.Content.Rows
	if err := countTruths(ctx, e, &v); err != nil {
		return nil, wire.Verdict{}, err
	}
	v.Dataset, v.DatasetURI, v.BaseVersion = m.Digest, m.Provenance.URI, b.base
	v.Report = strings.TrimPrefix(e.layout().DatasetFile(m.Digest, dataset.ManifestFile), e.layout().Prefix())
	if !created {
		v.Message = "this version was there already"
	}
	return &m, v, nil
}

// choose settles the rules.
func (b *labelled) choose(ctx context.Context) error {
	c := b.e.Config.Dataset
	b.selection = dataset.Selection{
		Window:       dataset.Span{From: b.request.Window.From, To: b.request.Window.To},
		HoldoutShare: c.HoldoutShare,
		Segments:     sorted(c.Segments), Versions: sorted(c.Versions), LabelSources: sorted(c.Sources),
		MinAgreement: c.MinAgreement, Redacted: sorted(c.Redact),
	}
	for i, f := range b.e.Config.Schema.Features {
		if !slices.Contains(c.Redact, f.Name) {
			b.kept = append(b.kept, i)
			b.features = append(b.features, dataset.Feature{Name: f.Name, Type: string(f.Type)})
		}
	}
	spans, err := evaluationWindows(ctx, b.e, c.EvaluationWindows)
	if err != nil {
		return err
	}
	for _, s := range spans {
		if !s.Overlaps(b.selection.Window) {
			continue
		}
		if b.request.Explicit {
			return &problem{ReasonEvaluationOverlap, fmt.Errorf(
				"the window from %s to %s was asked for, and models are judged by their performance from %s to %s: a model must not be trained on what it is judged by. Choose a window beside it, or none, and what overlaps is left out",
				stamp(b.selection.Window.From), stamp(b.selection.Window.To), stamp(s.From), stamp(s.To))}
		}
		b.selection.Evaluation = append(b.selection.Evaluation, s)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// slice adds the rows of a part of the window.
func (b *labelled) slice(ctx context.Context, w Window) error {
	tolerance := wire.Seconds(b.e.Config.Labels.KeyToleranceSeconds)
	x, err := newIndex(ctx, b.e, w, tolerance)
	if err != nil {
		return err
	}
	labels, read, err := currentTruths(ctx, b.e, w.From, func(l *label.Row) bool { return x.match(l, tolerance, &b.join) >= 0 })
	if err != nil {
		return err
	}
	b.labels = max(b.labels, read)
	about := map[int32]*label.Row{}
	for i := range labels {
		l := &labels[i]
		row := x.match(l, tolerance, &b.join)
		// Where a prediction was spoken of under several ids, the last word holds.
		if held := about[row]; held == nil || cmp.Or(held.Received.Compare(l.Received), cmp.Compare(held.ID, l.ID)) < 0 {
			about[row] = l
		}
	}
	if len(about) == 0 {
		return nil
	}
	columns := []string{"f_*", "label_key", "model_version", "segments", "prediction", "score", "keep_probability", "keep_reason", "request_id"}
	_, err = eachRow(ctx, b.e, store.Records, w, columns, func(r *record.Row) error {
		found := entriesOf(x.records, xxhash.Sum64String(r.RecordID))
		if r.RecordID == "" || len(found) == 0 || about[found[0].row] == nil {
			return nil
		}
		return b.add(r, about[found[0].row])
	})
	return err
}

func (b *labelled) add(r *record.Row, l *label.Row) error {
	if why := b.leaveOut(r, l); why != "" {
		b.excluded[why]++
		return nil
	}
	if len(b.rows) == maxDatasetRows {
		return &problem{ReasonTooManyRows, fmt.Errorf("there are more than %d labelled rows: shorten retraining.dataset.window, or name segments or versions", maxDatasetRows)}
	}
	if r.Time.After(b.baseAt) || r.Time.Equal(b.baseAt) && r.ModelVersion > b.base {
		b.base, b.baseAt = r.ModelVersion, r.Time
	}
	row := dataset.Row{
		RecordID: r.RecordID, LabelID: l.ID, LabelKey: r.LabelKey, Time: r.Time, Version: r.ModelVersion, Segments: slices.Clone(r.Segments),
		Prediction: r.Prediction, Score: r.Score, Class: l.Class, Value: l.Value, Source: string(l.Source),
		KeepProbability: r.KeepProbability, Weight: 1, KeepReason: string(r.KeepReason),
	}
	if p := r.KeepProbability; p > 0 && p <= 1 {
		row.Weight = 1 / p
	}
	for _, i := range b.kept {
		row.Features = append(row.Features, r.Features[i])
	}
	b.rows = append(b.rows, row)
	return nil
}

// leaveOut says by which rule a labelled row is no part of the dataset; empty when it is one.
func (b *labelled) leaveOut(r *record.Row, l *label.Row) string {
	s := b.selection
	any := func(list, of []string) bool {
		return len(list) == 0 || slices.ContainsFunc(of, func(v string) bool { return slices.Contains(list, v) })
	}
	switch {
	case b.erased.Match(r.RecordID, r.LabelKey, r.RequestID) != "":
		return leftErased
	case slices.ContainsFunc(s.Evaluation, func(e dataset.Span) bool { return e.Contains(r.Time) }):
		return leftForEvaluation
	case HeldOut(r.RecordID, s.HoldoutShare):
		return leftForHoldout
	case !any(s.Versions, []string{r.ModelVersion}):
		return leftForVersion
	case !any(s.Segments, r.Segments):
		return leftForSegment
	case !any(s.LabelSources, []string{string(l.Source)}):
		return leftForSource
	case l.Agreement < s.MinAgreement: // never where nobody was asked: NaN is less than nothing
		return leftForAgreement
	}
	return ""
}

// HeldOut says whether a prediction is in the share that no dataset holds. The hash is fixed for ever: so a prediction that was held
// out once always is, as long as the share does not shrink.
func HeldOut(recordID string, share float64) bool {
	return float64(xxhash.Sum64String("holdout\x00"+recordID)>>11)/(1<<53) < share
}

// store writes the version, and says whether it is new.
func (b *labelled) store(ctx context.Context) (dataset.Manifest, bool, error) {
	c := dataset.Content{
		Cluster: b.e.Config.Cluster, Namespace: b.e.Config.Namespace, Monitor: b.e.Config.Monitor,
		Selection: b.selection, Features: b.features, Rows: int64(len(b.rows)), Excluded: b.excluded,
		Classes: map[string]int64{}, Segments: map[string]int64{}, Versions: map[string]int64{}, Sources: map[string]int64{},
	}
	regression := b.e.Config.Schema.Prediction.Kind == wire.Regression
	for i := range b.rows {
		r := &b.rows[i]
		if !regression {
			c.Classes[r.Label()]++
		}
		for _, s := range r.Segments {
			c.Segments[s]++
		}
		c.Versions[r.Version]++
		c.Sources[r.Source]++
		c.Weight += r.Weight
	}
	c.Labels = dataset.LabelSet(b.rows)
	err := dataset.EncodeParts(c.Features, b.rows, func(p dataset.Encoded) error {
		c.Parts = append(c.Parts, p.Part)
		return nil
	})
	if err != nil {
		return dataset.Manifest{}, false, err
	}
	m, err := dataset.Seal(c, dataset.Provenance{
		Created: b.e.Now, Run: b.e.Run, For: b.request.For, AskedBy: b.request.AskedBy, Reason: b.request.Reason,
		ConfigRevision: b.e.Config.Revision, BaseVersion: b.base,
	})
	if err != nil {
		return m, false, err
	}
	m.Provenance.URI = store.Address(b.e.Config.Store.URL, b.e.layout().DatasetFolder(m.Digest))
	created, err := dataset.Store(ctx, b.e.Bucket, b.e.layout(), m, b.rows)
	return m, created, err
}

func counted(counts map[string]int64) string {
	if len(counts) == 0 {
		return "nothing"
	}
	var texts []string
	for reason, n := range counts {
		texts = append(texts, fmt.Sprintf("%d by %s", n, reason))
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

// DatasetDiff compares two versions of datasets. For one that erasures restated, the version that took its place stands.
func DatasetDiff(ctx context.Context, e *Env, from, to string) (dataset.Difference, wire.Verdict, error) {
	var manifests [2]dataset.Manifest
	for i, digest := range []string{from, to} {
		m, err := dataset.Current(ctx, e.Bucket, e.layout(), digest)
		if errors.Is(err, store.ErrNotFound) {
			return dataset.Difference{}, wire.Verdict{}, &problem{ReasonDatasetMissing, fmt.Errorf("there is no dataset %s in the store: look below %s", digest, e.layout().AllDatasets())}
		}
		if err != nil {
			return dataset.Difference{}, wire.Verdict{}, err
		}
		manifests[i] = m
	}
	d, err := dataset.Diff(ctx, e.Bucket, e.layout(), manifests[0], manifests[1])
	for i, asked := range []string{from, to} {
		if m := manifests[i]; m.Digest != asked {
			d.Restated = append(d.Restated, dataset.Restated{Asked: asked, As: m.Digest, Erased: m.Content.Excluded[dataset.LeftErased]})
		}
	}
	v := wire.Verdict{VerdictHeader: e.header(KindDataset)}
	v.Outcome, v.Rows = wire.OutcomeSucceeded, manifests[1].Content.Rows
	return d, v, err
}
