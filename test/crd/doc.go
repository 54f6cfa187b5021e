// SPDX-License-Identifier: Apache-2.0

// Package crd holds no code: its tests hold the CustomResourceDefinitions to what the API promises, with the validators of
// the API server but without one.
package crd
