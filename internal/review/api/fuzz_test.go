// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/wire"
)

// plausible checks what any answer from outside must keep to.
func plausible(t *testing.T, a review.Answer, prefix string) {
	t.Helper()
	if a.Item == "" || a.Key == "" || len(a.Key) > 128 || !strings.HasPrefix(a.Person, prefix) || a.Person == prefix {
		t.Errorf("an answer without item, key or person: %+v", a)
	}
	if a.Label.Class != "" && !math.IsNaN(a.Label.Value) {
		t.Errorf("an answer with a class and a number: %+v", a)
	}
}

func FuzzLabelStudioWebhook(f *testing.F) {
	f.Add([]byte(`{"action":"ANNOTATION_CREATED","task":{"id":1,"data":{"item_id":"a"}},"annotation":{"id":1,"completed_by":{"email":"x@y"},"result":[{"from_name":"label","value":{"choices":["late"]}}]}}`))
	f.Add([]byte(`{"action":"ANNOTATIONS_CREATED","tasks":[{"data":{"item_id":"a"}},{"data":{"item_id":"b"}}],"annotations":[{"id":"7","completed_by":3,"was_cancelled":true},{"completed_by":4,"result":[{"from_name":"label","value":{"number":1e99}}]}]}`))
	f.Add([]byte(`{"action":"ANNOTATION_UPDATED","task":{"data":{"item_id":"a"}},"annotation":{"completed_by":1,"result":[{"from_name":"comment","value":{"text":"one"}},{"from_name":"label","value":{"text":["x"]}}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var hook studioHook
		if json.Unmarshal(b, &hook) != nil {
			return
		}
		made, err := hook.annotations()
		if err != nil {
			return
		}
		for _, m := range made {
			if a, err := studioAnswer(m.item, m.annotation); err == nil {
				plausible(t, a, studioPeople)
			}
		}
	})
}

func FuzzArgilla(f *testing.F) {
	f.Add([]byte(`{"items":[{"external_id":"a","responses":[{"id":"1","user_id":"u","status":"submitted","values":{"label":{"value":"late"},"comment":{"value":"x"},"critical":{"value":["yes"]}}}]}]}`))
	f.Add([]byte(`{"items":[{"external_id":"a","responses":[{"user_id":7,"status":"submitted","values":{"label":{"value":1.5}}},{"user_id":null,"status":"discarded"}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var doc argillaRecords
		if json.Unmarshal(b, &doc) != nil {
			return
		}
		for _, rec := range doc.Items {
			for i := range rec.Responses {
				if a, err := argillaAnswer(rec.ExternalID, &rec.Responses[i]); err == nil {
					plausible(t, a, argillaPeople)
				}
			}
		}
	})
}

func FuzzImport(f *testing.F) {
	f.Add([]byte("{\"item\":\"a\",\"person\":\"p\",\"class\":\"late\"}\n\n{\"item\":\"a\",\"person\":\"p\",\"value\":3,\"key\":\"k\"}"))
	f.Add([]byte(strings.Repeat("x", 100_000)))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = lines(bytes.NewReader(b), func(_ int64, text []byte) error {
			if a, err := importedAnswer(text); err == nil {
				plausible(t, a, importPeople)
			}
			return nil
		})
	})
}

func FuzzLabels(f *testing.F) {
	f.Add([]byte(`{"record_id":"a","class":"late"}`))
	f.Add([]byte("{\"label_key\":\"k\",\"prediction_ts\":\"2026-01-01T00:00:00Z\",\"value\":1e308}\n{\"event\":\"cost\",\"request_id\":\"r\",\"amount\":-1}"))
	f.Add([]byte(`{"groundTruthData":{"data":"1","encoding":"CSV"},"eventMetadata":{"eventId":"e"},"eventVersion":"1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &label.Decoder{Schema: wire.Schema{LabelKey: wire.LabelKey{Store: wire.LabelKeyPlain}}, Source: label.SourceAPI, Received: time.Unix(1e9, 0), Seed: "s"}
		var rows []label.Row
		result, err := takeLabels(d, b, func(more []label.Row) error { rows = append(rows, more...); return nil })
		if err != nil {
			return
		}
		if len(rows) != result.Recorded || len(result.Problems) > maxProblems {
			t.Errorf("%d rows, result %+v", len(rows), result)
		}
		for i := range rows {
			if err := rows[i].Validate(); err != nil {
				t.Errorf("a row that is not valid: %v", err)
			}
		}
	})
}
