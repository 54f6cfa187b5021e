// SPDX-License-Identifier: Apache-2.0

// Command replay sends the flights of one month of the sample to a model server and prints what it sent, as JSON. It
// exits with 0 only if every request was answered with 200.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/replay/traffic"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("replay", flag.ContinueOnError)
	flags.SetOutput(stderr)
	url := flags.String("url", "http://127.0.0.1:8080", "the root of the server")
	name := flags.String("model-name", "flights", "the model's name in URLs")
	protocol := flags.String("protocol", string(traffic.OpenInferenceV2), "v2 (Open Inference Protocol) or v1 (KServe)")
	window := flags.String("window", string(data.May), "the flights to send: may or june")
	rows := flags.Int("rows", 0, "how many of them to send, spread over the month; 0: all")
	rate := flags.Float64("rate", 2000, "flights per second at most; 0: no bound")
	batch := flags.Int("batch", 16, "flights per request")
	concurrency := flags.Int("concurrency", 4, "requests under way at most")
	anomalies := flags.Float64("anomalies", 0, "share of flights, 0 to 1, to tamper with")
	prefix := flags.String("id-prefix", "", "start of the request ids; the window when empty")
	baseline := flags.String("write-baseline", "", "send nothing; write the dataset that drift is measured against to this file, as Parquet")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *baseline != "" {
		return writeBaseline(*baseline)
	}
	flights, err := data.Load(data.Window(*window))
	if err != nil {
		return err
	}
	if *prefix == "" {
		*prefix = *window
	}
	result, err := traffic.Replay(ctx, traffic.Config{
		URL: *url, Model: *name, Protocol: traffic.Protocol(*protocol), Flights: data.Spread(flights, *rows),
		Batch: *batch, Rate: *rate, Concurrency: *concurrency, Anomalies: *anomalies, IDPrefix: *prefix,
	})
	if encodeErr := json.NewEncoder(stdout).Encode(result); encodeErr != nil {
		return errors.Join(err, fmt.Errorf("printing the result: %w", encodeErr))
	}
	if err == nil && !result.OK() {
		err = fmt.Errorf("%d of %d requests were not answered with 200", result.Requests-result.Responses[200], result.Requests)
	}
	return err
}

// writeBaseline writes the baseline dataset to path.
func writeBaseline(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing the baseline: %w", err)
	}
	if _, err := data.WriteBaseline(f); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("writing the baseline: %w", err)
	}
	return nil
}
