// SPDX-License-Identifier: Apache-2.0

// Package rollout decides what a ShadowRollout does next, and owns what is derived from a template for it: its revision, what it
// names, and the parameters that are put into it. It is pure: it reads no clock and calls no API. The controller observes, asks
// Decide, and acts.
package rollout
