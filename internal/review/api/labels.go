// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/vedette-dev/vedette/internal/label"
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
	sum := sha256.Sum256(text)
	rows, result, err := decodeLabels(&label.Decoder{
		Schema: m.Schema, HashKey: key, Source: label.SourceAPI, Received: a.Clock(), Seed: hex.EncodeToString(sum[:]),
	}, text)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		if err := a.post(r.Context(), m.Name, rows); err != nil {
			return err
		}
	}
	return write(w, http.StatusAccepted, result)
}

// postRows bounds a transaction.
const postRows = 5000

func (a *API) post(ctx context.Context, monitor string, rows []label.Row) error {
	for len(rows) > 0 {
		n := min(len(rows), postRows)
		if err := a.Desk.Post(ctx, monitor, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
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

// decodeLabels makes rows of lines. The lines that are none are refused, and the others taken.
func decodeLabels(d *label.Decoder, text []byte) ([]label.Row, resultDoc, error) {
	var rows []label.Row
	var result resultDoc
	for line, err := range d.JSONLines(bytes.NewReader(text)) {
		if err != nil {
			return nil, result, decoded(err)
		}
		if line.Problem != "" {
			result.refuse(refusalDoc{Line: line.Number, Reason: line.Problem})
			continue
		}
		result.Recorded++
		rows = append(rows, line.Row)
	}
	return rows, result, nil
}
