// SPDX-License-Identifier: Apache-2.0

// Package monitor decides everything about a ModelMonitor: which class it uses, what is in force after the class has
// bounded it, the configuration document, what its pods' sidecars are like, whether injection must stop, whether it is
// healthy, and what its analyses found.
//
// Every function is pure: observations and the time come in as values, decisions go out as values. The package imports
// no client, logger or context, and reads no clock.
package monitor
