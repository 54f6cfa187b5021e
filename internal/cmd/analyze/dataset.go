// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vedette-dev/vedette/internal/analyze"
	"github.com/vedette-dev/vedette/internal/dataset"
	"github.com/vedette-dev/vedette/internal/wire"
)

var datasetKind = kind{analyze.KindDataset, "build a version of the labelled predictions to train on; dataset diff A B compares two", func(flags *flag.FlagSet) analysis {
	d := &buildDataset{}
	d.window.define(flags)
	d.output.define(flags)
	defineSince(flags, &d.since)
	flags.StringVar(&d.request.AskedBy, "asked-by", "", "`name` of who asks, for the manifest")
	flags.StringVar(&d.request.Reason, "reason", "", "`text` that says why, for the manifest")
	flags.StringVar(&d.request.For, "for", "", "`name` of the retraining run that it is for")
	return d
}}

type buildDataset struct {
	window  windowFlags
	output  outputFlag
	since   time.Time
	request analyze.DatasetRequest
	// diff are two digests to compare instead.
	diff []string
}

func (d *buildDataset) validate(args []string) error {
	if len(args) > 0 && args[0] == "diff" {
		if d.diff = args[1:]; len(d.diff) != 2 {
			return errors.New("dataset diff takes the digests of two versions: flags, then diff A B")
		}
		args = nil
	}
	return first(noArguments(args), d.output.validate(), d.window.validate())
}

func (d *buildDataset) run(ctx context.Context, env *analyze.Env, stdout io.Writer) (wire.Verdict, error) {
	if d.diff != nil {
		return d.compare(ctx, env, stdout)
	}
	window, err := d.window.of(env, env.Config.Dataset.WindowSeconds)
	if err != nil {
		return wire.Verdict{}, err
	}
	env.LabelsSince = d.since
	d.request.Window, d.request.Explicit = window, d.window.given()
	m, verdict, err := analyze.Dataset(ctx, env, d.request)
	if err != nil {
		return wire.Verdict{}, err
	}
	return verdict, d.output.print(stdout, manifest{*m})
}

func (d *buildDataset) compare(ctx context.Context, env *analyze.Env, stdout io.Writer) (wire.Verdict, error) {
	difference, verdict, err := analyze.DatasetDiff(ctx, env, d.diff[0], d.diff[1])
	if err != nil {
		return wire.Verdict{}, err
	}
	return verdict, d.output.print(stdout, diff{difference})
}

// manifest is a version as a person reads it.
type manifest struct{ dataset.Manifest }

func (m manifest) WriteJSON(w io.Writer) error {
	b, err := m.Encode()
	if err == nil {
		_, err = w.Write(b)
	}
	return err
}

func (m manifest) WriteText(w io.Writer) error {
	c := m.Content
	fmt.Fprintf(w, "%s\n%d rows, which stand for %.0f predictions, in %d parts; %d features\n", m.Provenance.URI, c.Rows, c.Weight, len(c.Parts), len(c.Features))
	for _, s := range c.Selection.Evaluation {
		fmt.Fprintf(w, "left out, as models are judged by it: %s to %s\n", s.From.UTC().Format("2006-01-02T15:04Z"), s.To.UTC().Format("2006-01-02T15:04Z"))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, g := range []struct {
		name   string
		counts map[string]int64
	}{{"class", c.Classes}, {"segment", c.Segments}, {"version", c.Versions}, {"labels from", c.Sources}, {"left out by", c.Excluded}} {
		for _, k := range slices.Sorted(maps.Keys(g.counts)) {
			fmt.Fprintf(t, "%s\t%s\t%d\n", g.name, k, g.counts[k])
		}
	}
	return t.Flush()
}

// diff is what lies between two versions as a person reads it.
type diff struct{ dataset.Difference }

func (d diff) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(d.Difference)
}

func (d diff) WriteText(w io.Writer) error {
	for _, r := range d.Restated {
		fmt.Fprintf(w, "%s was restated as %s: %d rows of it were erased\n", r.Asked, r.As, r.Erased)
	}
	fmt.Fprintf(w, "%d rows added, %d removed, %d relabelled, %d as before\n", d.Added, d.Removed, d.Relabelled, d.Same)
	for _, r := range d.RelabelledIDs {
		fmt.Fprintf(w, "  %s: %s, was %s\n", r.RecordID, r.To, r.From)
	}
	if len(d.FeaturesAdded)+len(d.FeaturesRemoved) > 0 {
		fmt.Fprintf(w, "features added: %s; removed: %s\n", strings.Join(d.FeaturesAdded, ", "), strings.Join(d.FeaturesRemoved, ", "))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(d.Classes) > 0 {
		fmt.Fprintln(t, "CLASS\tWAS\tIS")
	}
	for _, class := range slices.Sorted(maps.Keys(d.Classes)) {
		fmt.Fprintf(t, "%s\t%d\t%d\n", class, d.Classes[class][0], d.Classes[class][1])
	}
	return t.Flush()
}
