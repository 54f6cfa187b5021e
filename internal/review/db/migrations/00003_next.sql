-- SPDX-License-Identifier: Apache-2.0

-- +goose Up

-- Planners preferred items_added to an index of pending items alone, and read all of them. Of two that begin with the state, they
-- take the one that has what else is asked for.
DROP INDEX items_next;
CREATE INDEX items_next ON items (state, band, priority DESC, id);

-- +goose Down
DROP INDEX items_next;
CREATE INDEX items_next ON items (band, priority DESC, id) WHERE state = 'pending';
