// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/record"
	"github.com/vedette-dev/vedette/internal/review/rank"
	"github.com/vedette-dev/vedette/internal/wire"
	"github.com/vedette-dev/vedette/test/data"
	"github.com/vedette-dev/vedette/test/modelserver/model"
	"github.com/vedette-dev/vedette/test/train/logistic"
)

// precision is how firmly the January weights are believed: as if each had been seen with this much information. The same
// holds for both ways of choosing.
const precision = 20

// priority are the weights that a queue has when it declares none. Age and rules do not tell these flights apart.
var priority = wire.ReviewPriority{Uncertainty: 1, OutlierScore: 1, Rarity: 0.5}

// randomShare is the share of each round that is chosen at random beside the priority, as queues do for unbiased estimates.
const randomShare = 0.1

// Ways to choose whom people are asked about.
const (
	byPriority = "priority"
	atRandom   = "random"
)

type sizes struct {
	// pool is how many flights people may be asked about, test how many the model is measured on.
	pool, test int
	// round is how many are asked about between two fits.
	round int
	// budgets are the numbers of labels after which the model is measured, ascending.
	budgets []int
}

// study holds June's flights as the product sees them.
type study struct {
	sizes
	model   *model.Model
	scorer  *outlier.Scorer
	flights []flight
	// share is the share of June's flights in each segment.
	share map[string]float64
}

type flight struct {
	features model.Features
	row      record.Row
	late     bool
}

func newStudy(ctx context.Context, z sizes) (*study, error) {
	m, err := model.Load()
	if err != nil {
		return nil, err
	}
	june, err := data.Load(data.June)
	if err != nil {
		return nil, err
	}
	if len(june) < z.pool+z.test {
		return nil, errors.New("the month has fewer flights than the pool and the test want")
	}
	summary, err := baseline(ctx)
	if err != nil {
		return nil, err
	}
	s := &study{sizes: z, model: m, scorer: outlier.NewScorer(schema(), summary, 0.001), share: map[string]float64{}}
	for _, f := range june {
		row := rowOf(f)
		for _, name := range row.Segments {
			s.share[name] += 1 / float64(len(june))
		}
		s.flights = append(s.flights, flight{features: f.Features(), row: row, late: f.Late()})
	}
	return s, nil
}

// measured is how good a model is on the test flights.
type measured struct{ accuracy, atlanta float64 }

// curves divides June anew for each repeat, and measures both ways on the same division, budget by budget.
func (s *study) curves(repeats int) (map[string][][]measured, error) {
	all := map[string][][]measured{}
	for repeat := range repeats {
		random := rand.New(rand.NewPCG(uint64(repeat), 2001))
		order := random.Perm(len(s.flights))
		for _, how := range []string{byPriority, atRandom} {
			curve, err := s.curve(how, order[:s.pool], order[s.pool:s.pool+s.test])
			if err != nil {
				return nil, err
			}
			all[how] = append(all[how], curve)
		}
	}
	return all, nil
}

// curve asks about the flights of the pool, whose order is random, and measures after each budget.
func (s *study) curve(how string, pool, test []int) ([]measured, error) {
	pool = slices.Clone(pool)
	current := s.model
	var rows logistic.Design
	var terms []model.Term
	asked := 0
	var curve []measured
	for _, budget := range s.budgets {
		for asked < budget {
			n := min(s.round, budget-asked)
			chosen := n
			if how == byPriority {
				chosen = int(randomShare * float64(n))
			}
			picked := slices.Clone(pool[:chosen])
			pool = pool[chosen:]
			if rest := n - chosen; rest > 0 {
				best := s.best(current, pool, rest)
				picked = append(picked, best...)
				pool = slices.DeleteFunc(pool, func(i int) bool { return slices.Contains(best, i) })
			}
			for _, i := range picked {
				terms = s.model.Terms(terms[:0], s.flights[i].features)
				rows.Add(terms, s.flights[i].late)
			}
			asked += n
			next, err := s.fit(&rows)
			if err != nil {
				return nil, err
			}
			current = next
		}
		curve = append(curve, s.measure(current, test))
	}
	return curve, nil
}

// fit is the January model, moved by the labels.
func (s *study) fit(rows *logistic.Design) (*model.Model, error) {
	weights, err := rows.Fit(func(term string) logistic.Prior {
		return logistic.Prior{Mean: s.model.Weights[term], Precision: precision}
	})
	if err != nil {
		return nil, err
	}
	m := *s.model
	m.Weights = maps.Clone(s.model.Weights)
	maps.Copy(m.Weights, weights)
	return &m, nil
}

// best are the n flights that a queue would put first while m is in production.
func (s *study) best(m *model.Model, pool []int, n int) []int {
	type ranked struct {
		index int
		value float64
	}
	all := make([]ranked, len(pool))
	for k, i := range pool {
		row := s.flights[i].row
		answer(&row, m.Score(s.flights[i].features))
		s.scorer.Score(&row)
		all[k] = ranked{i, rank.Priority(&priority, 1, rank.Factors{
			Uncertainty: rank.Uncertainty(&row), Strangeness: rank.Strangeness(&row),
			Rarity: rank.Rarity(row.Segments, func(name string) float64 { return s.share[name] }),
		}, nil, time.Time{}, 0)}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(b.value, a.value) })
	best := make([]int, n)
	for k := range best {
		best[k] = all[k].index
	}
	return best
}

func (s *study) measure(m *model.Model, test []int) measured {
	var right, fromAtlanta, rightAtlanta float64
	for _, i := range test {
		f := &s.flights[i]
		correct := 0.0
		if model.Label(m.Score(f.features)) == model.Late == f.late {
			correct = 1
		}
		right += correct
		if f.features.Origin == "ATL" {
			fromAtlanta++
			rightAtlanta += correct
		}
	}
	return measured{right / float64(len(test)), rightAtlanta / fromAtlanta}
}
