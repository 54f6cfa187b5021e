// SPDX-License-Identifier: Apache-2.0

package stats

import "math"

// bet is a stake, as a part of the greatest that cannot lose everything, the logarithm of its weight, and how much its gain
// falls short of the stake where a spread of 1 is lost: ln(1-stake) + stake.
type bet struct{ stake, logWeight, short float64 }

// bets are the stakes that the evidence about means is mixed over: a density proportional to stake^(-1/2) on (0, 1], by
// Gauss and Legendre's rule in each of ten octaves. The best stake is about the margin over the variance, which may be
// near one or near a thousandth; the density pays little for either. That the stakes are finitely many costs at most
// some thousandths of the evidence, and nothing of its validity: it is a mixture as good as any.
var bets = func() (all []bet) {
	nodes := [][2]float64{{0.3399810435848563, 0.6521451548625461}, {0.8611363115940526, 0.3478548451374538}}
	var sum float64
	for octave := range 10 {
		high := math.Ldexp(1, -octave)
		for _, n := range nodes {
			for _, sign := range []float64{-1, 1} {
				stake := high * (0.75 + sign*n[0]/4)
				weight := n[1] * high / math.Sqrt(stake)
				sum += weight
				all = append(all, bet{stake, weight, math.Log1p(-stake) + stake})
			}
		}
	}
	for i := range all {
		all[i].logWeight = math.Log(all[i].logWeight / sum)
	}
	return all
}()

// mixBets is the logarithm of the mean of exp(gain) over the bets.
func mixBets(gain func(b bet) float64) float64 {
	var logs [40]float64
	for i, b := range bets {
		logs[i] = b.logWeight + gain(b)
	}
	return logSum(logs[:])
}

// negligible is what the logarithm of a part of a sum lies below the greatest when it changes nothing.
const negligible = 40

// logSum is the logarithm of the sum of the exponentials.
func logSum(logs []float64) float64 {
	greatest := math.Inf(-1)
	for _, l := range logs {
		if math.IsNaN(l) {
			return l
		}
		greatest = max(greatest, l)
	}
	if math.IsInf(greatest, 0) {
		return greatest
	}
	var sum float64
	for _, l := range logs {
		if l > greatest-negligible {
			sum += math.Exp(l - greatest)
		}
	}
	return greatest + math.Log(sum)
}

// Mean is the logarithm of the mean of n pieces of evidence against the same hypothesis, of which those that are not among the logs are
// nothing: it is as valid as any of them.
func Mean(logs []float64, n int) float64 {
	if len(logs) == 0 {
		return math.Inf(-1)
	}
	return logSum(logs) - math.Log(float64(n))
}

// Mix is the logarithm of weight * exp(a) + (1-weight) * exp(b): of two pieces of evidence against the same hypothesis
// one that is as valid, without having to know beforehand which will be the better one.
func Mix(a, b, weight float64) float64 {
	return logSum([]float64{math.Log(weight) + a, math.Log1p(-weight) + b})
}
