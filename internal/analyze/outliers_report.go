// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/profile"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/stats"
	"github.com/vedette-dev/vedette/internal/wire"
)

// OutliersReport lists the riskiest predictions of a window.
type OutliersReport struct {
	Version   int       `json:"version"`
	Kind      string    `json:"kind"`
	Run       string    `json:"run"`
	Cluster   string    `json:"cluster"`
	Namespace string    `json:"namespace"`
	Monitor   string    `json:"monitor"`
	Config    string    `json:"config"`
	Created   time.Time `json:"created"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	// Rows were looked at; Outliers of them were above the cut, or an outlier whatever their score.
	Rows     int64 `json:"rows"`
	Outliers int64 `json:"outliers"`
	// Damaged files were left out.
	Damaged []string     `json:"damaged,omitempty"`
	Top     []Prediction `json:"top"`
}

// Prediction is one risky prediction.
type Prediction struct {
	RecordID     string    `json:"recordID"`
	RequestID    string    `json:"requestID,omitempty"`
	LabelKey     string    `json:"labelKey,omitempty"`
	Time         time.Time `json:"time"`
	ModelVersion string    `json:"modelVersion,omitempty"`
	Segments     []string  `json:"segments,omitempty"`
	Prediction   string    `json:"prediction,omitempty"`
	Score        Float     `json:"score"`
	OutlierScore Float     `json:"outlierScore"`
	Reasons      []string  `json:"reasons,omitempty"`
	// Features is empty when the record is not in the store.
	Features []FeatureValue `json:"features,omitempty"`
}

// FeatureValue is a feature of a prediction beside what is usual.
type FeatureValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Usual says what the baseline has: the median and the spread of a number, the share of a category.
	Usual string `json:"usual,omitempty"`
	// Z is how many robust standard deviations a number lies from the median.
	Z Float `json:"z"`
}

// usual describes values by the baseline.
type usual map[string]outlier.FeatureSummary

func newUsual(s *outlier.Summary) usual {
	u := usual{}
	if s != nil {
		for _, f := range s.Features {
			u[f.Name] = f
		}
	}
	return u
}

func (u usual) describe(f wire.Feature, v record.Value) FeatureValue {
	out := FeatureValue{Name: f.Name, Value: valueText(v), Z: nan}
	s, ok := u[f.Name]
	if !ok || s.Rows == 0 || s.Type != f.Type {
		return out
	}
	var category string
	switch v.Kind {
	case record.Number:
		out.Z = Float(stats.RobustZ(v.Num, s.Median, s.MAD))
		out.Usual = fmt.Sprintf("%.4g ± %.3g", s.Median, s.MAD)
		return out
	case record.Bool:
		category = strconv.FormatBool(v.Num != 0)
	case record.String:
		category = profile.Category(v.Str)
	default:
		out.Usual = fmt.Sprintf("missing in %.3g %%", 100*float64(s.Missing)/float64(s.Rows+s.Missing+s.Invalid))
		return out
	}
	if s.Categories == nil {
		return out // A text: its length is what is usual or not.
	}
	if n := s.Categories[category]; n > 0 {
		out.Usual = fmt.Sprintf("%.3g %% of the baseline", 100*float64(n)/float64(s.Rows))
	} else {
		out.Usual = "never in the baseline"
	}
	return out
}

// maxShown bounds a value in a report: a text may be long.
const maxShown = 64

func valueText(v record.Value) string {
	switch v.Kind {
	case record.Number:
		return strconv.FormatFloat(v.Num, 'g', 6, 64)
	case record.Bool:
		return strconv.FormatBool(v.Num != 0)
	case record.String:
		if len(v.Str) > maxShown {
			return strings.ToValidUTF8(v.Str[:maxShown], "") + "…"
		}
		return v.Str
	case record.Invalid:
		return "(invalid)"
	}
	return "(missing)"
}

// WriteJSON writes the whole report.
func (r *OutliersReport) WriteJSON(w io.Writer) error { return writeJSON(w, r) }

// WriteText writes the report as a table.
func (r *OutliersReport) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) } // The writer's error comes with Flush.
	line("%s/%s  %s to %s", r.Namespace, r.Monitor, r.From.Format(time.RFC3339), r.To.Format(time.RFC3339))
	line("%d predictions, %d outliers", r.Rows, r.Outliers)
	line("\n#\tTIME\tKEY\tPREDICTION\tSCORE\tRISK\tSEGMENTS\tWHY\tVALUES (USUALLY)")
	for i := range r.Top {
		p := &r.Top[i]
		line("%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", i+1, p.Time.UTC().Format("2006-01-02 15:04:05"), printable(cmp.Or(p.LabelKey, p.RequestID, p.RecordID)),
			printable(p.Prediction), p.Score, p.OutlierScore, printable(strings.Join(p.Segments, ",")), printable(strings.Join(p.Reasons, " ")), p.why())
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// why shows the features that the reasons name.
func (p *Prediction) why() string {
	var parts []string
	for _, f := range p.Features {
		for _, reason := range p.Reasons {
			if _, feature := outlier.ClassOf(reason); feature == f.Name {
				parts = append(parts, fmt.Sprintf("%s=%s (%s)", f.Name, printable(f.Value), f.Usual))
				break
			}
		}
	}
	return strings.Join(parts, ", ")
}

// printable keeps what came from outside from breaking the table or the terminal.
func printable(s string) string {
	if s == "" {
		return "-"
	}
	clean := strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if len(clean) > maxShown {
		clean = strings.ToValidUTF8(clean[:maxShown], "") + "…"
	}
	return clean
}
