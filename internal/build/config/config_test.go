// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/testing/golden"
	"github.com/vedette-dev/vedette/internal/testing/wrappers"
	"github.com/vedette-dev/vedette/internal/wire"
)

func TestGolden(t *testing.T) {
	for name, w := range map[string]*wrappers.Monitor{
		"least": wrappers.MakeMonitor("payments", "fraud").UID("uid"),
		"full":  wrappers.MakeMonitor("payments", "fraud").UID("uid").Binary().Segment("young", "f.age < 30.0").Dataset("may.parquet"),
	} {
		t.Run(name, func(t *testing.T) {
			m := w.Obj()
			document, revision, err := Encode(monitor.Config(m, monitor.Bound(m, wrappers.MakeClass("standard"))))
			if err != nil {
				t.Fatal(err)
			}
			var got corev1.ConfigMap
			golden.Object(t, name, Build(m, document), &got)
			c, unknown, err := wire.Decode([]byte(got.Data[naming.ConfigFile]))
			if err != nil || unknown || c.Revision != revision {
				t.Errorf("read back: revision %q, want %q; unknown keys %v, error %v", c.Revision, revision, unknown, err)
			}
		})
	}
}
