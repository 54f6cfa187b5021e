-- SPDX-License-Identifier: Apache-2.0

-- One text for SQLite and Postgres. Times are microseconds since 1970, UTC; 0 is "not yet". Documents are JSON.

-- +goose Up

-- facts are about the database itself, such as whose queue it is.
CREATE TABLE facts (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- bands are what an item's eligibility depends on, apart from leases: within one, the first by priority is the next.
-- An item that was never offered is in the band of its segments; one that was, in that of the people through with it.
CREATE TABLE bands (
    id      BIGINT NOT NULL PRIMARY KEY,
    monitor TEXT NOT NULL,
    origin  TEXT NOT NULL,
    offered BIGINT NOT NULL,
    members TEXT NOT NULL
);

CREATE TABLE items (
    id           TEXT NOT NULL PRIMARY KEY,
    monitor      TEXT NOT NULL,
    origin       TEXT NOT NULL,
    state        TEXT NOT NULL,
    band         BIGINT NOT NULL,
    priority     DOUBLE PRECISION NOT NULL,
    answers      BIGINT NOT NULL DEFAULT 0,
    skips        BIGINT NOT NULL DEFAULT 0,
    settlements  BIGINT NOT NULL DEFAULT 0,
    fingerprint  BIGINT NOT NULL,
    duplicate_of TEXT NOT NULL DEFAULT '',
    duplicates   BIGINT NOT NULL DEFAULT 0,
    label_key    TEXT NOT NULL,
    predicted_at BIGINT NOT NULL,
    added_at     BIGINT NOT NULL,
    offered_at   BIGINT NOT NULL DEFAULT 0,
    settled_at   BIGINT NOT NULL DEFAULT 0,
    inclusion    DOUBLE PRECISION NOT NULL,
    uncertainty  DOUBLE PRECISION NOT NULL,
    strangeness  DOUBLE PRECISION NOT NULL,
    rarity       DOUBLE PRECISION NOT NULL,
    rules        TEXT NOT NULL,
    weighed      TEXT NOT NULL,
    label        TEXT NOT NULL DEFAULT '',
    doc          TEXT NOT NULL
);
CREATE INDEX items_next ON items (band, priority DESC, id) WHERE state = 'pending';
CREATE INDEX items_added ON items (state, added_at, id);
CREATE INDEX items_settled ON items (monitor, settled_at) WHERE settled_at > 0;
CREATE INDEX items_fingerprint ON items (fingerprint) WHERE duplicate_of = '';
CREATE INDEX items_label_key ON items (label_key) WHERE label_key <> '';

-- A person holds at most one item.
CREATE TABLE leases (
    person  TEXT NOT NULL PRIMARY KEY,
    item    TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX leases_item ON leases (item);

-- answers are never changed, but for being taken back. Those of one person to one item count once.
CREATE TABLE answers (
    id        TEXT NOT NULL PRIMARY KEY,
    item      TEXT NOT NULL,
    person    TEXT NOT NULL,
    key       TEXT NOT NULL,
    kind      TEXT NOT NULL,
    label     TEXT NOT NULL,
    at        BIGINT NOT NULL,
    undone_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX answers_item ON answers (item, person, kind) WHERE undone_at = 0;
CREATE INDEX answers_person ON answers (person, id);
CREATE INDEX answers_at ON answers (at);

-- requests remember what a key did, so that a repeated request does it once.
CREATE TABLE requests (
    person TEXT NOT NULL,
    key    TEXT NOT NULL,
    digest TEXT NOT NULL,
    item   TEXT NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (person, key)
);
CREATE INDEX requests_at ON requests (at);

-- files are the objects of the store that were read, and how many of their rows.
CREATE TABLE files (
    name     TEXT NOT NULL PRIMARY KEY,
    monitor  TEXT NOT NULL,
    rows     BIGINT NOT NULL,
    finished BIGINT NOT NULL,
    at       BIGINT NOT NULL
);
CREATE INDEX files_at ON files (at);

-- shares count the records of each segment that were seen, by the inverse of their keep probability.
CREATE TABLE shares (
    monitor TEXT NOT NULL,
    segment TEXT NOT NULL,
    records DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (monitor, segment)
);

-- days count the items that were first offered on a UTC day; the segment '' counts all.
CREATE TABLE days (
    day     BIGINT NOT NULL,
    monitor TEXT NOT NULL,
    segment TEXT NOT NULL,
    origin  TEXT NOT NULL,
    offered BIGINT NOT NULL,
    PRIMARY KEY (day, monitor, segment, origin)
);

-- counts keep how many items are in each state; the segment '' counts all.
CREATE TABLE counts (
    monitor TEXT NOT NULL,
    segment TEXT NOT NULL,
    origin  TEXT NOT NULL,
    state   TEXT NOT NULL,
    items   BIGINT NOT NULL,
    PRIMARY KEY (monitor, segment, origin, state)
);

-- totals only grow: answers by kind, labels published, and the like.
CREATE TABLE totals (
    name  TEXT NOT NULL PRIMARY KEY,
    total BIGINT NOT NULL
);

-- outbox holds rows of labels on their way to the store. A batch is frozen: its rows and name change no more.
CREATE TABLE outbox (
    id      TEXT NOT NULL PRIMARY KEY,
    monitor TEXT NOT NULL,
    item    TEXT NOT NULL,
    batch   TEXT NOT NULL DEFAULT '',
    at      BIGINT NOT NULL,
    doc     TEXT NOT NULL
);
CREATE INDEX outbox_batch ON outbox (batch, monitor, at, id);
CREATE INDEX outbox_item ON outbox (item) WHERE item <> '';

CREATE TABLE batches (
    name      TEXT NOT NULL PRIMARY KEY,
    monitor   TEXT NOT NULL,
    rows      BIGINT NOT NULL,
    frozen_at BIGINT NOT NULL,
    published BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX batches_published ON batches (published, frozen_at);

-- gone are records that were items, and must not become items again.
CREATE TABLE gone (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);
CREATE INDEX gone_at ON gone (at);

-- doomed are files of labels that a subject was erased from on their way to the store: they must not stay there.
CREATE TABLE doomed (
    name      TEXT NOT NULL PRIMARY KEY,
    monitor   TEXT NOT NULL,
    frozen_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE doomed;
DROP TABLE gone;
DROP TABLE batches;
DROP TABLE outbox;
DROP TABLE totals;
DROP TABLE counts;
DROP TABLE days;
DROP TABLE shares;
DROP TABLE files;
DROP TABLE requests;
DROP TABLE answers;
DROP TABLE leases;
DROP TABLE items;
DROP TABLE bands;
DROP TABLE facts;
