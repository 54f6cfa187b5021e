// SPDX-License-Identifier: Apache-2.0

// Command train fits the model of the demo on January's flights, writes it where the model server embeds it, and
// reports how well it ranks flights of the other months and how far its scores drift from May to June. The same
// flights give the same model: nothing is random, and weights are rounded to four decimals.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/modelserver/model"
	"github.com/vedette-dev/vedette/test/train/logistic"
)

// ridge is the precision of the weights' prior. It makes the one-hot terms identifiable and keeps airports with few
// flights near the average; around 100 it ranks the flights of May best.
const ridge = 100

func main() {
	output := flag.String("output", filepath.Join("test", "modelserver", "model", "model.json"), "where the model is written")
	flag.Parse()
	if err := run(*output); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

func run(output string) error {
	flights := map[data.Window][]data.Flight{}
	for _, w := range data.Windows() {
		var err error
		if flights[w], err = data.Load(w); err != nil {
			return err
		}
	}
	m, err := train(flights[data.January])
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the model: %w", err)
	}
	if err := os.WriteFile(output, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the model: %w", err)
	}
	return report(os.Stdout, m, flights)
}

// train fits the model.
func train(flights []data.Flight) (*model.Model, error) {
	m := &model.Model{Version: "2001-01", Weights: map[string]float64{}}
	for _, f := range flights {
		m.Means.LogDistance += model.LogDistance(float64(f.Distance))
		m.Means.OriginDelay2h += model.CompressDelay(f.OriginDelay2h)
	}
	m.Means.LogDistance = round(m.Means.LogDistance / float64(len(flights)))
	m.Means.OriginDelay2h = round(m.Means.OriginDelay2h / float64(len(flights)))

	var rows logistic.Design
	var buf []model.Term
	for _, f := range flights {
		buf = m.Terms(buf[:0], f.Features())
		rows.Add(buf, f.Late())
	}
	weights, err := rows.Fit(prior)
	if err != nil {
		return nil, err
	}
	for name, w := range weights {
		m.Weights[name] = round(w)
	}
	return m, nil
}

func prior(term string) logistic.Prior {
	if term == "intercept" {
		return logistic.Prior{}
	}
	return logistic.Prior{Precision: ridge}
}

// round keeps four decimals: more mean nothing, and processors disagree about the last ones.
func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }
