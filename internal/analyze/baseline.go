// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// profileFile is the name of the reference profiles in the folder of a baseline.
const profileFile = "profile.parquet"

// maxSummaryBytes bounds a summary: the sidecar has to hold it.
const maxSummaryBytes = 8 << 20

// Baseline computes the reference that drift and outliers are measured against, from the dataset of the configuration
// or from the traffic of the trailing window, and stores it: the profiles block by block, and the summary that the
// sidecars load. The same input gives the same bytes.
func Baseline(ctx context.Context, e *Env) (wire.Verdict, error) {
	b := e.Config.Baseline
	if b.Name == "" {
		return wire.Verdict{}, InvalidConfig(errors.New("baseline.name is empty: the monitor declares no baseline"))
	}
	compute := fromDataset
	if b.TrailingSeconds > 0 {
		compute = fromTraffic
	}
	reference, summary, note, err := compute(ctx, e)
	if err != nil {
		return wire.Verdict{}, err
	}
	if summary.Rows == 0 {
		return wire.Verdict{}, &problem{ReasonDatasetUnusable, errors.New("the baseline would have no rows")}
	}
	var profiles bytes.Buffer
	if err := profile.Write(&profiles, reference.stored()); err != nil {
		return wire.Verdict{}, err
	}
	document, err := outlier.Encode(summary)
	if err != nil {
		return wire.Verdict{}, err
	}
	if len(document) > maxSummaryBytes {
		return wire.Verdict{}, &problem{ReasonDatasetUnusable, fmt.Errorf("the summary of the baseline takes %d bytes, more than the %d that a sidecar loads", len(document), maxSummaryBytes)}
	}
	// The summary comes last: a sidecar that sees it can rely on the profiles.
	for _, file := range []struct {
		name string
		body []byte
	}{{profileFile, profiles.Bytes()}, {outlier.SummaryFile, document}} {
		if err := e.Bucket.Put(ctx, e.layout().Baseline(b.Name, file.name), file.body); err != nil {
			return wire.Verdict{}, fmt.Errorf("storing the baseline: %w", err)
		}
	}
	v := wire.Verdict{VerdictHeader: e.header(KindBaseline)}
	v.Outcome, v.Rows, v.Message, v.Coverage = wire.OutcomeSucceeded, summary.Rows, note, 1
	v.Report = strings.TrimPrefix(e.layout().Baseline(b.Name, outlier.SummaryFile), e.layout().Prefix())
	return v, nil
}

// fromDataset profiles the rows of the dataset. It reads them once to learn what is usual, once more where a feature
// turns out to need an origin, or where labels show that the model's scores need a temperature, and a last time to score
// every row against the rest, which gives the cuts.
func fromDataset(ctx context.Context, e *Env) (*tally, outlier.Summary, string, error) {
	fail := func(err error) (*tally, outlier.Summary, string, error) { return nil, outlier.Summary{}, "", err }
	files, err := datasetFiles(ctx, e)
	if err != nil {
		return fail(err)
	}
	in, err := newInstances(e.Config)
	if err != nil {
		return fail(err)
	}
	read := func(visit func(*record.Row)) error {
		return in.each(ctx, e, files, func(r *record.Row) error { visit(r); return nil })
	}
	kind := e.Config.Schema.Prediction.Kind
	features := e.Config.Schema.Features
	var t *tally
	var tails *certainties
	var labels *thermometer
	for {
		p := newProfiler(features)
		tails, labels = newCertainties(kind, 1), newThermometer(e.Config.Schema.Prediction)
		err := in.each(ctx, e, files, func(r *record.Row) error {
			tails.observe(r, 1)
			labels.observe(r, in.truth)
			return p.observe(r)
		})
		if err != nil {
			return fail(err)
		}
		if t, err = p.tally(); err != nil {
			return fail(err)
		}
		needed, changed := origins(features, t)
		if !changed {
			break
		}
		features = needed
	}
	if !slices.Contains(in.found, true) && len(features) > 0 {
		return fail(&problem{ReasonDatasetUnusable, errors.New("the dataset has no column of any feature of the schema: a column is named as the feature, or f_ and its name")})
	}
	temperature, told := labels.temperature()
	if temperature != 1 {
		tails = newCertainties(kind, temperature)
		if err := read(func(r *record.Row) { tails.observe(r, 1) }); err != nil {
			return fail(err)
		}
	}
	summary := summarize(t, features, e.Config.Schema, tails)
	scores := newScores(e.Config, summary)
	if err := read(func(r *record.Row) { scores.observe(r, 1) }); err != nil {
		return fail(err)
	}
	scores.addTo(&summary, e.Config.Outliers.Rate)
	return t, summary, in.note(told), nil
}

// note says what the dataset lacked, after what its labels told.
func (in *instances) note(told string) string {
	var notes, absent []string
	if told != "" {
		notes = append(notes, told)
	}
	for i, found := range in.found {
		if !found {
			absent = append(absent, in.schema.Features[i].Name)
		}
	}
	if len(absent) > 0 {
		notes = append(notes, "the dataset has no column for "+strings.Join(absent, ", ")+": these cannot drift")
	}
	if len(in.damaged) > 0 {
		notes = append(notes, fmt.Sprintf("%d damaged files were read only up to the damage, first %s", len(in.damaged), in.damaged[0]))
	}
	return strings.Join(notes, "; ")
}

// fromTraffic takes the profiles of the trailing window, and scores the rows of the records tier: each stands for as
// many as the share with which it was kept says.
func fromTraffic(ctx context.Context, e *Env) (*tally, outlier.Summary, string, error) {
	before, err := loadSummary(ctx, e)
	if err != nil {
		return nil, outlier.Summary{}, "", err
	}
	w := e.Window(wire.Seconds(e.Config.Baseline.TrailingSeconds), time.Time{})
	if w.Empty() {
		return nil, outlier.Summary{}, "", InvalidConfig(errors.New("baseline.trailingSeconds must be at least a minute"))
	}
	t, err := readProfiles(ctx, e, w, blocksOf(w, referenceBlocks), identityOf(e.Config.Schema, before))
	if err != nil {
		return nil, outlier.Summary{}, "", err
	}
	read := func(visit func(*record.Row, int64)) error {
		_, err := eachRow(ctx, e, store.Records, w, scoredColumns, func(r *record.Row) error {
			visit(r, max(1, int64(math.Round(1/r.KeepProbability))))
			return nil
		})
		return err
	}
	tails := newCertainties(e.Config.Schema.Prediction.Kind, 1)
	if err := read(tails.observe); err != nil {
		return nil, outlier.Summary{}, "", err
	}
	summary := summarize(t, before.Origins(e.Config.Schema.Features), e.Config.Schema, tails)
	scores := newScores(e.Config, summary)
	if err := read(scores.observe); err != nil {
		return nil, outlier.Summary{}, "", err
	}
	scores.addTo(&summary, e.Config.Outliers.Rate)
	return t, summary, "", nil
}

// scoredColumns are what an outlier score, and the segments that it is compared in, come from.
var scoredColumns = []string{"segments", "score", "prediction", "confidence", "entropy", "margin", "keep_probability", "f_*"}
