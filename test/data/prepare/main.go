// SPDX-License-Identifier: Apache-2.0

// Command prepare derives the sample in test/data from the full list of US flights of January to June 2001. The same
// input gives the same bytes: rows are chosen by a hash of the flight, not at random.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/test/data"
)

// source is the SHA-256 of package/data/flights-3m.parquet in the npm package vega-datasets 3.2.1.
const source = "dbeb920c90f59b6ccaff823dcc3d08f25a97fa1ce128d93f40be4e931f5900b0"

func main() {
	input := flag.String("flights", "flights-3m.parquet", "the full list of flights, from the npm package vega-datasets@3.2.1")
	output := flag.String("output", filepath.Join("test", "data"), "the folder that the sample is written to")
	flag.Parse()
	if err := run(*input, *output); err != nil {
		fmt.Fprintln(os.Stderr, "prepare:", err)
		os.Exit(1)
	}
}

func run(input, output string) error {
	flights, err := readSource(input)
	if err != nil {
		return err
	}
	addOriginDelay(flights)
	parts := sample(flights)

	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "window\tflights\tATL\tBOS\tDEN\tDFW\tJFK\tLAX\tORD\tbytes\t")
	for _, w := range data.Windows() {
		var b bytes.Buffer
		if err := data.Write(&b, parts[w]); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(output, string(w)+".parquet"), b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("writing the sample: %w", err)
		}
		n := map[string]int{}
		for _, f := range parts[w] {
			n[f.Origin]++
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", w, len(parts[w]),
			n["ATL"], n["BOS"], n["DEN"], n["DFW"], n["JFK"], n["LAX"], n["ORD"], b.Len())
	}
	return table.Flush()
}

// sourceFlight is a row of the full list.
type sourceFlight struct {
	// Date is the actual departure in microseconds, local to the origin.
	Date        int64  `parquet:"date"`
	Delay       int64  `parquet:"delay"`
	Distance    int64  `parquet:"distance"`
	Origin      string `parquet:"origin"`
	Destination string `parquet:"destination"`
}

// readSource reads the full list, which must be exactly the published one.
func readSource(path string) ([]data.Flight, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the full list of flights (see test/data/README.md for how to get it): %w", err)
	}
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:]); got != source {
		return nil, fmt.Errorf("%s has SHA-256 %s, want %s: the sample is only reproducible from vega-datasets@3.2.1", path, got, source)
	}
	rows, err := parquet.Read[sourceFlight](bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	flights := make([]data.Flight, len(rows))
	for i, r := range rows {
		flights[i] = data.Flight{
			Departure: time.UnixMicro(r.Date).UTC(), Origin: r.Origin, Destination: r.Destination,
			Distance: int32(r.Distance), Delay: int32(r.Delay),
		}
	}
	return flights, nil
}
