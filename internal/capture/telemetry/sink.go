// SPDX-License-Identifier: Apache-2.0

package telemetry

// Stored counts the rows of a file that was uploaded.
func (m *Metrics) Stored(tier string, rows int64) {
	if c, ok := m.Current().rowsStored[tier]; ok {
		c.Add(float64(rows))
	}
}

// Lost counts the rows of a file that was dropped from the spool, or could not be written.
func (m *Metrics) Lost(tier string, rows int64) {
	b := m.Current()
	if c, ok := b.rowsDropped[tier]; ok {
		c.Add(float64(rows))
	}
	if tier == TierPredictions {
		b.Dropped(DropSpool, int(rows))
	}
}

// Sink says whether the last upload succeeded.
func (m *Metrics) Sink(up bool) {
	v := 0.0
	if up {
		v = 1
	}
	m.Current().sinkUp().Set(v)
}
