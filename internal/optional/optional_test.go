// SPDX-License-Identifier: Apache-2.0

package optional

import (
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

var (
	monitors = schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: "ServiceMonitor"}
	rules    = schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: "PrometheusRule"}
)

// cluster maps the kinds that it has, unless it is down.
type cluster struct {
	meta.RESTMapper
	kinds map[string]bool
	err   error
}

func (c *cluster) RESTMapping(gk schema.GroupKind, _ ...string) (*meta.RESTMapping, error) {
	if c.err != nil {
		return nil, c.err
	}
	if !c.kinds[gk.Kind] {
		return nil, &meta.NoKindMatchError{GroupKind: gk}
	}
	return &meta.RESTMapping{}, nil
}

type watcher struct{ watches int }

func (w *watcher) Watch(source.Source) error { w.watches++; return nil }

func TestAvailable(t *testing.T) {
	c, w := &cluster{kinds: map[string]bool{}}, &watcher{}
	a := &APIs{Mapper: c, Watcher: w, Source: func(*metav1.PartialObjectMetadata) source.Source { return nil }}
	for _, step := range []struct {
		name        string
		change      func()
		want        bool
		wantErr     bool
		wantWatches int
	}{
		{name: "none is there", change: func() {}},
		{name: "one is there: it is watched", change: func() { c.kinds["ServiceMonitor"] = true }, wantWatches: 1},
		{name: "both are", change: func() { c.kinds["PrometheusRule"] = true }, want: true, wantWatches: 2},
		{name: "each is watched once", change: func() {}, want: true, wantWatches: 2},
		{name: "a cluster that is down lacks nothing", change: func() { c.err = errors.New("refused") }, wantErr: true, wantWatches: 2},
		{name: "it is back", change: func() { c.err = nil }, want: true, wantWatches: 2},
		{name: "a kind is removed", change: func() { c.kinds["PrometheusRule"] = false }, wantWatches: 2},
	} {
		step.change()
		got, err := a.Available(t.Context(), monitors, rules)
		if got != step.want || (err != nil) != step.wantErr || w.watches != step.wantWatches {
			t.Errorf("%s: available %v, error %v, %d watches", step.name, got, err, w.watches)
		}
	}
}
