// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/vedette-dev/vedette/internal/store"
)

// Sink says where a log is.
type Sink struct {
	// URL is the root of the store, as store.Open takes it.
	URL string
	// Cluster is the cluster's name: logs of several clusters can share a store.
	Cluster string
	Lock    store.Lock
}

// State is what is known of a sink.
type State struct {
	Sink Sink
	Head Head
	// Err is why the last attempt failed; nil when it did not.
	Err error
}

// Sinks keeps the logs that the manager writes to. It is safe for concurrent use.
type Sinks struct {
	// Credentials is the folder with the credentials of all sinks; where it is empty, the identity of the pod is used.
	Credentials string

	mu   sync.Mutex
	open map[place]*openSink
}

// place is what makes a log one: however its entries are to be locked.
type place struct{ url, cluster string }

type openSink struct {
	sink Sink
	log  *Log
	err  error
}

// Record appends drafts in their order. It says how many are in the log now, and what kept the next one out.
func (s *Sinks) Record(ctx context.Context, sink Sink, drafts []Draft) (int, error) {
	log, err := s.log(ctx, sink)
	if err != nil {
		return 0, err
	}
	for i, d := range drafts {
		if _, err := log.Append(ctx, d); err != nil {
			s.note(sink, err)
			return i, err
		}
	}
	s.note(sink, nil)
	return len(drafts), nil
}

// Check finds out whether a log can be read and continued, without writing to it.
func (s *Sinks) Check(ctx context.Context, sink Sink) error {
	log, err := s.log(ctx, sink)
	if err == nil {
		_, err = log.Open(ctx)
		s.note(sink, err)
	}
	return err
}

// States are those of all sinks that were used, in a fixed order.
func (s *Sinks) States() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []State
	for _, o := range s.open {
		state := State{Sink: o.sink, Err: o.err}
		if o.log != nil {
			state.Head = o.log.Head()
		}
		all = append(all, state)
	}
	slices.SortFunc(all, func(a, b State) int {
		return cmp.Or(cmp.Compare(a.Sink.URL, b.Sink.URL), cmp.Compare(a.Sink.Cluster, b.Sink.Cluster))
	})
	return all
}

// log is the log of a sink, made when it is first asked for.
func (s *Sinks) log(ctx context.Context, sink Sink) (*Log, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[place]*openSink{}
	}
	at := place{sink.URL, sink.Cluster}
	o := s.open[at]
	if o == nil {
		o = &openSink{}
		s.open[at] = o
	}
	o.sink = sink
	if o.log == nil {
		// The bucket outlives the request that was the first to need it.
		b, err := store.Open(context.WithoutCancel(ctx), sink.URL, s.Credentials)
		if o.err = err; err != nil {
			return nil, err
		}
		o.log = NewLog(b, sink.Cluster, sink.Lock)
	}
	o.log.relock(sink.Lock)
	return o.log, nil
}

func (s *Sinks) note(sink Sink, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[place{sink.URL, sink.Cluster}].err = err
}
