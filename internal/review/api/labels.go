// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/review/auth"
)

// labels takes ground truth and events from elsewhere: an object or a list of them as JSON, or one a line.
func (a *API) labels(w http.ResponseWriter, r *http.Request) error {
	m, err := a.Desk.Monitor(r.URL.Query().Get("monitor"))
	if err != nil {
		return err
	}
	text, err := labelLines(r)
	if err != nil {
		return err
	}
	key, err := a.HashKey()
	if err != nil {
		return fmt.Errorf("%w: the key of hashed label keys cannot be read: %w", errNotReady, err)
	}
	result, err := takeLabels(&label.Decoder{
		Schema: m.Schema, HashKey: key, Source: label.SourceAPI, Received: a.Clock(), Seed: labelSeed(r, m.Name, text),
	}, text, func(rows []label.Row) error { return a.Desk.Post(r.Context(), m.Name, rows) })
	if err != nil {
		return err
	}
	return write(w, http.StatusAccepted, result)
}

// labelSeed tells a request from others. Only a key can say that one is the repetition of another: without it, labels that were
// sent before are sent again because what was said in between was wrong.
func labelSeed(r *http.Request, monitor string, text []byte) string {
	key := r.Header.Get(keyHeader)
	if key == "" {
		return rand.Text()
	}
	return keyOf("labels", auth.From(r.Context()).Name, monitor, key, string(text))
}

// labelLines is a body as lines of JSON.
func labelLines(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, decoded(err)
	}
	switch mediaType(r) {
	case mediaJSONLines:
		return body, nil
	case mediaJSON:
	default:
		return nil, fmt.Errorf("%w: want %s or %s", errMedia, mediaJSON, mediaJSONLines)
	}
	var many []json.RawMessage
	if first := bytes.TrimSpace(body); len(first) > 0 && first[0] == '[' {
		if err := json.Unmarshal(body, &many); err != nil {
			return nil, decoded(err)
		}
	} else {
		var one json.RawMessage
		if err := json.Unmarshal(body, &one); err != nil {
			return nil, decoded(err)
		}
		many = []json.RawMessage{one}
	}
	var out bytes.Buffer
	for _, m := range many {
		if err := json.Compact(&out, m); err != nil {
			return nil, decoded(err)
		}
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

// postRows bounds a transaction, and how many rows are in memory.
const postRows = 5000

// takeLabels makes rows of lines, and posts them. The lines that are none are refused, and the others taken.
func takeLabels(d *label.Decoder, text []byte, post func([]label.Row) error) (resultDoc, error) {
	var rows []label.Row
	var result resultDoc
	for line, err := range d.JSONLines(bytes.NewReader(text)) {
		if err != nil {
			return result, decoded(err)
		}
		if line.Problem != "" {
			result.refuse(refusalDoc{Line: line.Number, Reason: line.Problem})
			continue
		}
		result.Recorded++
		if rows = append(rows, line.Row); len(rows) == postRows {
			if err := post(rows); err != nil {
				return result, err
			}
			rows = rows[:0]
		}
	}
	if len(rows) == 0 {
		return result, nil
	}
	return result, post(rows)
}
