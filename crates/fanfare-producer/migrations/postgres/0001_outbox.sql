-- The outbox, version 1, for PostgreSQL 13 or newer. To be run in one transaction.
-- Everything is made in the first schema of the search_path.
-- What the columns mean, and how to write rows from any language, stands in docs/OUTBOX.md.

CREATE TABLE IF NOT EXISTS fanfare_outbox_version (
    version bigint PRIMARY KEY
);

CREATE SEQUENCE fanfare_outbox_id AS bigint;

CREATE TABLE fanfare_outbox (
    -- Both are drawn by the trigger below, whatever was written.
    id bigint PRIMARY KEY,
    lane smallint NOT NULL,
    event_id text NOT NULL,
    event_type text NOT NULL,
    ordering_key text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at timestamptz,
    refused_at timestamptz,
    refused_why text,
    body bytea NOT NULL
) WITH (
    -- Every row is updated once and deleted: it is tidied up by what was done, not by its size.
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_analyze_scale_factor = 0.05
);

ALTER SEQUENCE fanfare_outbox_id OWNED BY fanfare_outbox.id;

-- What is to be published: stays small, however many rows were.
CREATE INDEX fanfare_outbox_pending ON fanfare_outbox (lane, id)
    WHERE sent_at IS NULL AND refused_at IS NULL;

-- What may be cleaned up.
CREATE INDEX fanfare_outbox_sent ON fanfare_outbox (sent_at) WHERE sent_at IS NOT NULL;

-- What a person has to look at.
CREATE INDEX fanfare_outbox_refused ON fanfare_outbox (refused_at) WHERE refused_at IS NOT NULL;

-- Who has locked a lane publishes the rows in it. All rows with one key are in one lane.
CREATE TABLE fanfare_outbox_lane (
    lane smallint PRIMARY KEY
);

INSERT INTO fanfare_outbox_lane (lane) SELECT generate_series(0, 63);

-- An id is drawn when a row is written, not when it is committed. Whoever writes a row with an
-- ordering key first waits for everybody who has written one with it and not yet ended. So for
-- each key the order of the ids is that of the commits. The lock's first half is "fanf".
--
-- A key's lane must stay while rows with it are pending, also over an upgrade of the server and
-- after a move to another one. So it is drawn from a hash that is the same everywhere.
CREATE FUNCTION fanfare_outbox_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.ordering_key IS NOT NULL THEN
        PERFORM pg_catalog.pg_advisory_xact_lock(
            1717661286, pg_catalog.hashtext(NEW.ordering_key)
        );
    END IF;
    NEW.lane := 63 & pg_catalog.get_byte(pg_catalog.sha256(pg_catalog.convert_to(
        coalesce(NEW.ordering_key, NEW.event_id), 'UTF8'
    )), 0);
    -- The writer's search_path need not have the schema in it.
    NEW.id := pg_catalog.nextval(
        pg_catalog.format('%I.fanfare_outbox_id', TG_TABLE_SCHEMA)::pg_catalog.regclass
    );
    RETURN NEW;
END
$$;

CREATE TRIGGER fanfare_outbox_place BEFORE INSERT ON fanfare_outbox
    FOR EACH ROW EXECUTE FUNCTION fanfare_outbox_place();

-- Delivered when the transaction commits, and once, however many rows it wrote.
CREATE FUNCTION fanfare_outbox_announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_notify('fanfare_outbox', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER fanfare_outbox_announce AFTER INSERT ON fanfare_outbox
    FOR EACH STATEMENT EXECUTE FUNCTION fanfare_outbox_announce();

INSERT INTO fanfare_outbox_version (version) VALUES (1);
