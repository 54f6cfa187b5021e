// SPDX-License-Identifier: Apache-2.0

// Package rollout decides what a ShadowRollout does next, and owns what is derived for it from the user's pod template: its
// revision, what it refers to, and what it is with the parameters of a retraining run. It is pure: it takes values and returns
// values, and imports neither a client nor controller-runtime. The controller observes, asks Decide, and acts.
package rollout
