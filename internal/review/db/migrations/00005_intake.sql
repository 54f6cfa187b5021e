-- SPDX-License-Identifier: Apache-2.0

-- +goose Up

-- No question is asked by label key alone: an index of it cost each item that came in a page of its own.
DROP INDEX items_label_key;

-- Near-duplicates are looked for among outliers only.
DROP INDEX items_fingerprint;
CREATE INDEX items_fingerprint ON items (fingerprint) WHERE duplicate_of = '' AND origin = 'outlier';

-- +goose Down
DROP INDEX items_fingerprint;
CREATE INDEX items_fingerprint ON items (fingerprint) WHERE duplicate_of = '';
CREATE INDEX items_label_key ON items (label_key) WHERE label_key <> '';
