// SPDX-License-Identifier: Apache-2.0

// Command bench compares, side by side in one run, a model server that is called directly, behind a plain
// httputil.ReverseProxy, and behind the sidecar without a configuration, with one, and mirroring to a shadow that answers, to
// one that is dead and to one that hangs.
//
//	go run ./test/bench
//	go run ./test/bench -rate 200
//
// All go to the same backend process; each proxy is a process of its own. The load is a closed loop: a number of
// connections that each send the next request when the answer to the last has arrived. Latencies are then those of
// saturation; compare them with each other, not with those of a lightly loaded service. With a rate, requests have times at which they
// are due, and their latencies count from these, whatever kept them from being sent. Targets take turns in rounds, so
// that what else the machine does falls on all of them, and the median of the rounds counts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if role := os.Getenv(roleVariable); role != "" {
		err = play(ctx, role)
	} else {
		err = run(ctx, os.Args[1:], os.Stdout)
	}
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// round is what one target did in one round.
type round struct {
	perSecond float64
	p50, p99  time.Duration
	// cpu is the proxy's processor time for each request.
	cpu time.Duration
}

func run(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	rounds := f.Int("rounds", 7, "rounds; the median counts")
	length := f.Duration("length", 2*time.Second, "length of a round")
	connections := f.Int("connections", 16, "connections")
	rate := f.Float64("rate", 0, "requests per second; as many as are answered when 0")
	if err := f.Parse(args); err != nil {
		return err
	}
	targets, end, err := startTargets(ctx)
	if err != nil {
		return err
	}
	defer end()
	results := make([][]round, len(targets))
	for i := range *rounds + 1 {
		for j, t := range targets {
			r, err := measure(ctx, t, *connections, *length, *rate)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			if i > 0 { // The first round warms up.
				results[j] = append(results[j], r)
			}
		}
	}
	load := "closed loop"
	if *rate > 0 {
		load = fmt.Sprintf("%g requests/s", *rate)
	}
	fmt.Fprintf(out, "%s, %d connections, %d rounds of %v, medians; %d CPUs, %s\nrequest %d bytes, answer %d bytes of JSON, one prediction\n\n",
		load, *connections, *rounds, *length, runtime.NumCPU(), runtime.Version(), len(requestBody), len(responseBody))
	return report(out, targets, results)
}

// Indexes of the targets that the others are compared with: in throughput, and, round by round, in latency.
const (
	plainTarget     = 1
	capturingTarget = 3
)

func report(out io.Writer, targets []*target, results [][]round) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\trequests/s\tvs plain\tp50\tp99\tits ratio to capturing\tproxy CPU/request\tpeak RSS\t")
	plain := median(results[plainTarget], func(r round) float64 { return r.perSecond })
	for i, t := range targets {
		perSecond := median(results[i], func(r round) float64 { return r.perSecond })
		p50 := time.Duration(median(results[i], func(r round) float64 { return float64(r.p50) }))
		p99 := time.Duration(median(results[i], func(r round) float64 { return float64(r.p99) }))
		cpu, rss := "", ""
		if t.process != nil {
			cpu = time.Duration(median(results[i], func(r round) float64 { return float64(r.cpu) })).Round(100 * time.Nanosecond).String()
			kib, err := t.process.peakRSS()
			if err != nil {
				return err
			}
			rss = fmt.Sprintf("%d MiB", kib>>10)
		}
		fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%v\t%v\t%s\t%s\t%s\t\n", t.name, perSecond, perSecond/plain,
			p50.Round(time.Microsecond), p99.Round(time.Microsecond), tail(results[i], results[capturingTarget]), cpu, rss)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, t := range targets {
		if t.metrics == "" {
			continue
		}
		line, err := counted(t.metrics)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\n%s: %s", t.name, line)
	}
	fmt.Fprintln(out)
	return nil
}

// tail compares the p99 of a target with that of another in the same rounds: the median of the ratios, and their range.
func tail(rounds, with []round) string {
	ratios := make([]float64, len(rounds))
	for i := range rounds {
		ratios[i] = float64(rounds[i].p99) / float64(with[i].p99)
	}
	slices.Sort(ratios)
	n := len(ratios)
	return fmt.Sprintf("%.2f (%.2f–%.2f)", (ratios[(n-1)/2]+ratios[n/2])/2, ratios[0], ratios[n-1])
}

func median(rounds []round, of func(round) float64) float64 {
	values := make([]float64, len(rounds))
	for i, r := range rounds {
		values[i] = of(r)
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}
