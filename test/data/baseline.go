// SPDX-License-Identifier: Apache-2.0

package data

import (
	"fmt"
	"io"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/vedette-dev/vedette/test/modelserver/model"
)

// Reference is one row of the dataset that drift is measured against: a flight as the model server sees it, and what
// the model answers.
type Reference struct {
	FlightID      string    `parquet:"flight_id"`
	Departure     time.Time `parquet:"departure,timestamp(microsecond:local),delta"`
	Hour          int64     `parquet:"hour,dict"`
	Weekday       string    `parquet:"weekday,dict"`
	Origin        string    `parquet:"origin,dict"`
	Destination   string    `parquet:"destination,dict"`
	Distance      float64   `parquet:"distance,dict"`
	OriginDelay2h float64   `parquet:"origin_delay_2h,dict"`
	Score         float64   `parquet:"score"`
	Prediction    string    `parquet:"prediction,dict"`
	// Truth is the label that arrived later: whether the flight was late.
	Truth bool `parquet:"truth"`
}

// WriteBaseline writes the flights of MayBaseline with the model's answers as Parquet, and returns how many there are.
func WriteBaseline(w io.Writer) (int, error) {
	flights, err := Load(MayBaseline)
	if err != nil {
		return 0, err
	}
	m, err := model.Load()
	if err != nil {
		return 0, err
	}
	rows := make([]Reference, len(flights))
	for i, f := range flights {
		score := m.Score(f.Features())
		rows[i] = Reference{
			FlightID: f.ID(), Departure: f.Departure, Hour: int64(f.Hour()), Weekday: f.Weekday(),
			Origin: f.Origin, Destination: f.Destination, Distance: float64(f.Distance), OriginDelay2h: f.OriginDelay2h,
			Score: score, Prediction: model.Label(score), Truth: f.Late(),
		}
	}
	p := parquet.NewGenericWriter[Reference](w, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("vedette", "test/data", ""))
	if _, err := p.Write(rows); err != nil {
		return 0, fmt.Errorf("writing the baseline: %w", err)
	}
	if err := p.Close(); err != nil {
		return 0, fmt.Errorf("writing the baseline: %w", err)
	}
	return len(rows), nil
}
