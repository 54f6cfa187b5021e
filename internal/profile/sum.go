// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"math"
	"math/big"
	"math/bits"
	"slices"
)

// Sum adds finite float64 without rounding, so that the result is the same in whatever order values are added and
// sums are merged. It is a superaccumulator (Neal, "Fast exact summation using small and large superaccumulators",
// 2015): a fixed-point number in base 2^32 whose digits have room to spare, so that carries can wait. Only the digits
// between the smallest and the largest value are there. The zero Sum is zero.
type Sum struct {
	// The value is Σ digits[i]·2^(32·(base+i)−1074); 2^−1074 is the smallest float64 above zero.
	base   int
	digits []int64
	// pending is how many values were added since the last carry.
	pending int
}

const (
	digitBits = 32
	digitMask = 1<<digitBits - 1
	// maxPending keeps digits, to which each value adds less than 2^32, below 2^63.
	maxPending = 1 << 30
	// maxDigits is enough for 2^63 times the largest float64.
	maxDigits = (2098+63)/digitBits + 2
)

// Add adds a finite x, and returns by how many bytes the sum has grown.
func (s *Sum) Add(x float64) (grown int) {
	b := math.Float64bits(x)
	exponent, mantissa := int(b>>52&0x7FF), b&(1<<52-1)
	if exponent == 0 {
		if mantissa == 0 {
			return 0
		}
		exponent = 1
	} else {
		mantissa |= 1 << 52
	}
	exponent-- // now the weight of the mantissa's last bit, in units of 2^−1074
	hi, lo := bits.Mul64(mantissa, 1<<(exponent%digitBits))
	d0, d1, d2 := int64(lo&digitMask), int64(lo>>digitBits), int64(hi)
	grown = s.cover(exponent/digitBits, 3)
	d := s.digits[exponent/digitBits-s.base:][:3]
	if b>>63 == 0 {
		d[0] += d0
		d[1] += d1
		d[2] += d2
	} else {
		d[0] -= d0
		d[1] -= d1
		d[2] -= d2
	}
	if s.pending++; s.pending >= maxPending {
		s.carry()
	}
	return grown
}

// cover makes sure that the digits from..from+n−1 are there.
func (s *Sum) cover(from, n int) (grown int) {
	if len(s.digits) > 0 && from >= s.base && from+n <= s.base+len(s.digits) {
		return 0
	}
	lo, hi := from, from+n
	if len(s.digits) > 0 {
		lo, hi = min(lo, s.base), max(hi, s.base+len(s.digits))
	}
	digits := make([]int64, hi-lo)
	copy(digits[max(0, s.base-lo):], s.digits)
	grown = 8 * (len(digits) - len(s.digits))
	s.base, s.digits = lo, digits
	return grown
}

// carry brings every digit but the last into [0, 2^32).
func (s *Sum) carry() {
	var c int64
	for i := range s.digits {
		c += s.digits[i]
		s.digits[i] = c & digitMask
		c >>= digitBits // rounds down, also below zero
	}
	if c != 0 {
		s.digits = append(s.digits, c)
	}
	s.pending = 0
}

// normalize brings s into the one form that its value has.
func (s *Sum) normalize() {
	s.carry()
	n := len(s.digits)
	for n > 0 && s.digits[n-1] == 0 {
		n--
	}
	for n > 1 && s.digits[n-1] == -1 {
		n--
		s.digits[n-1] -= 1 << digitBits
	}
	first := 0
	for first < n && s.digits[first] == 0 {
		first++
	}
	s.base, s.digits = s.base+first, s.digits[first:n]
	if len(s.digits) == 0 {
		*s = Sum{}
	}
}

// Merge adds other to s. Other keeps its value.
func (s *Sum) Merge(other *Sum) {
	other.carry()
	s.carry()
	if len(other.digits) == 0 {
		return
	}
	s.cover(other.base, len(other.digits))
	for i, d := range other.digits {
		s.digits[other.base-s.base+i] += d
	}
	s.carry()
}

// Float64 is the sum rounded once, to nearest even; infinite when it is too large.
func (s *Sum) Float64() float64 {
	total := new(big.Int)
	for _, d := range slices.Backward(s.digits) {
		total.Lsh(total, digitBits)
		total.Add(total, big.NewInt(d))
	}
	if total.Sign() == 0 {
		return 0
	}
	f := new(big.Float).SetInt(total)
	v, _ := f.SetMantExp(f, digitBits*s.base-1074).Float64()
	return v
}

var errSum = errors.New("an exact sum is not in its one form")

// state is the one form of s, for storage.
func (s *Sum) state() (base int, digits []int64) {
	s.normalize()
	return s.base, s.digits
}

func sumOf(base int64, digits []int64) (Sum, error) {
	if base < 0 || base > maxDigits || int(base)+len(digits) > maxDigits {
		return Sum{}, errSum
	}
	for i, d := range digits {
		if d > digitMask || d < -digitMask-1 || d < 0 && i < len(digits)-1 {
			return Sum{}, errSum
		}
	}
	return Sum{base: int(base), digits: slices.Clone(digits)}, nil
}
