// SPDX-License-Identifier: Apache-2.0

package desk

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vedette-dev/vedette/internal/feature"
	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestWhy(t *testing.T) {
	for name, c := range map[string]struct {
		item review.Item
		want []string
	}{
		"every reason has its words": {
			review.Item{Reasons: []string{"entropy", "margin", "confidence", "score", "z:card_age", "sd:amount", "unseen:country", "rare:plan", "length:memo", "missing:age"}},
			[]string{
				"The model spreads its answer over several classes.", "Two classes are almost equally likely.",
				"The model is unsure even of its first choice.", "The predicted value itself is far from what is usual.",
				"Card age is far from what is usual.", "Amount is far from what is usual.", "Country has a value that the baseline never saw.",
				"Plan has a rare value.", "Memo is unusually long or short.", "Age is missing, which it rarely is.",
			},
		},
		"breaches of the schema": {
			review.Item{Reasons: []string{"schema:age:missing", "schema:age:type", "schema:age:range", "schema:plan:values"}},
			[]string{"Age is required, and missing.", "Age is not of the declared type.", "Age is outside of its declared range.", "Plan is none of its declared values."},
		},
		"rules":                       {review.Item{Reasons: []string{"rule:p.score > 0.4"}, Rules: []string{"big"}}, []string{"The monitor's rule holds: p.score > 0.4", "The queue's rule “big” holds."}},
		"a reason of a later release": {review.Item{Reasons: []string{"novelty:age", "shadow"}}, []string{"novelty:age", "shadow"}},
		"values are told where they are shown": {
			review.Item{Reasons: []string{"z:amount", "unseen:country", "rare:plan", "z:memo"}},
			[]string{"Amount is 105.6, far from what is usual (0.5 to 95.4).", "Country is BR, which the baseline never saw.", "Plan is gold, which is rare.", "Memo is far from what is usual."},
		},
		"drawn at random":                {review.Item{Origin: review.Random}, []string{"It was drawn at random, so that figures are not about strange cases alone."}},
		"nothing is known":               {review.Item{Origin: review.Outlier}, []string{"It was kept as an outlier."}},
		"it stands for others":           {review.Item{Reasons: []string{"margin"}, Duplicates: 3}, []string{"Two classes are almost equally likely.", "It stands for 3 near-duplicates."}},
		"a feature without a name is no": {review.Item{Reasons: []string{"z:"}}, []string{"A feature is far from what is usual."}},
	} {
		t.Run(name, func(t *testing.T) {
			var shown []Feature
			if strings.HasPrefix(name, "values") {
				shown = []Feature{
					{Name: "amount", Text: "105.6", Unusual: true, Range: &Range{Value: 105.6, Low: 0.5, Median: 42, High: 95.37}}, {Name: "country", Text: "BR"},
					{Name: "plan", Text: "gold"}, {Name: "memo", Text: "a text", Long: true},
				}
			}
			if got := why(&c.item, shown); !slices.Equal(got, c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestNumbersAsPeopleReadThem(t *testing.T) {
	for want, x := range map[string]float64{
		"0": 0, "1.5": 1.5, "0.3333": 1.0 / 3, "12": 12, "1 234": 1234, "−1 234 568": -1234567.8, "1e-05": 1e-5, "1e+12": 1e12,
		"unknown": math.NaN(), "+∞": math.Inf(1), "-0.25": -0.25,
	} {
		if got := strings.ReplaceAll(Number(x), "\u202f", " "); got != want {
			t.Errorf("Number(%v) = %q, want %q", x, got, want)
		}
	}
	for want, x := range map[string]float64{"0 %": 0, "< 0.1 %": 0.0001, "2.5 %": 0.025, "50 %": 0.5, "99.9 %": 0.999, "100 %": 1, "unknown": math.NaN()} {
		if got := Percent(x); got != want {
			t.Errorf("Percent(%v) = %q, want %q", x, got, want)
		}
	}
	for want, d := range map[string]time.Duration{"under a minute": time.Second, "1 minute": time.Minute, "47 hours": 47 * time.Hour, "3 days": 80 * time.Hour} {
		if got := Ago(d); got != want {
			t.Errorf("Ago(%v) = %q, want %q", d, got, want)
		}
	}
}

var usual = outlier.FeatureSummary{Rows: 1000, Missing: 1, Median: 10, MAD: 2, Min: 0, Max: 100}

func TestExplain(t *testing.T) {
	categories := outlier.FeatureSummary{Rows: 1000, Categories: map[string]int64{"AT": 900, "LI": 5, "true": 999, "false": 1}, Other: 50}
	closed := outlier.FeatureSummary{Rows: 1000, Categories: map[string]int64{"AT": 1000}}
	for name, c := range map[string]struct {
		value   feature.Value
		typ     wire.FeatureType
		sum     *outlier.FeatureSummary
		text    string
		usual   string
		unusual bool
	}{
		"a usual number":               {feature.Value{Kind: feature.Number, Num: 12}, wire.Numeric, &usual, "12", "usually 4.07 to 15.9, median 10", false},
		"a number far off":             {feature.Value{Kind: feature.Number, Num: 40}, wire.Numeric, &usual, "40", "usually 4.07 to 15.9, median 10", true},
		"no baseline":                  {feature.Value{Kind: feature.Number, Num: 40}, wire.Numeric, nil, "40", "", false},
		"missing, which is rare":       {feature.Value{}, wire.Numeric, &usual, "missing", "missing in < 0.1 % of the baseline", true},
		"invalid":                      {feature.Value{Kind: feature.Invalid}, wire.Numeric, &usual, "not of the declared type", "", true},
		"a frequent category":          {feature.Value{Kind: feature.String, Str: "AT"}, wire.Categorical, &categories, "AT", "90 % of the baseline", false},
		"a rare category":              {feature.Value{Kind: feature.String, Str: "LI"}, wire.Categorical, &categories, "LI", "0.5 % of the baseline", true},
		"a category that is not named": {feature.Value{Kind: feature.String, Str: "XX"}, wire.Categorical, &categories, "XX", "not among the frequent values of the baseline", true},
		"a category never seen":        {feature.Value{Kind: feature.String, Str: "XX"}, wire.Categorical, &closed, "XX", "never seen in the baseline", true},
		"yes":                          {feature.Value{Kind: feature.Bool, Num: 1}, wire.Boolean, &categories, "yes", "99.9 % of the baseline", false},
		"a rare no":                    {feature.Value{Kind: feature.Bool}, wire.Boolean, &categories, "no", "0.1 % of the baseline", true},
		"a text as long as usual":      {feature.Value{Kind: feature.String, Str: "0123456789"}, wire.Text, &usual, "0123456789", "usually 4.07 to 15.9 characters, median 10", false},
	} {
		t.Run(name, func(t *testing.T) {
			got := explain(review.Feature{Name: "x", Value: c.value}, &wire.Feature{Name: "x", Type: c.typ}, c.sum)
			if got.Text != c.text || got.Usual != c.usual || got.Unusual != c.unusual {
				t.Errorf("%q, %q, unusual %v", got.Text, got.Usual, got.Unusual)
			}
		})
	}
}

func TestWhatIsRedactedIsNowhere(t *testing.T) {
	d := New(nil, time.Now)
	d.Configure(wire.Review{
		Redact:   []string{"name"},
		Monitors: []wire.ReviewMonitor{{Name: "m", Schema: wire.Schema{Features: []wire.Feature{{Name: "name", Type: wire.Categorical}, {Name: "name_length", Type: wire.Numeric}}}}},
	}, map[string]*outlier.Summary{"m": {Features: []outlier.FeatureSummary{{Name: "name", Rows: 10, Categories: map[string]int64{"hidden": 1}}}}})
	it := review.Item{
		Monitor: "m", Reasons: []string{"rare:name", "rule:f.name == 'hidden'", "z:name_length", "schema:name:values"},
		Prediction: review.Prediction{
			Violations: []string{"name:values", "name_length:range"},
			Features: []review.Feature{
				{Name: "name", Value: feature.Value{Kind: feature.String, Str: "hidden"}},
				{Name: "name_length", Value: feature.Value{Kind: feature.Number, Num: 6}},
			},
		},
	}
	v := d.view(it)
	if !slices.Equal(v.Reasons, []string{"z:name_length"}) || len(v.Why) != 1 || len(v.Breaches) != 1 || len(v.Features) != 1 || len(v.Prediction.Features) != 1 {
		t.Errorf("reasons %q, why %q, breaches %q, features %v and %v", v.Reasons, v.Why, v.Breaches, v.Features, v.Prediction.Features)
	}
	if len(it.Reasons) != 4 || len(it.Prediction.Features) != 2 {
		t.Error("the item itself was changed")
	}
}

func TestALabelKeyThatIsRedactedIsNowhere(t *testing.T) {
	features := []wire.Feature{{Name: "card"}, {Name: "email", Path: "request.user.email"}, {Name: "amount"}}
	for name, c := range map[string]struct {
		key, monitor string
		redact       []string
		shown        bool
	}{
		"nothing is redacted":           {"request.card", "m", nil, true},
		"another feature is redacted":   {"request.card", "m", []string{"amount", "email"}, true},
		"the feature, at its own place": {"request.card", "m", []string{"card"}, false},
		"the feature, at another place": {"request.user.email", "m", []string{"amount", "email"}, false},
		"the monitor has no keys now":   {"", "m", []string{"amount"}, false},
		"the monitor is gone":           {"request.id", "gone", []string{"amount"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := New(nil, time.Now)
			d.Configure(wire.Review{
				Redact:   c.redact,
				Monitors: []wire.ReviewMonitor{{Name: "m", Schema: wire.Schema{Features: features, LabelKey: wire.LabelKey{Path: c.key}}}},
			}, nil)
			v := d.view(review.Item{Monitor: c.monitor, Prediction: review.Prediction{LabelKey: "4711"}})
			if shown := v.Prediction.LabelKey != ""; shown != c.shown {
				t.Errorf("shown: %v, want %v", shown, c.shown)
			}
		})
	}
}

func TestScores(t *testing.T) {
	p := review.Prediction{Class: "late", Score: 0.8}
	if got := scores(&p, []string{"ontime", "late"}); len(got) != 2 || got[0] != (Score{"late", 0.8, true}) {
		t.Errorf("of a binary score: %v", got)
	}
	p.Scores = []float64{0.1, 0.7, 0.2}
	if got := scores(&p, []string{"a", "late"}); len(got) != 3 || got[0].Class != "late" || got[1] != (Score{"class 3", 0.2, false}) {
		t.Errorf("of three: %v", got)
	}
	p = review.Prediction{Score: math.NaN()}
	if got := scores(&p, []string{"a", "b"}); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}
