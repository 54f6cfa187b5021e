// SPDX-License-Identifier: Apache-2.0

// Package spool owns the finished files that wait on disk for their upload, and the upload.
//
// The state is the directory listing and nothing else. A file is written as open/<number>, and once complete renamed to
//
//	ready/<tier>/<key of the object>~<rows>
//
// so a successor, after the container was killed, finds what is complete, knows how many rows it holds, and throws away
// what is not. Objects are created only if absent, and their names are unique to pod, container start and number: an
// upload that is repeated changes nothing.
//
// The bytes of all files, open ones included, are bounded well below the limit of the volume, because the kubelet evicts
// the whole pod when that is exceeded. What does not fit pushes out files of tiers of less value, the newest first
// (records before pairs before predictions before profiles), so that what is kept has no holes; else it is lost itself. Every loss
// is counted in rows.
//
// The package knows nothing of Parquet, of metrics or of configuration.
package spool
