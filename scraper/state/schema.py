"""The ledger's tables, and the views that are contract (DESIGN section 2).

`PRAGMA user_version` is the schema's number; a ledger of a later number is refused,
an earlier one is brought up by the steps of MIGRATIONS, each in one transaction.
State of a page, read or file: 0 open, 1 ended, 2 dropped with the run it belonged to; of a read also 3:
its page has ended and is to be read again.
"""

from __future__ import annotations

VERSION = 1

_TABLES = """
CREATE TABLE runs (
    run TEXT PRIMARY KEY, job TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, exit_code INTEGER,
    complete INTEGER NOT NULL DEFAULT 0, open INTEGER NOT NULL DEFAULT 1, fingerprint TEXT NOT NULL,
    item_limit INTEGER, seconds REAL NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE pages (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, identity TEXT NOT NULL, method TEXT NOT NULL,
    url TEXT NOT NULL, host TEXT NOT NULL, rule TEXT, rank BLOB NOT NULL, state INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0, ending TEXT, status INTEGER, attempts INTEGER, seconds REAL,
    found_on TEXT, why TEXT, digest TEXT, UNIQUE (run, identity)
) STRICT;
CREATE INDEX pages_open ON pages (run, host, rank) WHERE state = 0;

CREATE TABLE reads (
    id INTEGER PRIMARY KEY, page INTEGER NOT NULL REFERENCES pages, rule TEXT NOT NULL, request TEXT NOT NULL,
    rank BLOB NOT NULL, state INTEGER NOT NULL DEFAULT 0, UNIQUE (page, rule)
) STRICT;
CREATE INDEX reads_again ON reads (page) WHERE state = 3;

CREATE TABLE items (
    id INTEGER PRIMARY KEY, rule TEXT NOT NULL, key TEXT NOT NULL, fields TEXT NOT NULL, before TEXT,
    url TEXT NOT NULL, place BLOB NOT NULL, rank BLOB NOT NULL, read INTEGER, first_run TEXT NOT NULL,
    last_run TEXT NOT NULL, gone_run TEXT, UNIQUE (rule, key)
) STRICT;
CREATE INDEX items_place ON items (place);

CREATE TABLE item_files (
    rule TEXT NOT NULL, item_key TEXT NOT NULL, position INTEGER NOT NULL, file_key TEXT NOT NULL,
    PRIMARY KEY (rule, item_key, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE files (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, key TEXT NOT NULL, template TEXT NOT NULL, url TEXT NOT NULL,
    host TEXT NOT NULL, download TEXT NOT NULL, rank BLOB NOT NULL, state INTEGER NOT NULL DEFAULT 0,
    stood INTEGER, part TEXT, part_inode INTEGER, ending TEXT, status INTEGER, bytes INTEGER, sha256 TEXT,
    type TEXT, etag TEXT, last_modified TEXT, attempts INTEGER, seconds REAL, item_key TEXT,
    found_on TEXT, why TEXT, better_path TEXT, better_template TEXT, better_rank BLOB, UNIQUE (run, key)
) STRICT;
CREATE INDEX files_open ON files (run, host, rank) WHERE state = 0;

CREATE TABLE names (
    fold TEXT PRIMARY KEY, path TEXT NOT NULL, key TEXT NOT NULL, template TEXT NOT NULL,
    complete INTEGER NOT NULL, run TEXT NOT NULL, UNIQUE (key, template)
) STRICT, WITHOUT ROWID;
CREATE TABLE file_keys (key TEXT PRIMARY KEY, template TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE folders (fold TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE moves (
    key TEXT NOT NULL, template TEXT NOT NULL, source TEXT NOT NULL, goal TEXT NOT NULL
) STRICT;

CREATE TABLE contents (
    path TEXT PRIMARY KEY, run TEXT NOT NULL, bytes INTEGER, sha256 TEXT, type TEXT, etag TEXT,
    last_modified TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE failures (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, read INTEGER, kind TEXT NOT NULL, url TEXT NOT NULL,
    class TEXT NOT NULL, message TEXT NOT NULL
) STRICT;

CREATE TABLE rows_done (
    run TEXT NOT NULL, entry INTEGER NOT NULL, position INTEGER NOT NULL, whole INTEGER NOT NULL,
    PRIMARY KEY (run, entry)
) STRICT, WITHOUT ROWID;

CREATE VIEW v_runs AS SELECT run, job, started, ended, exit_code, complete FROM runs;
CREATE VIEW v_pages AS
    SELECT run, url, method, rule, status, ending, attempts, seconds, found_on FROM pages;
CREATE VIEW v_items AS SELECT key, rule, url, fields, first_run, last_run, gone_run IS NOT NULL AS gone FROM items;
CREATE VIEW v_files AS
    SELECT f.run, f.url, f.key, f.item_key, n.path, f.ending, f.status,
        coalesce(f.bytes, c.bytes) AS bytes, coalesce(f.sha256, c.sha256) AS sha256,
        coalesce(f.type, c.type) AS type, coalesce(f.etag, c.etag) AS etag,
        coalesce(f.last_modified, c.last_modified) AS last_modified,
        f.attempts, f.seconds, f.found_on
    FROM files f LEFT JOIN names n ON n.key = f.key AND n.template = f.template LEFT JOIN contents c
        ON c.path = n.path AND f.ending IN ('unchanged', 'skipped:exists');
"""

MIGRATIONS: tuple[str, ...] = (_TABLES,)
"""Step n brings a ledger from version n to n + 1."""
