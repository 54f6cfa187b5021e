// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vedette-dev/vedette/internal/label"
)

// WhyReport tells which predictions are behind something.
type WhyReport struct {
	Version   int       `json:"version"`
	Kind      string    `json:"kind"`
	Run       string    `json:"run"`
	Cluster   string    `json:"cluster"`
	Namespace string    `json:"namespace"`
	Monitor   string    `json:"monitor"`
	Config    string    `json:"config"`
	Created   time.Time `json:"created"`
	From      time.Time `json:"from,omitzero"`
	To        time.Time `json:"to,omitzero"`
	Segment   string    `json:"segment,omitempty"`
	Rank      Ranking   `json:"rank"`
	// Rows are of the window, or of the dataset that was asked about, and of the segment; Labelled of them have a label, and Wrong of those were wrong.
	Rows     int64 `json:"rows"`
	Labelled int64 `json:"labelled"`
	Wrong    int64 `json:"wrong"`
	// Damaged files were read up to the damage.
	Damaged  []string     `json:"damaged,omitempty"`
	Records  []WhyRecord  `json:"records"`
	Datasets []WhyDataset `json:"datasets,omitempty"`
}

// WhyRecord is one prediction, with all that is known of it.
type WhyRecord struct {
	RecordID     string    `json:"recordID"`
	RequestID    string    `json:"requestID,omitempty"`
	TraceID      string    `json:"traceID,omitempty"`
	SpanID       string    `json:"spanID,omitempty"`
	LabelKey     string    `json:"labelKey,omitempty"`
	Time         time.Time `json:"time"`
	ModelVersion string    `json:"modelVersion,omitempty"`
	Segments     []string  `json:"segments,omitempty"`
	LatencyMS    Float     `json:"latencyMS"`
	Status       int32     `json:"status,omitempty"`
	Outcome      string    `json:"outcome,omitempty"`
	Prediction   string    `json:"prediction,omitempty"`
	Score        Float     `json:"score"`
	Confidence   Float     `json:"confidence"`
	OutlierScore Float     `json:"outlierScore"`
	Reasons      []string  `json:"reasons,omitempty"`
	// Features is empty when the record is not in the store.
	Features []FeatureValue `json:"features,omitempty"`
	Labels   []WhyLabel     `json:"labels,omitempty"`
	// Datasets are the digests of those that it is in, of the ones that were asked about.
	Datasets []string `json:"datasets,omitempty"`

	weight float64
}

// WhyLabel is something that is known of a prediction afterwards.
type WhyLabel struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind"`
	Class      string    `json:"class,omitempty"`
	Value      Float     `json:"value"`
	Event      string    `json:"event,omitempty"`
	Amount     Float     `json:"amount"`
	Source     string    `json:"source"`
	Queue      string    `json:"queue,omitempty"`
	Annotators []string  `json:"annotators,omitempty"`
	Agreement  Float     `json:"agreement"`
	Received   time.Time `json:"received"`
	Comment    string    `json:"comment,omitempty"`
}

func whyLabel(l label.Row) WhyLabel {
	return WhyLabel{
		ID: l.ID, Kind: string(l.Kind), Class: l.Class, Value: Float(l.Value), Event: l.Event, Amount: Float(l.Amount),
		Source: string(l.Source), Queue: l.Queue, Annotators: l.Annotators, Agreement: Float(l.Agreement), Received: l.Received, Comment: l.Comment,
	}
}

// What is what the label says.
func (l WhyLabel) What() string {
	if l.Event != "" {
		return l.Event
	}
	return cmp.Or(l.Class, l.Value.String())
}

// WhyDataset is a dataset that was asked about.
type WhyDataset struct {
	Digest string `json:"digest"`
	URI    string `json:"uri,omitempty"`
	// Rows are all of it, Records those of the records that are shown.
	Rows    int64            `json:"rows,omitempty"`
	Records int              `json:"records"`
	Classes map[string]int64 `json:"classes,omitempty"`
	Sources map[string]int64 `json:"labelSources,omitempty"`
	From    time.Time        `json:"from,omitzero"`
	To      time.Time        `json:"to,omitzero"`
	Created time.Time        `json:"created,omitzero"`
	// For is the retraining run that it was built for, Reason why.
	For         string `json:"for,omitempty"`
	AskedBy     string `json:"askedBy,omitempty"`
	Reason      string `json:"reason,omitempty"`
	Config      string `json:"configRevision,omitempty"`
	BaseVersion string `json:"baseVersion,omitempty"`
	// RestatedAs is the version that took its place when subjects were erased, of which all else here is; Erased are the rows that it lacks.
	RestatedAs string `json:"restatedAs,omitempty"`
	Erased     int64  `json:"erased,omitempty"`
	// Problem says why it cannot be read.
	Problem string `json:"problem,omitempty"`
}

// WriteJSON writes the whole report.
func (r *WhyReport) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// WriteText writes the report as a table.
func (r *WhyReport) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) } // The writer's error comes with Flush.
	line("%s/%s  %s to %s%s", r.Namespace, r.Monitor, r.From.Format(time.RFC3339), r.To.Format(time.RFC3339), inSegment(r.Segment))
	line("%d predictions, %d labelled, %d wrong", r.Rows, r.Labelled, r.Wrong)
	line("\n#\tTIME\tVERSION\tPREDICTION\tSCORE\tRISK\tLABELS\tTRACE\tWHY")
	for i, c := range r.Records {
		var labels []string
		for _, l := range c.Labels {
			labels = append(labels, l.What())
		}
		line("%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", i+1, c.Time.UTC().Format("2006-01-02 15:04:05"), printable(c.ModelVersion), printable(c.Prediction),
			c.Score, c.OutlierScore, printable(strings.Join(labels, ",")), printable(c.TraceID), printable(strings.Join(c.Reasons, " ")))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
