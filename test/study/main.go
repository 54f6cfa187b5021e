// SPDX-License-Identifier: Apache-2.0

// Command study finds out, on real flights, what labels are worth: how much a model gains from those of the predictions that
// an annotation queue puts first, and how much from as many chosen at random. It prints the figures, and with -output
// writes the picture and the page that the docs show.
//
// The model in production was trained in January. It is June, and Atlanta has regressed. Of one part of June's flights people
// are asked for the outcome, in rounds; after each round the model is fitted again, with its January weights as the prior, and
// measured on another part of June that nobody is asked about.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
)

func main() {
	output := flag.String("output", "", "write label-efficiency.md and the picture below this `folder`, usually docs")
	repeats := flag.Int("repeats", 20, "how many times June is divided anew")
	flag.Parse()
	if err := run(context.Background(), *output, *repeats); err != nil {
		fmt.Fprintln(os.Stderr, "study:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, output string, repeats int) error {
	s, err := newStudy(ctx, sizes{pool: 20_000, test: 50_000, round: 100, budgets: []int{0, 100, 200, 400, 800, 1600}})
	if err != nil {
		return err
	}
	curves, err := s.curves(repeats)
	if err != nil {
		return err
	}
	if err := s.writeTable(os.Stdout, curves); err != nil {
		return err
	}
	if output == "" {
		return nil
	}
	return s.writePage(output, curves, repeats)
}
