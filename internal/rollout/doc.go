// SPDX-License-Identifier: Apache-2.0

// Package rollout owns what a ShadowRollout derives from the user's pod template: its revision, what it refers to, and what it is
// with the parameters of a retraining run. It is pure: it takes values and returns values, and imports neither a client nor
// controller-runtime.
package rollout
