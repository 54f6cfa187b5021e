// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/url"

	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/modelserver/server"
)

// request is what goes out in one POST.
type request struct {
	id        string
	instances []server.V1Instance
	anomaly   Anomaly
}

// requests groups the flights into requests. An anomaly travels alone, so that its request id names it; it is sent as
// soon as it is met, before the batch that its neighbours fill.
func (c Config) requests() iter.Seq[request] {
	return func(yield func(request) bool) {
		n := 0
		next := func(instances []server.V1Instance, a Anomaly) bool {
			n++
			return yield(request{id: fmt.Sprintf("%s-%07d", c.IDPrefix, n), instances: instances, anomaly: a})
		}
		var batch []server.V1Instance
		for _, f := range c.Flights {
			in := instance(f)
			if a := anomalyOf(in.FlightID, c.Anomalies); a != None {
				if a.apply(&in); !next([]server.V1Instance{in}, a) {
					return
				}
				continue
			}
			if batch = append(batch, in); len(batch) == c.Batch {
				if !next(batch, None) {
					return
				}
				batch = nil
			}
		}
		if len(batch) > 0 {
			next(batch, None)
		}
	}
}

// instance is a flight as the model knows it before its departure.
func instance(f data.Flight) server.V1Instance {
	in := f.Features()
	return server.V1Instance{
		FlightID: f.ID(), Hour: new(int64(in.Hour)), Weekday: in.Weekday, Origin: in.Origin, Destination: in.Destination,
		Distance: new(in.Distance), OriginDelay2h: new(in.OriginDelay2h),
	}
}

// encode renders a request, and says which path it goes to.
func (c Config) encode(r request) (path string, body []byte, err error) {
	if c.Protocol == KServeV1 {
		path = "/v1/models/" + url.PathEscape(c.Model) + ":predict"
		body, err = json.Marshal(server.V1Request{Instances: r.instances})
	} else {
		path = "/v2/models/" + url.PathEscape(c.Model) + "/infer"
		body, err = encodeV2(r)
	}
	if err != nil {
		return "", nil, fmt.Errorf("encoding the request: %w", err)
	}
	return path, body, nil
}

// encodeV2 turns rows into columns. A column that the request's only row has no value for is left out.
func encodeV2(r request) ([]byte, error) {
	request := server.V2Request{ID: r.id}
	var failed error
	add := func(name, datatype string, data any) {
		raw, err := json.Marshal(data)
		if err != nil {
			failed = err
		}
		request.Inputs = append(request.Inputs, server.V2Tensor{Name: name, Shape: []int64{int64(len(r.instances))}, Datatype: datatype, Data: raw})
	}
	texts := func(name string, of func(server.V1Instance) string) { add(name, server.Bytes, column(r.instances, of)) }
	texts(server.InputFlightID, func(in server.V1Instance) string { return in.FlightID })
	add(server.InputHour, server.Int64, column(r.instances, func(in server.V1Instance) *int64 { return in.Hour }))
	texts(server.InputWeekday, func(in server.V1Instance) string { return in.Weekday })
	texts(server.InputOrigin, func(in server.V1Instance) string { return in.Origin })
	texts(server.InputDestination, func(in server.V1Instance) string { return in.Destination })
	add(server.InputDistance, server.FP64, column(r.instances, func(in server.V1Instance) *float64 { return in.Distance }))
	if r.anomaly != MissingFeature {
		add(server.InputOriginDelay2h, server.FP64, column(r.instances, func(in server.V1Instance) *float64 { return in.OriginDelay2h }))
	}
	if failed != nil {
		return nil, failed
	}
	return json.Marshal(request)
}

// column picks one value of each row.
func column[T any](rows []server.V1Instance, of func(server.V1Instance) T) []T {
	values := make([]T, len(rows))
	for i, row := range rows {
		values[i] = of(row)
	}
	return values
}
