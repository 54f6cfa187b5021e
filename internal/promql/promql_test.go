// SPDX-License-Identifier: Apache-2.0

package promql

import (
	"strings"
	"testing"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

func TestSelectQuotesWhatItIsGiven(t *testing.T) {
	got := Select("m", Equal("a", `x"}) or up{b="`), OneOf("s", []string{"one", "two"}))
	if want := `m{a="x\"}) or up{b=\"",s=~"one|two"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSignal(t *testing.T) {
	all := Scope{Namespace: "payments", Monitor: "fraud"}
	segments := all
	segments.BySegment, segments.Segments = true, []string{"atl", "lax"}
	const sel = `namespace="payments",model="fraud"`
	for name, tt := range map[string]struct {
		scope       Scope
		threshold   v1alpha1.Threshold
		want        string
		wantSamples string
	}{
		"a ratio of all traffic": {
			scope: all, threshold: v1alpha1.Threshold{Signal: v1alpha1.SignalErrorRatio},
			want:        `sum(increase(vedette_requests_total{` + sel + `,code="5xx"}[5m])) / sum(increase(vedette_requests_total{` + sel + `}[5m]))`,
			wantSamples: `sum(increase(vedette_requests_total{` + sel + `}[5m]))`,
		},
		"a quantile per segment": {
			scope: segments, threshold: v1alpha1.Threshold{Signal: v1alpha1.SignalLatencySeconds, Quantile: "0.99", Window: "1h"},
			want:        `histogram_quantile(0.99, sum by (le, segment) (rate(vedette_segment_request_duration_seconds_bucket{` + sel + `,segment=~"atl|lax"}[1h])))`,
			wantSamples: `sum by (segment) (increase(vedette_segment_requests_total{` + sel + `,segment=~"atl|lax"}[1h]))`,
		},
		"a mean counts predictions, not calls": {
			scope: all, threshold: v1alpha1.Threshold{Signal: v1alpha1.SignalMeanEntropy},
			want:        `sum(increase(vedette_entropy_sum{` + sel + `}[5m])) / sum(increase(vedette_entropy_count{` + sel + `}[5m]))`,
			wantSamples: `sum(increase(vedette_entropy_count{` + sel + `}[5m]))`,
		},
		"a rate needs no samples": {
			scope: all, threshold: v1alpha1.Threshold{Signal: v1alpha1.SignalRequestsPerSecond},
			want: `sum(rate(vedette_requests_total{` + sel + `}[5m]))`,
		},
		"drift is not Prometheus's": {scope: all, threshold: v1alpha1.Threshold{Signal: v1alpha1.SignalFeatureDrift}},
	} {
		t.Run(name, func(t *testing.T) {
			got, samples := tt.scope.Signal(tt.threshold)
			if got != tt.want || samples != tt.wantSamples {
				t.Errorf("got\n%s\n%s\nwant\n%s\n%s", got, samples, tt.want, tt.wantSamples)
			}
		})
	}
}

func TestEverySignalOfTheAPIIsKnown(t *testing.T) {
	for _, s := range []v1alpha1.Signal{
		v1alpha1.SignalLatencySeconds, v1alpha1.SignalErrorRatio, v1alpha1.SignalTimeoutRatio, v1alpha1.SignalRequestsPerSecond,
		v1alpha1.SignalMeanConfidence, v1alpha1.SignalMeanEntropy, v1alpha1.SignalCaptureLossRatio,
	} {
		value, _ := Scope{Namespace: "n", Monitor: "m"}.Signal(v1alpha1.Threshold{Signal: s, Quantile: "0.5"})
		if value == "" || strings.Contains(value, "{}") {
			t.Errorf("%s gives %q", s, value)
		}
	}
}
