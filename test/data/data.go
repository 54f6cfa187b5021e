// SPDX-License-Identifier: Apache-2.0

// Package data owns the sample of real flights that the demo and the end-to-end tests replay: its files, their
// columns, how they are read, and what of them the model may know. README.md says where the flights come from and how
// the sample is made. The package knows nothing of servers or protocols.
package data

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/test/modelserver/model"
)

//go:embed *.parquet
var files embed.FS

// Window names one file of the sample.
type Window string

// The windows. MayBaseline and May are disjoint random parts of the same month.
const (
	// January is what the model is trained on.
	January Window = "january"
	// MayBaseline is the reference of drift: flights of May that are never replayed.
	MayBaseline Window = "may-baseline"
	// May is the healthy month that is replayed first.
	May Window = "may"
	// June is the month in which Atlanta regresses.
	June Window = "june"
)

// Windows lists all of them, in the order of time.
func Windows() []Window { return []Window{January, MayBaseline, May, June} }

// LateAfterMinutes is the delay above which a flight is late.
const LateAfterMinutes = 15

// Flight is one row of the sample.
type Flight struct {
	// Departure is the local time at the origin, to the minute, without a zone.
	Departure time.Time `parquet:"departure,timestamp(microsecond:local),delta"`
	// Origin and Destination are airport codes.
	Origin      string `parquet:"origin,dict"`
	Destination string `parquet:"destination,dict"`
	// Distance is in miles.
	Distance int32 `parquet:"distance,dict"`
	// Delay is in minutes, at arrival; negative when early. It is the outcome: the model never sees it.
	Delay int32 `parquet:"delay,dict"`
	// OriginDelay2h is the mean delay, in minutes, of the flights from the same origin that had landed in the two
	// hours before Departure; 0 when there was none.
	OriginDelay2h float64 `parquet:"origin_delay_2h,dict"`
}

// ID is the flight's business key, for example "ATL-JFK-20010603T1420". It is unique within the sample.
func (f Flight) ID() string {
	return f.Origin + "-" + f.Destination + "-" + f.Departure.Format("20060102T1504")
}

// Late is the label: whether the flight arrived late.
func (f Flight) Late() bool { return f.Delay > LateAfterMinutes }

// Hour is the hour of departure, 0 to 23.
func (f Flight) Hour() int { return f.Departure.Hour() }

// Weekday is the day of departure, "Mon" to "Sun".
func (f Flight) Weekday() string { return f.Departure.Format("Mon") }

// Features is what the model may know of the flight before it departs.
func (f Flight) Features() model.Features {
	return model.Features{
		Hour: float64(f.Hour()), Weekday: f.Weekday(), Origin: f.Origin, Destination: f.Destination,
		Distance: float64(f.Distance), OriginDelay2h: f.OriginDelay2h,
	}
}

// Load reads the flights of w, in the order of departure.
func Load(w Window) ([]Flight, error) {
	name := string(w) + ".parquet"
	b, err := files.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the flights of %q: %w", w, err)
	}
	flights, err := parquet.Read[Flight](bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("reading the flights of %q: %w", w, err)
	}
	for i := range flights {
		flights[i].Departure = flights[i].Departure.UTC()
	}
	return flights, nil
}

// Write writes flights as one file of the sample. Equal flights give equal bytes.
func Write(w io.Writer, flights []Flight) error {
	p := parquet.NewGenericWriter[Flight](w, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("vedette", "test/data", ""))
	if _, err := p.Write(flights); err != nil {
		return fmt.Errorf("writing flights: %w", err)
	}
	if err := p.Close(); err != nil {
		return fmt.Errorf("writing flights: %w", err)
	}
	return nil
}

// Compare orders flights by departure, then by route.
func Compare(a, b Flight) int {
	return cmp.Or(a.Departure.Compare(b.Departure), cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Destination, b.Destination))
}

// Spread picks n flights evenly spread over all of them, so that a part keeps the month's mix of days and hours. All
// of them when n is 0 or more than there are.
func Spread(flights []Flight, n int) []Flight {
	if n <= 0 || n >= len(flights) {
		return slices.Clone(flights)
	}
	picked := make([]Flight, n)
	for i := range picked {
		picked[i] = flights[i*len(flights)/n]
	}
	return picked
}
