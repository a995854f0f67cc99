-- The outbox, version 1, for SQLite 3.37 or newer. To be run in one transaction.
-- What the columns mean, and how to write rows from any language, stands in docs/OUTBOX.md.

CREATE TABLE IF NOT EXISTS fanfare_outbox_version (
    version INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE fanfare_outbox (
    -- SQLite has one writer at a time, so this is the order in which rows are committed.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    ordering_key TEXT,
    created_at INTEGER NOT NULL
        DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER)),
    sent_at INTEGER,
    refused_at INTEGER,
    refused_why TEXT,
    -- A BLOB, or a TEXT for languages whose JSON is one. Last, so that nobody who looks at the
    -- other columns reads through it.
    body ANY NOT NULL
) STRICT;

-- What is to be published: stays small, however many rows were. With the columns of its own
-- condition in it, rows are counted without a look at the table.
CREATE INDEX fanfare_outbox_pending ON fanfare_outbox (id, sent_at, refused_at)
    WHERE sent_at IS NULL AND refused_at IS NULL;

-- What may be cleaned up.
CREATE INDEX fanfare_outbox_sent ON fanfare_outbox (sent_at) WHERE sent_at IS NOT NULL;

-- What a person has to look at.
CREATE INDEX fanfare_outbox_refused ON fanfare_outbox (refused_at) WHERE refused_at IS NOT NULL;

INSERT INTO fanfare_outbox_version (version) VALUES (1);
