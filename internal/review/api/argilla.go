// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/desk"
)

// argillaPeople begins the names of people who answered in Argilla.
const argillaPeople = "argilla:"

// argillaRecord is a record as Argilla's API takes and gives it. The dataset has the fields question, why, features and
// text, and the questions label, critical and comment.
type argillaRecord struct {
	ExternalID  string              `json:"external_id"`
	Fields      map[string]string   `json:"fields"`
	Metadata    map[string]any      `json:"metadata,omitempty"`
	Suggestions []argillaSuggestion `json:"suggestions,omitempty"`
	Responses   []argillaResponse   `json:"responses,omitempty"`
}

type argillaSuggestion struct {
	QuestionID string   `json:"question_id"`
	Value      any      `json:"value"`
	Score      *float64 `json:"score,omitempty"`
	Agent      string   `json:"agent,omitempty"`
	Type       string   `json:"type"`
}

type argillaResponse struct {
	ID     json.RawMessage         `json:"id"`
	Values map[string]argillaValue `json:"values"`
	Status string                  `json:"status"`
	UserID json.RawMessage         `json:"user_id"`
	// UpdatedAt tells an answer from a changed one.
	UpdatedAt string `json:"updated_at"`
}

type argillaValue struct {
	Value json.RawMessage `json:"value"`
}

type argillaRecords struct {
	Items []argillaRecord `json:"items"`
}

// argillaRecords writes items as records. Argilla knows questions by ids of its own: the one of the label comes as a
// parameter, and without it there are no suggestions.
func (a *API) argillaRecords(w http.ResponseWriter, r *http.Request) error {
	f, err := filterIn(r)
	if err != nil {
		return err
	}
	views, next, err := a.Desk.List(r.Context(), f)
	if err != nil {
		return err
	}
	doc := argillaRecords{Items: make([]argillaRecord, len(views))}
	for i := range views {
		doc.Items[i] = newArgillaRecord(&views[i], r.URL.Query().Get("question_id"))
	}
	setNext(w, r, next)
	return write(w, http.StatusOK, doc)
}

func newArgillaRecord(v *desk.View, questionID string) argillaRecord {
	var features, long []string
	for _, f := range v.Features {
		line := desk.Name(f.Name) + ": " + f.Text
		if f.Usual != "" {
			line += " (" + f.Usual + ")"
		}
		if f.Long {
			long = append(long, line)
		} else {
			features = append(features, line)
		}
	}
	rec := argillaRecord{
		ExternalID: v.ID,
		Fields: map[string]string{
			"question": v.Question.Text, "why": strings.Join(v.Why, "\n"), "features": strings.Join(features, "\n"), "text": strings.Join(long, "\n\n"),
		},
		Metadata: map[string]any{
			"monitor": v.Monitor, "model_version": v.Prediction.ModelVersion, "segments": list(v.Prediction.Segments),
			"priority": v.Priority, "origin": v.Origin,
		},
	}
	if questionID == "" {
		return rec
	}
	s := argillaSuggestion{QuestionID: questionID, Score: number(v.Prediction.Confidence), Agent: v.Monitor + " " + v.Prediction.ModelVersion, Type: "model"}
	switch score := number(v.Prediction.Score); {
	case v.Prediction.Class != "":
		s.Value = v.Prediction.Class
	case v.Value != nil && score != nil:
		s.Value = *score
	default:
		return rec
	}
	rec.Suggestions = []argillaSuggestion{s}
	return rec
}

// argillaResponses takes records with the responses of people.
func (a *API) argillaResponses(w http.ResponseWriter, r *http.Request) error {
	var doc argillaRecords
	if err := readLenient(r, &doc); err != nil {
		return err
	}
	var result resultDoc
	for _, rec := range doc.Items {
		for i := range rec.Responses {
			answer, err := argillaAnswer(rec.ExternalID, &rec.Responses[i])
			switch {
			case errors.Is(err, errDraft):
				result.Ignored++
			case err != nil:
				result.refuse(refusalDoc{Item: rec.ExternalID, Reason: err.Error()})
			default:
				if err := a.record(r, &result, 0, answer); err != nil {
					return err
				}
			}
		}
	}
	return write(w, http.StatusOK, result)
}

// errDraft means that a response is not given yet.
var errDraft = errors.New("the response is a draft")

func argillaAnswer(item string, response *argillaResponse) (review.Answer, error) {
	user := strings.Trim(string(response.UserID), `"`)
	if item == "" {
		return review.Answer{}, errors.New("the record has no external_id: it is not one that was exported here")
	}
	if user == "" || user == "null" {
		return review.Answer{}, errors.New("the response does not say whose it is: user_id is missing")
	}
	answer := review.Answer{Item: item, Person: argillaPeople + user, Label: review.Label{Value: math.NaN()}}
	answer.Key = keyOf("argilla", item, string(response.ID), response.UpdatedAt)
	switch response.Status {
	case "submitted":
	case "discarded":
		answer.Skipped = true
		return answer, nil
	case "draft", "pending":
		return answer, errDraft
	default:
		return answer, fmt.Errorf("the response has the status %.40q: want submitted, discarded or draft", response.Status)
	}
	for name, v := range response.Values {
		var text string
		var value float64
		isText := json.Unmarshal(v.Value, &text) == nil
		isNumber := !isText && json.Unmarshal(v.Value, &value) == nil
		switch {
		case name == studioLabel && isText:
			answer.Label.Class = text
		case name == studioLabel && isNumber:
			answer.Label.Value = value
		case name == studioLabel:
			return answer, errors.New("the response to label is neither a text nor a number")
		case name == studioCritical:
			var choices []string
			answer.Label.Critical = text == "yes" || text == studioCriticalChoice || json.Unmarshal(v.Value, &choices) == nil && len(choices) > 0
		case name == studioComment && isText:
			answer.Label.Comment = text
		}
	}
	return answer, nil
}
