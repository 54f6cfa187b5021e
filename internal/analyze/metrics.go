// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/vedette-dev/vedette/internal/label"
	"github.com/vedette-dev/vedette/internal/stats"
	"github.com/vedette-dev/vedette/internal/wire"
)

// Metric is one figure with its 95 % confidence interval.
type Metric struct {
	Name  wire.Signal `json:"name"`
	Value Float       `json:"value"`
	Low   Float       `json:"low"`
	High  Float       `json:"high"`
	// Samples are the rows behind it, and Effective how many rows of equal weight would tell as much.
	Samples   int64 `json:"samples"`
	Effective Float `json:"effective"`
}

// Names of metrics that no threshold bounds.
const (
	metricWeightedPrecision wire.Signal = "WeightedPrecision"
	metricWeightedRecall    wire.Signal = "WeightedRecall"
	metricWeightedF1        wire.Signal = "WeightedF1"
	metricMeanError         wire.Signal = "MeanError"
	metricMAPE              wire.Signal = "MAPE"
)

// GroupResult is how good the answers of one segment and version were; "" is all of them.
type GroupResult struct {
	Segment string `json:"segment"`
	Version string `json:"version"`
	// Predictions were answered, and Labelled of them have a label. Both count rows.
	Predictions int64    `json:"predictions"`
	Labelled    int64    `json:"labelled"`
	Metrics     []Metric `json:"metrics"`
	// Confusion is left out for groups of one version.
	Confusion []ConfusionCell `json:"confusion,omitempty"`
	// Classes are the figures of each class, of several.
	Classes []ClassResult `json:"classes,omitempty"`
}

// ConfusionCell is how often a class was predicted where another was right. Share is of all labelled predictions, with
// their weights.
type ConfusionCell struct {
	Actual    string `json:"actual"`
	Predicted string `json:"predicted"`
	Rows      int64  `json:"rows"`
	Share     Float  `json:"share"`
}

// ClassResult is how good the answers were about one class.
type ClassResult struct {
	Class     string `json:"class"`
	Precision Metric `json:"precision"`
	Recall    Metric `json:"recall"`
	F1        Metric `json:"f1"`
}

// metric finds one by its name; nil when the group does not have it.
func (g *GroupResult) metric(name wire.Signal) *Metric {
	for i := range g.Metrics {
		if g.Metrics[i].Name == name {
			return &g.Metrics[i]
		}
	}
	return nil
}

// StratumResult says which predictions labels stand for.
type StratumResult struct {
	Stratum string `json:"stratum"`
	// Predictions is the estimated number of predictions, and Labelled the number of rows with a label that stand for them.
	// Where that is 0, nothing is said about these predictions.
	Predictions Float `json:"predictions"`
	Labelled    int64 `json:"labelled"`
	// Factor is what the weights of the labelled rows are multiplied by, to stand for all.
	Factor Float `json:"factor"`
}

// factors scale the weights of labelled rows to the predictions of their stratum, in the whole window.
func (t *tallies) factors() (of, ofEvents [strata]float64, strataResults []StratumResult) {
	all := t.groups[group{}]
	if all == nil {
		return of, ofEvents, nil
	}
	for s := range strata {
		total, labelled := all.predictions[s], all.labelled[s]
		if labelled.Sum > 0 {
			of[s] = total.Sum / labelled.Sum
		}
		factor := Float(of[s])
		if labelled.N == 0 {
			factor = nan
		}
		strataResults = append(strataResults, StratumResult{stratumNames[s], Float(total.Sum), labelled.N, factor})
	}
	ofEvents = [strata]float64{1, 0, 0}
	for _, s := range []stratum{stratumOutlier, stratumRandom} {
		if t.reviewed[s].Sum > 0 {
			ofEvents[s] = t.reviewable[s].Sum / t.reviewed[s].Sum
		}
	}
	return of, ofEvents, strataResults
}

// results are the figures of all groups, all traffic first, then by segment and version.
func (t *tallies) results(topics []string, seen map[string]bool, days float64) []GroupResult {
	t.sortScores()
	of, ofEvents, _ := t.factors()
	groups := slices.SortedFunc(maps.Keys(t.groups), func(a, b group) int {
		return cmp.Or(cmp.Compare(a.segment, b.segment), cmp.Compare(a.version, b.version))
	})
	out := make([]GroupResult, 0, len(groups))
	for _, id := range groups {
		g := t.groups[id]
		r := GroupResult{Segment: id.segment, Version: id.version}
		var population, labelled stats.Weights
		for s := range strata {
			population = population.Plus(g.predictions[s])
			labelled = labelled.Plus(g.labelled[s].Times(of[s]))
		}
		r.Predictions, r.Labelled = population.N, labelled.N
		b := metricsOf{result: &r, labelled: labelled}
		t.quality(&b, id, g, of)
		b.events(g, topics, seen, ofEvents, population)
		if len(t.costs) > 0 || seen[label.EventCost] {
			b.cost(g, topics, of, ofEvents, population, days)
		}
		coverage := g.covered.Sum / population.Sum
		b.add(wire.SignalLabelCoverage, stats.Estimate{Value: coverage, Low: coverage, High: coverage}, population)
		out = append(out, r)
	}
	return out
}

// metricsOf collects the metrics of a group.
type metricsOf struct {
	result   *GroupResult
	labelled stats.Weights
}

// add adds a metric that is known.
func (b *metricsOf) add(name wire.Signal, i stats.Estimate, of stats.Weights) {
	if i.Known() {
		b.result.Metrics = append(b.result.Metrics, metric(name, i, of))
	}
}

func metric(name wire.Signal, i stats.Estimate, of stats.Weights) Metric {
	return Metric{name, Float(i.Value), Float(i.Low), Float(i.High), of.N, Float(of.Effective())}
}

// quality adds what follows from labels.
func (t *tallies) quality(b *metricsOf, id group, g *tallyOf, of [strata]float64) {
	mean := func(kind int) (stats.Estimate, stats.Weights) { return meanOf(g, kind, of) }
	if t.names.regression {
		i, w := mean(lossAbsolute)
		b.add(wire.SignalMAE, i.NonNegative(), w)
		i, w = mean(lossSquared)
		b.add(wire.SignalRMSE, i.Root(), w)
		i, w = mean(lossSigned)
		b.add(metricMeanError, i, w)
		i, w = mean(lossRelative)
		b.add(metricMAPE, i.NonNegative(), w)
		return
	}
	var c stats.Confusion
	for s := range strata {
		if of[s] > 0 {
			c.Merge(&g.confusion[s], of[s])
		}
	}
	b.add(wire.SignalAccuracy, c.Accuracy(), b.labelled)
	if t.positive != noClass {
		positive := int(t.positive)
		b.add(wire.SignalPrecision, c.Precision(positive), c.Predicted(positive))
		b.add(wire.SignalRecall, c.Recall(positive), c.Support(positive))
		b.add(wire.SignalF1, c.F1(positive), b.labelled)
		i, w := t.area(id, of)
		b.add(wire.SignalAUC, i, w)
		i, w = mean(lossBrier)
		b.add(wire.SignalBrier, i.NonNegative(), w)
	} else {
		t.averages(b, &c)
	}
	i, w := mean(lossLog)
	b.add(wire.SignalLogLoss, i.NonNegative(), w)
	if id.version == "" {
		b.result.Confusion = t.cells(&c)
	}
}

// averages adds the figures over several classes, and of each.
func (t *tallies) averages(b *metricsOf, c *stats.Confusion) {
	precision, recall, f1 := c.Averaged(stats.Macro)
	b.add(wire.SignalPrecision, precision, b.labelled)
	b.add(wire.SignalRecall, recall, b.labelled)
	b.add(wire.SignalF1, f1, b.labelled)
	precision, recall, f1 = c.Averaged(stats.ByWeight)
	b.add(metricWeightedPrecision, precision, b.labelled)
	b.add(metricWeightedRecall, recall, b.labelled)
	b.add(metricWeightedF1, f1, b.labelled)
	if b.result.Version != "" {
		return
	}
	for _, k := range c.Classes() {
		b.result.Classes = append(b.result.Classes, ClassResult{
			Class:     t.names.names[k],
			Precision: metric(wire.SignalPrecision, c.Precision(k), c.Predicted(k)),
			Recall:    metric(wire.SignalRecall, c.Recall(k), c.Support(k)),
			F1:        metric(wire.SignalF1, c.F1(k), b.labelled),
		})
	}
}

// maxConfusion bounds the confusion matrix in a report: of many classes, the largest cells are shown.
const maxConfusion = 400

func (t *tallies) cells(c *stats.Confusion) []ConfusionCell {
	total := c.Total().Sum
	var out []ConfusionCell
	for _, cell := range c.Cells() {
		w := c.At(cell)
		out = append(out, ConfusionCell{t.names.names[cell.Actual], t.names.names[cell.Predicted], w.N, Float(w.Sum / total)})
	}
	if len(out) > maxConfusion {
		slices.SortStableFunc(out, func(a, b ConfusionCell) int { return cmp.Compare(b.Share, a.Share) })
		out = out[:maxConfusion]
	}
	return out
}

// meanOf is the mean of a loss, of the strata that have labels. Its variance is that of a ratio of weighted sums.
func meanOf(g *tallyOf, kind int, of [strata]float64) (stats.Estimate, stats.Weights) {
	var m stats.Moments
	for s := range strata {
		if of[s] > 0 {
			m.Merge(g.losses[s][kind], of[s])
		}
	}
	return m.Mean(), m.Weights
}

// area is the area under the curve of a group.
func (t *tallies) area(id group, of [strata]float64) (stats.Estimate, stats.Weights) {
	segment := slices.IndexFunc(t.config.Segments, func(s wire.Segment) bool { return s.Name == id.segment })
	var scores, weights []float64
	var positive []bool
	var w stats.Weights
	for i := range t.scored {
		x := &t.scored[i]
		if id.segment != "" && x.segments&(1<<segment) == 0 || id.version != "" && t.versionName(x.version) != id.version || of[x.stratum] == 0 {
			continue
		}
		scores, weights, positive = append(scores, x.score), append(weights, x.weight*of[x.stratum]), append(positive, x.positive)
		w.Add(x.weight * of[x.stratum])
	}
	return stats.AUC(scores, weights, positive), w
}

// events adds the shares of predictions of which something came. Where nobody ever tells of such events, that none were
// told of says nothing.
func (b *metricsOf) events(g *tallyOf, topics []string, seen map[string]bool, of [strata]float64, population stats.Weights) {
	for name, metric := range map[string]wire.Signal{label.EventEscalation: wire.SignalEscalationRatio, label.EventCriticalError: wire.SignalCriticalErrorRatio} {
		if seen[name] {
			b.add(metric, stats.RareShare(eventsOf(g, topics, name, of).Weights, population), population)
		}
	}
	slices.SortStableFunc(b.result.Metrics, func(x, y Metric) int { return cmp.Compare(rank(x.Name), rank(y.Name)) })
}

// order is that of metrics in reports and verdicts.
var order = []wire.Signal{
	wire.SignalRecall, wire.SignalPrecision, wire.SignalF1, wire.SignalAccuracy, wire.SignalAUC, wire.SignalMAE, wire.SignalRMSE,
	wire.SignalLogLoss, wire.SignalBrier, wire.SignalEscalationRatio, wire.SignalCriticalErrorRatio, wire.SignalCostPerDay, wire.SignalLabelCoverage,
}

func rank(name wire.Signal) int {
	if i := slices.Index(order, name); i >= 0 {
		return i
	}
	return len(order)
}

func eventsOf(g *tallyOf, topics []string, name string, of [strata]float64) (sum eventSums) {
	at := slices.Index(topics, name)
	if at < 0 {
		return sum
	}
	by := g.events[uint8(at+1)]
	if by == nil {
		return sum
	}
	for s := range strata {
		sum.Weights = sum.Plus(by[s].Times(of[s]))
		sum.amount += by[s].amount * of[s]
	}
	return sum
}

// cost adds what mistakes cost a day: the mean over labelled predictions, for as many predictions as there were, and the
// costs that were told of as events.
func (b *metricsOf) cost(g *tallyOf, topics []string, of, ofEvents [strata]float64, population stats.Weights, days float64) {
	i, w := meanOf(g, lossCost, of)
	told := eventsOf(g, topics, label.EventCost, ofEvents).amount
	if !i.Known() && told == 0 {
		return
	}
	if !i.Known() {
		i = stats.Estimate{}
	}
	daily := func(x float64) float64 { return (x*population.Sum + told) / days }
	b.add(wire.SignalCostPerDay, stats.Estimate{Value: daily(i.Value), Low: daily(i.Low), High: daily(i.High)}, w)
}

// quantiles of the delays of labels, in seconds.
func quantiles(delays []float64) (median, most Float) {
	if len(delays) == 0 {
		return nan, nan
	}
	slices.Sort(delays)
	at := func(q float64) Float { return Float(delays[int(math.Ceil(q*float64(len(delays))))-1]) }
	return at(0.5), at(0.95)
}
