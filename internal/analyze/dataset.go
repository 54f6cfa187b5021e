// SPDX-License-Identifier: Apache-2.0

package analyze

import (
	"context"
	"errors"
	"fmt"

	"github.com/vedette-dev/vedette/internal/analyze/table"
	"github.com/vedette-dev/vedette/internal/store"
)

// datasetFiles finds the files of the baseline's dataset: one file, or all Parquet and CSV files below a folder, in
// the order of their names.
func datasetFiles(ctx context.Context, e *Env) ([]store.Item, error) {
	key, err := e.layout().Dataset(e.Config.Baseline.DatasetURL)
	if err != nil {
		return nil, &problem{ReasonConfigInvalid, err}
	}
	if table.Supported(key) {
		object, err := e.Bucket.Open(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			return nil, &problem{ReasonDatasetMissing, fmt.Errorf("the dataset of the baseline is not in the store: upload it as %s", key)}
		}
		if err != nil {
			return nil, err
		}
		return []store.Item{{Key: key, Size: object.Size(), Modified: object.Modified()}}, nil
	}
	var files []store.Item
	for item, err := range e.Bucket.List(ctx, key+"/") {
		if err != nil {
			return nil, err
		}
		if table.Supported(item.Key) {
			files = append(files, item)
		}
	}
	if len(files) == 0 {
		return nil, &problem{ReasonDatasetMissing, fmt.Errorf("the dataset of the baseline is not in the store: upload Parquet or CSV files below %s/", key)}
	}
	return files, nil
}
