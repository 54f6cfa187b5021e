// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/vedette-dev/vedette/internal/testing/apiserver"
)

func TestMain(m *testing.M) { apiserver.Main(m) }
