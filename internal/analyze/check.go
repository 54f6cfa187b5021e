// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/vedette-dev/vedette/internal/outlier"
	"github.com/vedette-dev/vedette/internal/store"
	"github.com/vedette-dev/vedette/internal/wire"
)

// probeFolder holds the objects that Check writes and removes.
const probeFolder = "checks/"

// Check finds out whether the store works with these credentials (it writes, reads, lists, refuses to overwrite and
// deletes), whether the sidecars may write to it with theirs, and whether the baseline is there. What it finds wrong is
// its verdict, not an error.
func Check(ctx context.Context, e *Env) wire.Verdict {
	if err := checkStore(ctx, e); err != nil {
		return e.Failed(KindCheck, err)
	}
	if err := checkWriter(ctx, e); err != nil {
		return e.Failed(KindCheck, err)
	}
	if err := checkBaseline(ctx, e); err != nil {
		return e.Failed(KindCheck, err)
	}
	v := wire.Verdict{VerdictHeader: e.header(KindCheck)}
	v.Outcome = wire.OutcomeSucceeded
	return v
}

func checkStore(ctx context.Context, e *Env) (err error) {
	key := e.layout().Prefix() + probeFolder + e.Run
	body := []byte("written by the preflight check of " + e.Config.Monitor + "\n")
	if err := e.Bucket.Create(ctx, key, bytes.NewReader(body)); err != nil {
		return fmt.Errorf("the store cannot be written: %w", err)
	}
	defer func() {
		if deleted := e.Bucket.Delete(ctx, key); deleted != nil && err == nil {
			err = fmt.Errorf("the store does not let reports be deleted: %w", deleted)
		}
	}()
	again := e.Bucket.Create(ctx, key, bytes.NewReader(body))
	if again == nil {
		return &problem{ReasonNotExclusive, errors.New("the store overwrote an object that was to be created only if absent: it must support conditional writes (If-None-Match)")}
	}
	if !errors.Is(again, store.ErrExists) {
		return fmt.Errorf("the store cannot be written: %w", again)
	}
	got, err := e.Bucket.Get(ctx, key, int64(len(body)))
	if err != nil {
		return fmt.Errorf("the store cannot be read: %w", err)
	}
	if !bytes.Equal(got, body) {
		return errors.New("the store returned other bytes than were written to it")
	}
	listed := false
	for item, err := range e.Bucket.List(ctx, e.layout().Prefix()+probeFolder) {
		if err != nil {
			return fmt.Errorf("the store cannot be listed: %w", err)
		}
		listed = listed || item.Key == key
	}
	if !listed {
		return errors.New("the store does not list an object that was just written to it")
	}
	return nil
}

// checkWriter creates an object as the sidecars do. They may not delete it: that is done with the other credentials.
func checkWriter(ctx context.Context, e *Env) error {
	if e.Writer == nil {
		return nil
	}
	key := e.layout().Prefix() + probeFolder + e.Run + "-writer"
	err := e.Writer.Create(ctx, key, strings.NewReader("written by the preflight check of "+e.Config.Monitor+" as a sidecar\n"))
	switch {
	case errors.Is(err, store.ErrCredentials):
		return &problem{ReasonWriterRefused, fmt.Errorf("the sidecars cannot write to the store: %w", err)}
	case err != nil:
		return fmt.Errorf("the sidecars cannot write to the store: %w", err)
	}
	if err := e.Bucket.Delete(ctx, key); err != nil {
		return fmt.Errorf("the store does not let an object of the sidecars be deleted: %w", err)
	}
	return nil
}

// checkBaseline tells a baseline that was not computed yet from a dataset that was not uploaded yet.
func checkBaseline(ctx context.Context, e *Env) error {
	b := e.Config.Baseline
	if b.Name == "" || b.DatasetURL == "" {
		return nil // None is wanted, or it is made of the traffic.
	}
	summary := e.layout().Baseline(b.Name, outlier.SummaryFile)
	_, err := e.Bucket.Open(ctx, summary)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	files, err := datasetFiles(ctx, e)
	if err != nil {
		return err
	}
	return &problem{ReasonBaselineMissing, fmt.Errorf("%s is not there yet; its dataset is (%s): run \"analyze baseline\"", summary, files[0].Key)}
}
