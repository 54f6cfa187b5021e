-- SPDX-License-Identifier: Apache-2.0

-- +goose Up

-- sessions are people who are signed in, by the digest of the secret that only their browser knows.
CREATE TABLE sessions (
    digest  TEXT NOT NULL PRIMARY KEY,
    value   TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX sessions_expires ON sessions (expires);

-- +goose Down
DROP TABLE sessions;
