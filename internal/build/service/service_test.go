// SPDX-License-Identifier: Apache-2.0

package service

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
)

func TestGolden(t *testing.T) {
	golden.Object(t, "service", Build(wrappers.MakeMonitor("payments", "fraud").UID("uid").Obj()), &corev1.Service{})
}
