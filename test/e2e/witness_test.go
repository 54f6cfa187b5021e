// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// witness sees every state that a rollout and its primary are ever in, by a watch.
type witness struct {
	*rolloutScene
	watches sync.WaitGroup
	events  chan sight
	seen    []sight
}

// sight is one state of one of the two. Versions order the states of both, as they come from one store.
type sight struct {
	version uint64
	rollout *v1alpha1.ShadowRollout
	primary *appsv1.Deployment
}

// manySights is more than a rollout has states.
const manySights = 10_000

func (s *rolloutScene) witness() *witness {
	s.Helper()
	w := &witness{rolloutScene: s, events: make(chan sight, manySights)}
	c, err := client.NewWithWatch(cluster.Config, client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(w.watches.Wait) // by then, they have ended with the test's context
	w.follow(c, &v1alpha1.ShadowRolloutList{})
	w.follow(c, &appsv1.DeploymentList{})
	return w
}

// follow takes in what is there of a kind, and every change from then on.
func (w *witness) follow(c client.WithWatch, list client.ObjectList) {
	w.Helper()
	if err := c.List(w.Context(), list, client.InNamespace(w.namespace)); err != nil {
		w.Fatal(err)
	}
	if err := meta.EachListItem(list, func(o runtime.Object) error { w.see(o); return nil }); err != nil {
		w.Fatal(err)
	}
	from := &client.ListOptions{Namespace: w.namespace, Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}}
	stream, err := c.Watch(w.Context(), list, from)
	if err != nil {
		w.Fatal(err)
	}
	w.watches.Go(func() { w.take(stream) })
}

func (w *witness) take(stream watch.Interface) {
	for e := range stream.ResultChan() {
		if w.Context().Err() != nil {
			return // the last event says so
		}
		w.see(e.Object)
	}
	if w.Context().Err() == nil {
		w.Error("the watch ended before its time: what it would have seen is unknown")
	}
}

func (w *witness) see(o runtime.Object) {
	switch o := o.(type) {
	case *v1alpha1.ShadowRollout:
		w.events <- sight{version: w.version(o), rollout: o}
	case *appsv1.Deployment:
		if o.Name == naming.Primary(modelName) {
			w.events <- sight{version: w.version(o), primary: o}
		}
	default:
		w.Errorf("the watch says %v", o)
	}
}

func (w *witness) version(o client.Object) uint64 {
	n, err := strconv.ParseUint(o.GetResourceVersion(), 10, 64)
	if err != nil {
		w.Errorf("resource version: %v", err)
	}
	return n
}

// until waits for a state of the rollout.
func (w *witness) until(what string, is func(*v1alpha1.ShadowRolloutStatus) bool) {
	w.Helper()
	late := time.NewTimer(verdictTimeout)
	defer late.Stop()
	for {
		select {
		case e := <-w.events:
			w.seen = append(w.seen, e)
			if e.rollout != nil && is(&e.rollout.Status) {
				return
			}
		case <-late.C:
			w.Fatalf("%s was not seen within %s", what, verdictTimeout)
		}
	}
}

// account says which revisions the primary was told to run, one after the other: those that were promoted, and those that came back. It
// fails if one took over without a Pass, and a promotion, on record for it, or came back without a rejection of the one before.
func (w *witness) account() (promoted, back []string) {
	w.Helper()
	for len(w.events) > 0 {
		w.seen = append(w.seen, <-w.events)
	}
	slices.SortStableFunc(w.seen, func(a, b sight) int { return cmp.Compare(a.version, b.version) })
	var record v1alpha1.ShadowRolloutStatus
	serves := v1alpha1.Revision("")
	for _, e := range w.seen {
		if e.rollout != nil {
			record = e.rollout.Status
			continue
		}
		now := v1alpha1.Revision(e.primary.Labels[naming.LabelRevision])
		before := serves
		if serves = now; before == "" || now == before {
			continue
		}
		vetted := record.Decision.Revision == now && record.Decision.Verdict == v1alpha1.VerdictPass
		switch {
		case vetted && record.Bake.Revision == now && record.Bake.PreviousRevision == before:
			promoted = append(promoted, string(now))
		case record.Bake.PreviousRevision == now && record.Bake.Revision == before && len(record.Rejected) > 0 && record.Rejected[0].Revision == before:
			back = append(back, string(now))
		default:
			w.Errorf("revision %s takes over from %s, and on record is %+v, %+v", now, before, record.Decision, record.Bake)
		}
	}
	return promoted, back
}

// onRecord says how far a rollout is.
func onRecord(s *v1alpha1.ShadowRolloutStatus) string {
	pairs := int64(0)
	if s.Candidate.Pairs != nil {
		pairs = *s.Candidate.Pairs
	}
	return fmt.Sprintf("%d pairs, decision: %s, promotion: %s, rejected: %d",
		pairs, cmp.Or(s.Decision.Verdict, "none"), cmp.Or(s.Bake.Revision, "none"), len(s.Rejected))
}
