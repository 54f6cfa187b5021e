-- SPDX-License-Identifier: Apache-2.0

-- +goose Up

-- An upload that was under way when its file was doomed may end after the file was looked for: it is looked for for a while.
ALTER TABLE doomed ADD COLUMN at BIGINT NOT NULL DEFAULT 0;

-- The oldest item that waits, of a monitor, is found without passing near-duplicates, of which there may be many.
CREATE INDEX items_waiting ON items (state, duplicate_of, monitor, added_at);

-- +goose Down
DROP INDEX items_waiting;
ALTER TABLE doomed DROP COLUMN at;
