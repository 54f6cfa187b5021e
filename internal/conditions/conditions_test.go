// SPDX-License-Identifier: Apache-2.0

package conditions

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTransitionTimeMovesWithTheStatusOnly(t *testing.T) {
	var list []metav1.Condition
	start := time.Unix(1000, 0)
	Writer{Conditions: &list, Generation: 1, Now: start}.True("Ready", "Succeeded", "all is well")
	Writer{Conditions: &list, Generation: 2, Now: start.Add(time.Hour)}.True("Ready", "Progressing", "still well")
	if got := list[0].LastTransitionTime.Time; !got.Equal(start) {
		t.Errorf("transition time %v, want %v: the status did not change", got, start)
	}
	if list[0].ObservedGeneration != 2 || list[0].Reason != "Progressing" {
		t.Errorf("got %+v", list[0])
	}
	Writer{Conditions: &list, Generation: 2, Now: start.Add(2 * time.Hour)}.False("Ready", "Failed", "no")
	if got := list[0].LastTransitionTime.Time; !got.Equal(start.Add(2 * time.Hour)) {
		t.Errorf("transition time %v did not move with the status", got)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	var list []metav1.Condition
	Writer{Conditions: &list}.True("Ready", "Succeeded", strings.Repeat("é", 5000))
	if got := list[0].Message; len(got) > maxMessage || !utf8.ValidString(got) || !strings.HasSuffix(got, "...") {
		t.Errorf("a message of %d bytes, valid %v", len(got), utf8.ValidString(got))
	}
}

func TestChanges(t *testing.T) {
	ready := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Succeeded"}
	stalled := metav1.Condition{Type: "Stalled", Status: metav1.ConditionTrue, Reason: "NoClass", Message: "there is no class"}
	reworded := ready
	reworded.Message = "another wording"
	for name, tt := range map[string]struct {
		before, after []metav1.Condition
		want          []metav1.Condition
	}{
		"the first condition is a change":  {after: []metav1.Condition{ready}, want: []metav1.Condition{ready}},
		"another message alone is none":    {before: []metav1.Condition{ready}, after: []metav1.Condition{reworded}},
		"the same again is none":           {before: []metav1.Condition{ready, stalled}, after: []metav1.Condition{ready, stalled}},
		"what is gone is told as resolved": {before: []metav1.Condition{ready, stalled}, after: []metav1.Condition{ready}, want: []metav1.Condition{{Type: "Stalled", Status: metav1.ConditionFalse, Reason: ReasonResolved, Message: "no longer so: there is no class"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Changes(tt.before, tt.after)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
