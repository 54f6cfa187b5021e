// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/json"
	"strconv"
)

// maxRank bounds the shapes that are looked at.
const maxRank = 16

// tensor is one input or output of the Open Inference Protocol, as its rows in JSON.
type tensor struct {
	name string
	// quoted is the name in JSON.
	quoted []byte
	rows   [][]byte
	// columns is the number of elements of a row.
	columns int
}

// splitV2 cuts a body of the Open Inference Protocol v2: JSON, followed by binary tensors if jsonLength is not empty.
func splitV2(s side, body []byte, jsonLength string) (texts, error) {
	head, binary := body, []byte(nil)
	if jsonLength != "" {
		n, err := strconv.Atoi(jsonLength)
		if err != nil || n < 0 || n > len(body) {
			return texts{}, undecodable("Inference-Header-Content-Length is no length within the body")
		}
		head, binary = body[:n], body[n:]
	}
	if !json.Valid(head) {
		return texts{}, undecodable("it is no valid JSON")
	}
	name := "inputs"
	if s == response {
		name = "outputs"
	}
	list, ok := member(head, name)
	if !ok || kind(list) != '[' {
		return texts{}, undecodable("it has no array %q", name)
	}
	var tensors []tensor
	left, names := maxElements, 0
	for raw := range elements(list) {
		t, rest, err := readTensor(raw, binary, left)
		if err != nil {
			return texts{}, err
		}
		binary = rest
		left -= len(t.rows) * t.columns
		if names += len(t.quoted) * len(t.rows); names > maxNames {
			return texts{}, tooLarge("the names of its tensors are too long for %d instances", len(t.rows))
		}
		if len(tensors) > 0 && len(t.rows) != len(tensors[0].rows) {
			return texts{}, undecodable("its tensors have different first dimensions")
		}
		tensors = append(tensors, t)
	}
	if len(tensors) == 0 {
		return texts{}, undecodable("%q is empty", name)
	}
	t := join(tensors)
	t.body = head
	return t, nil
}

// readTensor reads one tensor of at most limit elements, and returns what it left of the binary part.
func readTensor(raw, binary []byte, limit int) (t tensor, rest []byte, err error) {
	var shape, data, size, datatype []byte
	for n, v := range members(raw) {
		switch string(plain(n)) {
		case "name":
			t.name, _ = text(v)
		case "shape":
			shape = v
		case "datatype":
			datatype = v
		case "data":
			data = v
		case "parameters":
			size, _ = member(v, "binary_data_size")
		}
	}
	count, rows, err := readShape(shape)
	if err != nil {
		return tensor{}, nil, err
	}
	if count > limit {
		return tensor{}, nil, tooLarge("its tensors have more than %d elements", maxElements)
	}
	var values [][]byte
	if data != nil {
		values = flatten(make([][]byte, 0, count), data, maxRank)
	} else {
		n, ok := integer(size)
		if !ok || n < 0 || n > int64(len(binary)) {
			return tensor{}, nil, undecodable("a tensor has neither data nor that many bytes of binary data")
		}
		kind, _ := text(datatype)
		if values, err = readBinary(binary[:n], kind, count); err != nil {
			return tensor{}, nil, err
		}
		binary = binary[n:]
	}
	if len(values) != count {
		return tensor{}, nil, undecodable("a tensor has %d elements and a shape of %d", len(values), count)
	}
	t.quoted, _ = json.Marshal(t.name) // a string always encodes
	t.columns = count / rows
	for i := range rows {
		t.rows = append(t.rows, row(values[i*t.columns:(i+1)*t.columns]))
	}
	return t, binary, nil
}

// readShape multiplies the dimensions; the first is the number of rows. A tensor has at least one element.
func readShape(raw []byte) (count, rows int, err error) {
	count = 1
	rank := 0
	for e := range elements(raw) {
		n, ok := integer(e)
		if rank++; !ok || n < 1 || n > maxElements || int64(count)*n > maxElements || rank > maxRank {
			return 0, 0, undecodable("the shape of a tensor is no list of positive numbers of a product of at most %d", maxElements)
		}
		if rank == 1 {
			rows = int(n)
		}
		count *= int(n)
	}
	if rank == 0 {
		return 0, 0, undecodable("a tensor has no shape")
	}
	if rows > maxInstances {
		return 0, 0, tooLarge("it has more than %d instances", maxInstances)
	}
	return count, rows, nil
}

// flatten lists the scalars of nested arrays in row-major order.
func flatten(values [][]byte, raw []byte, depth int) [][]byte {
	for e := range elements(raw) {
		if len(values) > maxElements {
			break // more than any shape
		}
		if kind(e) == '[' && depth > 0 {
			values = flatten(values, e, depth-1)
		} else {
			values = append(values, e)
		}
	}
	return values
}

// row is one row as JSON: its element if it has one, else an array.
func row(values [][]byte) []byte {
	if len(values) == 1 {
		return values[0]
	}
	b := []byte{'['}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, v...)
	}
	return append(b, ']')
}

// join makes one JSON object of each row of all tensors.
func join(tensors []tensor) texts {
	t := texts{first: tensors[0].name}
	for r := range tensors[0].rows {
		b := []byte{'{'}
		for i, x := range tensors {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(append(b, x.quoted...), ':'), x.rows[r]...)
		}
		t.raw = append(t.raw, append(b, '}'))
	}
	if len(tensors) == 1 && tensors[0].columns > 1 {
		t.rows = tensors[0].rows
	}
	return t
}
