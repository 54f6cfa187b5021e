// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/vedette-dev/vedette/internal/dataset"
	"github.com/vedette-dev/vedette/internal/erasure"
	"github.com/vedette-dev/vedette/internal/store"
)

// askToErase leaves the request for the subject of a label key, as an erasure does.
func askToErase(t *testing.T, e *Env, key string, requests ...string) {
	t.Helper()
	r := erasure.NewRequest(e.layout(), erasure.LabelKey, key, now)
	r.Requests = requests
	if err := erasure.Ask(t.Context(), e.Bucket, e.layout(), r); err != nil {
		t.Fatal(err)
	}
}

// versions are the digests of all datasets of which anything is in the store.
func versions(t *testing.T, e *Env) []string {
	t.Helper()
	var all []string
	for digest, err := range e.Bucket.Folders(t.Context(), e.layout().AllDatasets()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, digest)
	}
	return all
}

func holds(rows []dataset.Row, id string) bool {
	return slices.ContainsFunc(rows, func(r dataset.Row) bool { return r.RecordID == id })
}

func TestRowsOfAnErasedSubjectThatArriveLateAreInNoDataset(t *testing.T) {
	e := taught(t)
	askToErase(t, e, "k-0003", "q-0004")
	m, rows := study(t, e, DatasetRequest{})
	if holds(rows, "p-0003-0") || holds(rows, "p-0004-0") || len(rows) != 198 || m.Content.Excluded["erased"] != 2 {
		t.Errorf("%d rows, %v left out", len(rows), m.Content.Excluded)
	}
}

// TestAnErasureThatIsAskedForMeanwhile: it looks through the versions right after it left its request, so that it finds none yet.
func TestAnErasureThatIsAskedForMeanwhile(t *testing.T) {
	for name, at := range map[string]string{
		"while rows are read":               "/records/",
		"while the parts are written":       "part-00000.parquet",
		"right before the version is whole": dataset.ManifestFile,
	} {
		t.Run(name, func(t *testing.T) {
			e := taught(t)
			whole, asked := e.Bucket, false
			e.Bucket = store.Intercept(whole, func(operation, key string) error {
				if !asked && operation != "listing" && strings.Contains(key, at) {
					asked = true
					askToErase(t, &Env{Config: e.Config, Bucket: whole}, "k-0003")
				}
				return nil
			})
			m, rows := study(t, e, DatasetRequest{})
			if !asked || holds(rows, "p-0003-0") || len(rows) != 199 || m.Content.Excluded["erased"] != 1 {
				t.Errorf("%d rows, %v left out", len(rows), m.Content.Excluded)
			}
			if all := versions(t, e); len(all) != 1 || all[0] != m.Digest {
				t.Errorf("the versions %v are in the store, want only %s", all, m.Digest)
			}
		})
	}
}

func TestADatasetThatHoldsAnErasedSubjectAndCannotBeRemovedIsTold(t *testing.T) {
	e := taught(t)
	whole, asked := e.Bucket, false
	e.Bucket = store.Intercept(whole, func(operation, key string) error {
		if operation == "deleting" {
			return errors.New("denied")
		}
		if !asked && strings.HasSuffix(key, dataset.ManifestFile) {
			asked = true
			askToErase(t, &Env{Config: e.Config, Bucket: whole}, "k-0003")
		}
		return nil
	})
	if _, _, err := Dataset(t.Context(), e, DatasetRequest{Window: lastDays}); err == nil || !strings.Contains(err.Error(), "ask for the erasure again") {
		t.Errorf("nobody is told: %v", err)
	}
}
