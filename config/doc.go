// SPDX-License-Identifier: Apache-2.0

// Package config holds no code: it is the folder of the manifests, and this package their tests.
package config
