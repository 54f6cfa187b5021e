// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What is sent and answered: one instance of the KServe V1 protocol.
var (
	requestBody = `{"instances":[{"amount":125.5,"age":41,"country":"FR","merchant":"books-and-more","hour":14,"weekday":"Tue","channel":"web",` +
		`"velocity_1h":2,"velocity_24h":9,"distance_km":12.75,"note":"` + strings.Repeat("x", 260) + `"}]}`
	responseBody = `{"predictions":[{"score":0.0731,"label":"ok","explanation":"` + strings.Repeat("y", 940) + `"}]}`
)

const inferencePath = "/v1/models/fraud:predict"

// measure drives one target for a while, at a rate unless that is 0. It speaks HTTP itself: a full client would cost more than what is measured.
func measure(ctx context.Context, t *target, connections int, length time.Duration, rate float64) (round, error) {
	before, err := t.cpu()
	if err != nil {
		return round{}, err
	}
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: model\r\nContent-Type: application/json\r\nAccept: */*\r\nUser-Agent: bench\r\nContent-Length: %d\r\n\r\n%s",
		inferencePath, len(requestBody), requestBody)
	start := time.Now()
	end, sent := start.Add(length), new(atomic.Int64)
	due := time.Now
	if rate > 0 {
		due = func() time.Time {
			return start.Add(time.Duration(float64(sent.Add(1)-1) / rate * float64(time.Second)))
		}
	}
	latencies, errs := make([][]time.Duration, connections), make([]error, connections)
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() { latencies[i], errs[i] = loop(ctx, t.address, request, due, end) })
	}
	all.Wait()
	elapsed := time.Since(start)
	after, err := t.cpu()
	if err := errors.Join(append(errs, err)...); err != nil {
		return round{}, err
	}
	sorted := slices.Concat(latencies...)
	slices.Sort(sorted)
	n := len(sorted)
	return round{
		perSecond: float64(n) / elapsed.Seconds(),
		p50:       sorted[n/2],
		p99:       sorted[n*99/100],
		cpu:       (after - before) / time.Duration(n),
	}, nil
}

// loop sends requests over one connection until end, each when it is due.
func loop(ctx context.Context, address string, request []byte, due func() time.Time, end time.Time) ([]time.Duration, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 4<<10)
	var latencies []time.Duration
	for {
		at := due()
		if at.After(end) || ctx.Err() != nil {
			return latencies, ctx.Err()
		}
		select {
		case <-time.After(time.Until(at)):
		case <-ctx.Done():
			return latencies, ctx.Err()
		}
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		if err := readAnswer(r); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(at))
	}
}

// readAnswer reads one answer and checks that it is the backend's.
func readAnswer(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(status), "HTTP/1.1 200 ") {
		return fmt.Errorf("answered %.100q", status)
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if name, value, _ := strings.Cut(string(line), ":"); strings.EqualFold(name, "Content-Length") {
			if _, err := fmt.Sscan(value, &length); err != nil {
				return err
			}
		}
	}
	if length != len(responseBody) {
		return fmt.Errorf("answered %d bytes, want %d", length, len(responseBody))
	}
	_, err = r.Discard(length)
	return err
}

var (
	// sample is a line of the metrics that say what became of the calls.
	sample = regexp.MustCompile(`^vedette_((?:|other_)requests|instances|rows|capture_dropped)_total{(.*)} (.*)`)
	label  = regexp.MustCompile(`(?:code|tier|reason)="(.*?)"`)
)

// counted is what a sidecar counted, on one line.
func counted(address string) (string, error) {
	res, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	var parts []string
	for line := range strings.Lines(string(text)) {
		m := sample.FindStringSubmatch(line)
		if m == nil || m[3] == "0" {
			continue
		}
		parts = append(parts, strings.TrimSpace(m[1]+" "+m[3])+label.ReplaceAllString(label.FindString(m[2]), " ($1)"))
	}
	return strings.Join(parts, ", "), nil
}
