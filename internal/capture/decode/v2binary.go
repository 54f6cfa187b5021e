// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
)

// readBinary renders count little-endian elements of the binary tensor extension as JSON scalars. What JSON cannot
// hold, NaN and the infinities, becomes a string: present, and no number.
func readBinary(data []byte, datatype string, count int) ([][]byte, error) {
	if datatype == "BYTES" {
		return readBytes(data, count)
	}
	width, render := renderer(datatype)
	if render == nil {
		return nil, undecodable("datatype %.20q is unknown", datatype)
	}
	if count > len(data)/width || count*width != len(data) {
		return nil, undecodable("a tensor of %d elements of %s has %d bytes", count, datatype, len(data))
	}
	values := make([][]byte, count)
	for i := range values {
		values[i] = render(data[i*width:])
	}
	return values, nil
}

// readBytes reads elements that are each preceded by their length in 4 bytes.
func readBytes(data []byte, count int) ([][]byte, error) {
	var values [][]byte
	for len(data) > 0 && len(values) < count {
		if len(data) < 4 {
			return nil, undecodable("an element of a BYTES tensor is cut")
		}
		n := int64(binary.LittleEndian.Uint32(data))
		if data = data[4:]; n > int64(len(data)) {
			return nil, undecodable("an element of a BYTES tensor is longer than the tensor")
		}
		quoted, _ := json.Marshal(string(data[:n])) // invalid UTF-8 is replaced
		values = append(values, quoted)
		data = data[n:]
	}
	if len(data) > 0 {
		return nil, undecodable("a BYTES tensor has more elements than its shape")
	}
	return values, nil
}

// renderer gives the width of a datatype in bytes, and how one element becomes JSON.
func renderer(datatype string) (width int, render func([]byte) []byte) {
	le := binary.LittleEndian
	switch datatype {
	case "BOOL":
		return 1, func(b []byte) []byte { return strconv.AppendBool(nil, b[0] != 0) }
	case "UINT8":
		return 1, func(b []byte) []byte { return strconv.AppendUint(nil, uint64(b[0]), 10) }
	case "INT8":
		return 1, func(b []byte) []byte { return strconv.AppendInt(nil, int64(int8(b[0])), 10) }
	case "UINT16":
		return 2, func(b []byte) []byte { return strconv.AppendUint(nil, uint64(le.Uint16(b)), 10) }
	case "INT16":
		return 2, func(b []byte) []byte { return strconv.AppendInt(nil, int64(int16(le.Uint16(b))), 10) }
	case "UINT32":
		return 4, func(b []byte) []byte { return strconv.AppendUint(nil, uint64(le.Uint32(b)), 10) }
	case "INT32":
		return 4, func(b []byte) []byte { return strconv.AppendInt(nil, int64(int32(le.Uint32(b))), 10) }
	case "UINT64":
		return 8, func(b []byte) []byte { return strconv.AppendUint(nil, le.Uint64(b), 10) }
	case "INT64":
		return 8, func(b []byte) []byte { return strconv.AppendInt(nil, int64(le.Uint64(b)), 10) }
	case "FP16":
		return 2, func(b []byte) []byte { return float(half(le.Uint16(b)), 32) }
	case "BF16":
		return 2, func(b []byte) []byte { return float(float64(math.Float32frombits(uint32(le.Uint16(b))<<16)), 32) }
	case "FP32":
		return 4, func(b []byte) []byte { return float(float64(math.Float32frombits(le.Uint32(b))), 32) }
	case "FP64":
		return 8, func(b []byte) []byte { return float(math.Float64frombits(le.Uint64(b)), 64) }
	}
	return 0, nil
}

func float(v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return strconv.AppendQuote(nil, strconv.FormatFloat(v, 'g', -1, 64))
	}
	return strconv.AppendFloat(nil, v, 'g', -1, bits)
}

// half is the value of an IEEE 754 binary16.
func half(b uint16) float64 {
	sign := 1.0
	if b&0x8000 != 0 {
		sign = -1
	}
	exponent, fraction := int(b>>10&0x1f), float64(b&0x3ff)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 0x1f:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(fraction+1024, exponent-25)
}
