// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"

	"github.com/vedette-dev/vedette/test/modelserver/server"
)

// Anomaly is what is wrong with a flight that was tampered with on purpose.
type Anomaly string

// The anomalies.
const (
	// None is a flight as it was.
	None Anomaly = ""
	// OutOfRange is a distance of AnomalousDistance miles.
	OutOfRange Anomaly = "out-of-range"
	// UnseenCategory is a flight from AnomalousOrigin.
	UnseenCategory Anomaly = "unseen-category"
	// MissingFeature is a flight without origin_delay_2h.
	MissingFeature Anomaly = "missing-feature"
)

// What anomalous flights hold.
const (
	// AnomalousDistance, in miles, goes more than three times around the Earth.
	AnomalousDistance = 99_999.0
	// AnomalousOrigin is the code of no airport.
	AnomalousOrigin = "ZZZ"
)

// Planted is one anomaly that was sent.
type Planted struct {
	// RequestID is the id of the request; the flight is its only instance.
	RequestID string `json:"requestID"`
	// FlightID is the flight's business key.
	FlightID string `json:"flightID"`
	// Anomaly is what is wrong.
	Anomaly Anomaly `json:"anomaly"`
}

// comparePlanted orders by request id.
func comparePlanted(a, b Planted) int { return cmp.Compare(a.RequestID, b.RequestID) }

// anomalyOf decides by a hash of the flight's id, so that the same flights are tampered with in every replay.
func anomalyOf(flightID string, share float64) Anomaly {
	sum := sha256.Sum256([]byte("anomaly " + flightID))
	if float64(binary.BigEndian.Uint64(sum[:8])>>11)/(1<<53) >= share {
		return None
	}
	return []Anomaly{OutOfRange, UnseenCategory, MissingFeature}[sum[8]%3]
}

// apply tampers with a flight.
func (a Anomaly) apply(in *server.V1Instance) {
	switch a {
	case OutOfRange:
		in.Distance = new(AnomalousDistance)
	case UnseenCategory:
		in.Origin = AnomalousOrigin
	case MissingFeature:
		in.OriginDelay2h = nil
	}
}
