// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 contains the vedette.dev v1alpha1 API.
//
// Conventions used throughout this package:
//
//   - every field says whether it is +optional or +required, and what holds when it is unset;
//   - static defaults are in the schema; what is derived from other objects is resolved by the controllers;
//   - pointers appear only where the zero value is a valid choice;
//   - durations are Duration strings, real numbers are Decimal strings, never floats;
//   - choices are CamelCase strings, never booleans;
//   - every string, list and map has an upper bound, so that the costs of CEL rules are finite.
//
// It imports nothing but apimachinery and k8s.io/api.
//
// +kubebuilder:object:generate=true
// +groupName=vedette.dev
package v1alpha1
