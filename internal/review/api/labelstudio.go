// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/desk"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Names in Label Studio's labelling configuration, in tasks and in results.
const (
	studioLabel    = "label"
	studioCritical = "critical"
	studioComment  = "comment"
	// studioShown is what the controls belong to.
	studioShown = "why"

	studioCriticalChoice = "critical error"
	// studioPeople begins the names of people who answered in Label Studio.
	studioPeople = "label-studio:"
)

// studioTask is a task as Label Studio imports and exports it.
type studioTask struct {
	Data        studioData         `json:"data"`
	Meta        *studioMeta        `json:"meta,omitempty"`
	Predictions []studioPrediction `json:"predictions,omitempty"`
	Annotations []studioAnnotation `json:"annotations,omitempty"`
}

type studioData struct {
	ItemID       string            `json:"item_id"`
	Question     string            `json:"question"`
	Why          string            `json:"why"`
	Monitor      string            `json:"monitor"`
	ModelVersion string            `json:"model_version"`
	Segments     string            `json:"segments"`
	Features     map[string]string `json:"features"`
	Text         string            `json:"text"`
}

type studioMeta struct {
	Priority             float64  `json:"priority"`
	InclusionProbability *float64 `json:"inclusion_probability"`
	TraceURL             string   `json:"trace_url,omitempty"`
}

type studioPrediction struct {
	ModelVersion string         `json:"model_version"`
	Score        *float64       `json:"score,omitempty"`
	Result       []studioResult `json:"result"`
}

type studioResult struct {
	FromName string          `json:"from_name"`
	ToName   string          `json:"to_name"`
	Type     string          `json:"type"`
	Value    json.RawMessage `json:"value"`
	Score    *float64        `json:"score,omitempty"`
}

type studioAnnotation struct {
	ID           json.RawMessage `json:"id"`
	Result       []studioResult  `json:"result"`
	CompletedBy  json.RawMessage `json:"completed_by"`
	WasCancelled bool            `json:"was_cancelled"`
	UpdatedAt    string          `json:"updated_at"`
}

// studioConfig is the labelling configuration for the question of the queue.
func (a *API) studioConfig(w http.ResponseWriter, r *http.Request) error {
	q, err := a.Desk.Question(r.URL.Query().Get("monitor"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/xml")
	_, err = w.Write([]byte(studioView(q)))
	return err
}

func studioView(q desk.Question) string {
	var b strings.Builder
	text := func(s string) string {
		var out bytes.Buffer
		_ = xml.EscapeText(&out, []byte(s)) // A buffer takes everything.
		return out.String()
	}
	b.WriteString("<View>\n  <Header value=\"$question\"/>\n  <Text name=\"" + studioShown + "\" value=\"$why\"/>\n")
	b.WriteString("  <Table name=\"features\" value=\"$features\"/>\n  <Text name=\"text\" value=\"$text\"/>\n")
	switch {
	case q.Number:
		fmt.Fprintf(&b, "  <Number name=%q toName=%q required=\"true\"/>\n", studioLabel, studioShown)
	case len(q.Classes) == 0:
		fmt.Fprintf(&b, "  <TextArea name=%q toName=%q required=\"true\" maxSubmissions=\"1\"/>\n", studioLabel, studioShown)
	default:
		fmt.Fprintf(&b, "  <Choices name=%q toName=%q choice=\"single\" required=\"true\">\n", studioLabel, studioShown)
		for i, class := range q.Classes {
			key := ""
			if i < 9 {
				key = fmt.Sprintf(" hotkey=\"%d\"", i+1)
			}
			fmt.Fprintf(&b, "    <Choice value=\"%s\"%s/>\n", text(class), key)
		}
		b.WriteString("  </Choices>\n")
	}
	if q.Critical != wire.Hidden {
		fmt.Fprintf(&b, "  <Choices name=%q toName=%q choice=\"multiple\"><Choice value=%q/></Choices>\n", studioCritical, studioShown, studioCriticalChoice)
	}
	if q.Comment != wire.Hidden {
		fmt.Fprintf(&b, "  <TextArea name=%q toName=%q maxSubmissions=\"1\"/>\n", studioComment, studioShown)
	}
	b.WriteString("</View>\n")
	return b.String()
}

// studioTasks writes items as tasks, with predictions and scores.
func (a *API) studioTasks(w http.ResponseWriter, r *http.Request) error {
	f, err := filterIn(r)
	if err != nil {
		return err
	}
	views, next, err := a.Desk.List(r.Context(), f)
	if err != nil {
		return err
	}
	tasks := make([]studioTask, len(views))
	for i := range views {
		tasks[i] = newStudioTask(&views[i])
	}
	setNext(w, r, next)
	return write(w, http.StatusOK, tasks)
}

// setNext links to the next page of a list that has no room for a link.
func setNext(w http.ResponseWriter, r *http.Request, next string) {
	if next != "" {
		q := r.URL.Query()
		q.Set("after", next)
		w.Header().Set("Link", fmt.Sprintf("<%s?%s>; rel=\"next\"", r.URL.Path, q.Encode()))
	}
}

func newStudioTask(v *desk.View) studioTask {
	t := studioTask{
		Data: studioData{
			ItemID: v.ID, Question: v.Question.Text, Why: strings.Join(v.Why, "\n"), Monitor: v.Monitor,
			ModelVersion: v.Prediction.ModelVersion, Segments: strings.Join(v.Prediction.Segments, ", "), Features: map[string]string{},
		},
		Meta: &studioMeta{v.Priority, number(v.InclusionProbability), v.TraceURL},
	}
	for _, f := range v.Features {
		if f.Long {
			t.Data.Text = strings.TrimSpace(t.Data.Text + "\n\n" + desk.Name(f.Name) + ": " + f.Text)
			continue
		}
		t.Data.Features[f.Name] = f.Text
		if f.Usual != "" {
			t.Data.Features[f.Name] += " (" + f.Usual + ")"
		}
	}
	result := studioResult{FromName: studioLabel, ToName: studioShown, Type: "choices"}
	switch score := number(v.Prediction.Score); {
	case v.Prediction.Class != "":
		result.Value = mustJSON(map[string][]string{"choices": {v.Prediction.Class}})
	case v.Value != nil && score != nil:
		result.Type, result.Value = "number", mustJSON(map[string]float64{"number": *score})
	default:
		return t
	}
	result.Score = number(v.Prediction.Confidence)
	version := v.Prediction.ModelVersion
	if version == "" {
		version = wire.UnknownVersion
	}
	t.Predictions = []studioPrediction{{ModelVersion: version, Score: result.Score, Result: []studioResult{result}}}
	return t
}

// mustJSON encodes maps of text and finite numbers, which always can be.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// studioAnnotations takes what Label Studio exported in its own format (JSON).
func (a *API) studioAnnotations(w http.ResponseWriter, r *http.Request) error {
	var tasks []studioTask
	if err := readLenient(r, &tasks); err != nil {
		return err
	}
	var result resultDoc
	for i := range tasks {
		for k := range tasks[i].Annotations {
			if err := a.studioRecord(r, &result, tasks[i].Data.ItemID, &tasks[i].Annotations[k]); err != nil {
				return err
			}
		}
	}
	return write(w, http.StatusOK, result)
}

func (a *API) studioRecord(r *http.Request, result *resultDoc, item string, annotation *studioAnnotation) error {
	answer, err := studioAnswer(item, annotation)
	if err != nil {
		result.refuse(refusalDoc{Item: item, Reason: err.Error()})
		return nil //nolint:nilerr // What is refused is told of, and does not end the import.
	}
	return a.record(r, result, 0, answer)
}

// studioHook is what Label Studio's webhook sends.
type studioHook struct {
	Action      string             `json:"action"`
	Task        *studioTask        `json:"task"`
	Tasks       []studioTask       `json:"tasks"`
	Annotation  *studioAnnotation  `json:"annotation"`
	Annotations []studioAnnotation `json:"annotations"`
}

// studioWebhook takes annotations as they are made. Other actions are acknowledged and ignored, also updates, as an answer that
// was given is taken back in the queue alone: the hook is sent them all unless it is told otherwise, and would repeat what it
// thinks has failed.
func (a *API) studioWebhook(w http.ResponseWriter, r *http.Request) error {
	var hook studioHook
	if err := readLenient(r, &hook); err != nil {
		return err
	}
	var result resultDoc
	switch hook.Action {
	case "ANNOTATION_CREATED", "ANNOTATIONS_CREATED":
	case "":
		return fmt.Errorf("%w: the hook names no action", errRequest)
	default:
		result.Ignored++
		return write(w, http.StatusOK, result)
	}
	made, err := hook.annotations()
	if err != nil {
		return err
	}
	for _, m := range made {
		if err := a.studioRecord(r, &result, m.item, m.annotation); err != nil {
			return err
		}
	}
	return write(w, http.StatusOK, result)
}

// hooked is an annotation, and the item that it is of.
type hooked struct {
	item       string
	annotation *studioAnnotation
}

func (h *studioHook) annotations() ([]hooked, error) {
	all := h.Annotations
	if h.Annotation != nil {
		all = append(all, *h.Annotation)
	}
	tasks := h.Tasks
	if h.Task != nil {
		tasks = append(tasks, *h.Task)
	}
	if len(all) == 0 || len(tasks) != 1 && len(tasks) != len(all) {
		return nil, fmt.Errorf("%w: the hook brings %d annotations and %d tasks: let it send its payload with tasks", errRequest, len(all), len(tasks))
	}
	made := make([]hooked, len(all))
	for i := range all {
		made[i] = hooked{tasks[min(i, len(tasks)-1)].Data.ItemID, &all[i]}
	}
	return made, nil
}

// studioAnswer reads an annotation.
func studioAnswer(item string, annotation *studioAnnotation) (review.Answer, error) {
	person, err := studioPerson(annotation.CompletedBy)
	if err != nil {
		return review.Answer{}, err
	}
	if item == "" {
		return review.Answer{}, errors.New("the task has no data.item_id: it is not one that was exported here")
	}
	answer := review.Answer{
		Item: item, Person: studioPeople + person, Skipped: annotation.WasCancelled, Label: review.Label{Value: math.NaN()},
		Key: keyOf("label-studio", item, string(annotation.ID), annotation.UpdatedAt),
	}
	if answer.Skipped {
		return answer, nil
	}
	for _, result := range annotation.Result {
		var v struct {
			Choices []string        `json:"choices"`
			Text    json.RawMessage `json:"text"`
			Number  *float64        `json:"number"`
		}
		if err := json.Unmarshal(result.Value, &v); err != nil {
			return answer, fmt.Errorf("the result of %.40q cannot be read: %w", result.FromName, err)
		}
		switch result.FromName {
		case studioLabel:
			if answer.Label, err = studioSaid(answer.Label, v.Choices, v.Text, v.Number); err != nil {
				return answer, err
			}
		case studioCritical:
			answer.Label.Critical = len(v.Choices) > 0
		case studioComment:
			answer.Label.Comment = strings.Join(texts(v.Text), "\n")
		}
	}
	return answer, nil
}

func studioSaid(l review.Label, choices []string, text json.RawMessage, value *float64) (review.Label, error) {
	if len(choices) == 0 {
		choices = texts(text)
	}
	switch {
	case value != nil:
		l.Value = *value
	case len(choices) == 1:
		l.Class = choices[0]
	default:
		return l, fmt.Errorf("the annotation chooses %d labels: want one", len(choices))
	}
	return l, nil
}

// texts reads a text or a list of them.
func texts(raw json.RawMessage) []string {
	var many []string
	if json.Unmarshal(raw, &many) == nil {
		return many
	}
	var one string
	if json.Unmarshal(raw, &one) == nil && one != "" {
		return []string{one}
	}
	return nil
}

// studioPerson is who completed an annotation: their number, which webhooks and exports have alike. An address is told by some
// of them only, and would make two people of one.
func studioPerson(raw json.RawMessage) (string, error) {
	var person struct {
		ID int64 `json:"id"`
	}
	if (json.Unmarshal(raw, &person.ID) != nil && json.Unmarshal(raw, &person) != nil) || person.ID <= 0 {
		return "", errors.New("the annotation does not say who completed it: completed_by has no id")
	}
	return strconv.FormatInt(person.ID, 10), nil
}
