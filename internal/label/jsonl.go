// SPDX-License-Identifier: Apache-2.0

package label

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
)

// JSONLines yields what became of each line of JSON, ours or SageMaker's ground truth. Empty lines are passed over.
func (d *Decoder) JSONLines(r io.Reader) iter.Seq2[*Line, error] {
	return func(yield func(*Line, error) bool) {
		lines := bufio.NewReaderSize(r, maxLine)
		out := new(Line)
		for number := int64(1); ; number++ {
			text, long, err := readLine(lines)
			if err != nil && !errors.Is(err, io.EOF) {
				yield(nil, err)
				return
			}
			if number == 1 {
				text = bytes.TrimPrefix(text, []byte("\uFEFF"))
			}
			switch text = bytes.TrimSpace(text); {
			case long:
				*out = Line{Number: number, Problem: fmt.Sprintf("the line has more than %d bytes: send one JSON object a line", maxLine)}
			case len(text) > 0:
				d.json(out, number, text)
			}
			if (long || len(text) > 0) && !yield(out, nil) || errors.Is(err, io.EOF) {
				return
			}
		}
	}
}

// readLine reads a line, of which it drops what is beyond the reader's buffer.
func readLine(r *bufio.Reader) (line []byte, long bool, err error) {
	line, err = r.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		long = true
		_, err = r.ReadSlice('\n')
	}
	return line, long, err
}

func (d *Decoder) json(out *Line, number int64, text []byte) {
	in, err := jsonInput(text)
	if err != nil {
		*out = Line{Number: number, Problem: err.Error()}
		return
	}
	d.finish(out, number, in)
}

func jsonInput(text []byte) (*input, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, fmt.Errorf("the line is no JSON object: send one object a line: %w", err)
	}
	if _, ok := members["groundTruthData"]; ok {
		return sageMaker(members)
	}
	in := new(input)
	for name, raw := range members {
		to, ok := names[name]
		if !ok {
			continue
		}
		if b := strings.TrimSpace(string(raw)); name == "label" && (b == "true" || b == "false") {
			in.truth = new(b == "true")
			continue
		}
		s, err := scalar(name, raw)
		if err != nil {
			return nil, err
		}
		*to(in) = s
	}
	return in, nil
}

// scalar is the text of a string, a number or a truth value; "" for null.
func scalar(name string, raw json.RawMessage) (string, error) {
	switch raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case '{', '[':
		return "", fmt.Errorf("%s is a list or an object: send a text, a number or a truth value", name)
	case 'n':
		return "", nil
	}
	return string(raw), nil
}

// sageMaker reads a line of SageMaker's ground truth. Its event id is the id of the inference, or of the request.
func sageMaker(members map[string]json.RawMessage) (*input, error) {
	var truth struct {
		Data     json.RawMessage
		Encoding string
	}
	var event struct{ EventID, InferenceID string }
	if err := json.Unmarshal(members["groundTruthData"], &truth); err != nil {
		return nil, errors.New("groundTruthData is not as SageMaker writes it: send {\"data\": \"1\", \"encoding\": \"CSV\"}")
	}
	if err := json.Unmarshal(orNull(members["eventMetadata"]), &event); err != nil {
		return nil, errors.New("eventMetadata is not as SageMaker writes it: send {\"eventId\": \"…\"}")
	}
	in := &input{requestID: event.InferenceID}
	if in.requestID == "" {
		in.requestID = event.EventID
	}
	if in.requestID == "" {
		return nil, errors.New("eventMetadata has neither inferenceId nor eventId: send the id of the inference")
	}
	data, err := scalar("groundTruthData.data", orNull(truth.Data))
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(truth.Encoding, "BASE64") {
		b, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			return nil, errors.New("groundTruthData.data is not BASE64, as its encoding says")
		}
		data = string(b)
	}
	if strings.EqualFold(truth.Encoding, "JSON") {
		in.label, err = jsonLabel(data)
	} else {
		in.label, err = oneCell(data)
	}
	return in, err
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// jsonLabel is the label in a text of JSON. A text that is no JSON is the label itself, as where data is a string.
func jsonLabel(data string) (string, error) {
	raw := json.RawMessage(strings.TrimSpace(data))
	if len(raw) == 0 {
		return "", errors.New("groundTruthData.data is empty: send the label")
	}
	if !json.Valid(raw) {
		return data, nil
	}
	return scalar("groundTruthData.data", raw)
}

// oneCell is the only cell of a text of comma-separated values: which of several is the label would be a guess.
func oneCell(data string) (string, error) {
	rows, err := csv.NewReader(strings.NewReader(data)).ReadAll()
	if err != nil || len(rows) != 1 || len(rows[0]) != 1 || rows[0][0] == "" {
		return "", fmt.Errorf("groundTruthData.data is %s: send one label, and one line a prediction", strconv.Quote(data[:min(len(data), 40)]))
	}
	return strings.TrimSpace(rows[0][0]), nil
}
