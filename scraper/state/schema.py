"""The ledger's tables, and the views that are contract (DESIGN section 2).

`PRAGMA user_version` is the schema's number; a ledger of a later number is refused,
an earlier one is brought up by the steps of MIGRATIONS, each in one transaction.
State of a page, read or file: 0 open, 1 ended, 2 dropped with the run it belonged to; of a read also 3:
its page has ended and is to be read again.

A million files are a million rows, so a file costs what it must and no more (version 2):

    names     a key under a path template, and the path it bears. Never deleted, numbered as they come.
    marks     where a name is found: 64 bits of a digest of its key, and of its path as the file system folds
              it (a folder: name 0). A digest is only a hint; who finds something looks at the name itself.
              marks.py keeps the newest ones in memory: random places in a large tree are dear one by one.
              `marked` and `late` say which ones the tree lacks.
    files     what a run does about a name: `id` is `run << 40 | name`, so a file is found by both without an
              index, and rows are appended. What is NULL is as it is for most: url: the key; path: the name's;
              part: naming.part_name(path); more: nothing. Open ones stand in record order in files_open.
    contents  what a run saved under a name; the newest with a size is what stands there.
    parts     notes of parts on the disk (T2); better: names of files that a nearer item gives.

Since version 3 an item says whether a complete run met it (`settled`: what `until: seen` stops at), and a page its
`turn`: the lower, the sooner it is fetched (`priority` of a follow, negated). `aliases` are identities for which a
page of the run stands: where a redirect led it to (url: NULL), or a page that was left for it, with the URL that led
from there. A page that others call by an alias is asked for by `asked`, not by what a finding says.

Since version 4 the ledger tells when pages and files `ended` (milliseconds since 1970), the `final` URL to which
redirects led them (NULL: they came from what was asked), and of each one that was tried again what the attempts
before the last came to (`attempts`: kind page or file, target its id). A run has a kind: `run` is an ordinary one;
`retry`, `repair` and `adopt` are runs of their own that are never complete.
"""

from __future__ import annotations

VERSION = 4
NAME_BITS = 40
"""How many bits of a file's id are its name; a trillion names, eight million runs."""

_PAGES = """
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

CREATE TABLE failures (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, read INTEGER, kind TEXT NOT NULL, url TEXT NOT NULL,
    class TEXT NOT NULL, message TEXT NOT NULL
) STRICT;

CREATE TABLE rows_done (
    run TEXT NOT NULL, entry INTEGER NOT NULL, position INTEGER NOT NULL, whole INTEGER NOT NULL,
    PRIMARY KEY (run, entry)
) STRICT, WITHOUT ROWID;

CREATE VIEW v_pages AS
    SELECT run, url, method, rule, status, ending, attempts, seconds, found_on FROM pages;
CREATE VIEW v_items AS SELECT key, rule, url, fields, first_run, last_run, gone_run IS NOT NULL AS gone FROM items;
"""

_FILES_1 = """
CREATE TABLE runs (
    run TEXT PRIMARY KEY, job TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, exit_code INTEGER,
    complete INTEGER NOT NULL DEFAULT 0, open INTEGER NOT NULL DEFAULT 1, fingerprint TEXT NOT NULL,
    item_limit INTEGER, seconds REAL NOT NULL DEFAULT 0
) STRICT;

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

CREATE VIEW v_runs AS SELECT run, job, started, ended, exit_code, complete FROM runs;
CREATE VIEW v_files AS
    SELECT f.run, f.url, f.key, f.item_key, n.path, f.ending, f.status,
        coalesce(f.bytes, c.bytes) AS bytes, coalesce(f.sha256, c.sha256) AS sha256,
        coalesce(f.type, c.type) AS type, coalesce(f.etag, c.etag) AS etag,
        coalesce(f.last_modified, c.last_modified) AS last_modified,
        f.attempts, f.seconds, f.found_on
    FROM files f LEFT JOIN names n ON n.key = f.key AND n.template = f.template LEFT JOIN contents c
        ON c.path = n.path AND f.ending IN ('unchanged', 'skipped:exists');
"""

_APART = """
DROP VIEW v_runs;
DROP VIEW v_files;
DROP INDEX files_open;
ALTER TABLE runs RENAME TO runs_1;
ALTER TABLE files RENAME TO files_1;
ALTER TABLE names RENAME TO names_1;
ALTER TABLE moves RENAME TO moves_1;
ALTER TABLE contents RENAME TO contents_1;
"""

_FILES = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, job TEXT NOT NULL, started TEXT NOT NULL, ended TEXT,
    exit_code INTEGER, complete INTEGER NOT NULL DEFAULT 0, open INTEGER NOT NULL DEFAULT 1,
    fingerprint TEXT NOT NULL, item_limit INTEGER, seconds REAL NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE hosts (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE templates (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE names (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, template INTEGER NOT NULL, path TEXT,
    complete INTEGER NOT NULL, newest INTEGER NOT NULL, run INTEGER NOT NULL
) STRICT;
CREATE TABLE marks (
    mark INTEGER NOT NULL, name INTEGER NOT NULL, PRIMARY KEY (mark, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE late (mark INTEGER NOT NULL, name INTEGER NOT NULL) STRICT;
CREATE TABLE marked (upto INTEGER NOT NULL) STRICT;
INSERT INTO marked VALUES (0);

CREATE TABLE files (
    id INTEGER PRIMARY KEY, host INTEGER, rank BLOB NOT NULL, state INTEGER NOT NULL DEFAULT 0,
    flags INTEGER NOT NULL DEFAULT 0, stood INTEGER, url TEXT, path TEXT, part TEXT, more TEXT, item_key TEXT,
    found_on TEXT, ending TEXT, status INTEGER, bytes INTEGER, attempts INTEGER, ms INTEGER, why TEXT
) STRICT;
CREATE INDEX files_open ON files (host, rank) WHERE state = 0;
CREATE TABLE contents (
    name INTEGER NOT NULL, run INTEGER NOT NULL, bytes INTEGER, sha256 BLOB, type TEXT, etag TEXT,
    last_modified TEXT, PRIMARY KEY (name, run)
) STRICT, WITHOUT ROWID;
CREATE TABLE parts (
    file INTEGER PRIMARY KEY, inode INTEGER NOT NULL, validator TEXT, etag TEXT, last_modified TEXT,
    total INTEGER, ranges TEXT, boot TEXT NOT NULL
) STRICT;
CREATE TABLE better (
    file INTEGER PRIMARY KEY, path TEXT NOT NULL, template INTEGER NOT NULL, rank BLOB NOT NULL
) STRICT;
CREATE TABLE moves (name INTEGER NOT NULL, source TEXT NOT NULL, goal TEXT NOT NULL) STRICT;

CREATE VIEW v_runs AS SELECT run, job, started, ended, exit_code, complete FROM runs;
"""

# What version 1 called a name was a key and a template. Where its row is gone (a nearer item named the file
# otherwise), the files of older runs still say the pair: such a name bears no path, and has no template any more.
_CARRIED = """
INSERT INTO runs SELECT rowid, run, job, started, ended, exit_code, complete, open, fingerprint, item_limit, seconds
    FROM runs_1;
INSERT INTO hosts (text) SELECT DISTINCT host FROM files_1 WHERE host <> '';
INSERT INTO templates (text) SELECT template FROM names_1
    UNION SELECT better_template FROM files_1 WHERE better_template IS NOT NULL;

CREATE TEMP TABLE pairs AS
    SELECT row_number() OVER (ORDER BY min(at)) AS id, key, template FROM (
        SELECT key, template, id AS at FROM files_1 UNION ALL SELECT key, template, 1 << 62 FROM names_1
    ) GROUP BY key, template;
CREATE UNIQUE INDEX pairs_key ON pairs (key, template);
INSERT INTO names
    SELECT p.id, p.key, CASE WHEN n.key IS NULL THEN 0 ELSE t.id END, n.path, coalesce(n.complete, 0),
        n.key IS NOT NULL AND k.key IS NOT NULL, coalesce(r.id, 0)
    FROM pairs p LEFT JOIN names_1 n ON n.key = p.key AND n.template = p.template
    LEFT JOIN templates t ON t.text = n.template LEFT JOIN runs r ON r.run = n.run
    LEFT JOIN file_keys k ON k.key = p.key AND k.template = p.template
    ORDER BY p.id;
INSERT OR IGNORE INTO marks
    SELECT mark, name FROM (
        SELECT key_mark(key) AS mark, id AS name FROM names
        UNION ALL SELECT path_mark(path), id FROM names WHERE path IS NOT NULL
        UNION ALL SELECT fold_mark(fold), 0 FROM folders
    ) ORDER BY mark, name;
UPDATE marked SET upto = (SELECT coalesce(max(id), 0) FROM names);

CREATE TEMP TABLE ids AS
    SELECT f.id AS old, r.id << 40 | p.id AS id, p.id AS name, r.id AS run,
        CASE WHEN json_extract(nullif(f.download, ''), '$.digests') = '{}' THEN json_remove(f.download, '$.digests')
            ELSE nullif(f.download, '') END AS said
    FROM files_1 f JOIN runs r ON r.run = f.run JOIN pairs p ON p.key = f.key AND p.template = f.template
    ORDER BY r.id, p.id;
INSERT INTO files
    SELECT i.id, h.id, f.rank, f.state,
        CASE WHEN i.said IS NULL THEN 0 ELSE coalesce(json_extract(i.said, '$.found'), 1)
            + 2 * coalesce(json_extract(i.said, '$.keyed'), 0)
            + 4 * coalesce(json_extract(i.said, '$.via_public'), 0) END,
        f.stood, CASE WHEN f.url <> f.key THEN f.url END,
        CASE WHEN n.complete = 0 OR json_extract(i.said, '$.path') IS NOT n.path
            THEN json_extract(i.said, '$.path') END,
        CASE WHEN f.part IS NOT part_name(n.path) THEN f.part END,
        nullif(json_remove(json_patch('{}', i.said), '$.key', '$.path', '$.place', '$.template', '$.found', '$.keyed',
            '$.via_public',
            CASE WHEN json_extract(i.said, '$.url') IS f.url THEN '$.url' ELSE '$.path' END,
            CASE WHEN json_extract(i.said, '$.item_key') IS f.item_key THEN '$.item_key' ELSE '$.path' END,
            CASE WHEN json_extract(i.said, '$.found_on') IS f.found_on THEN '$.found_on' ELSE '$.path' END), '{}'),
        f.item_key, f.found_on, f.ending, f.status, f.bytes, f.attempts, CAST(round(f.seconds * 1000) AS INTEGER),
        f.why
    FROM ids i JOIN files_1 f ON f.id = i.old JOIN names n ON n.id = i.name LEFT JOIN hosts h ON h.text = f.host
    ORDER BY i.id;
INSERT INTO contents
    SELECT i.name, i.run, CASE WHEN f.ending = 'saved' THEN f.bytes END, from_hex(f.sha256), f.type, f.etag,
        f.last_modified
    FROM ids i JOIN files_1 f ON f.id = i.old
    WHERE f.state = 1 AND coalesce(f.bytes, f.sha256, f.type, f.etag, f.last_modified) IS NOT NULL
    ORDER BY i.name, i.run;
INSERT OR IGNORE INTO contents
    SELECT n.id, r.id, c.bytes, from_hex(c.sha256), c.type, c.etag, c.last_modified
    FROM contents_1 c JOIN names n ON n.path = c.path JOIN runs r ON r.run = c.run;
INSERT INTO parts SELECT i.id, f.part_inode, NULL, f.etag, f.last_modified, NULL, NULL, ''
    FROM ids i JOIN files_1 f ON f.id = i.old WHERE f.state = 0 AND f.part_inode IS NOT NULL;
INSERT INTO better SELECT i.id, f.better_path, t.id, f.better_rank
    FROM ids i JOIN files_1 f ON f.id = i.old JOIN templates t ON t.text = f.better_template
    WHERE f.better_path IS NOT NULL;
INSERT INTO moves SELECT p.id, m.source, m.goal
    FROM moves_1 m JOIN pairs p ON p.key = m.key AND p.template = m.template ORDER BY m.rowid;

DROP TABLE pairs;
DROP TABLE ids;
DROP TABLE files_1;
DROP TABLE names_1;
DROP TABLE runs_1;
DROP TABLE moves_1;
DROP TABLE contents_1;
DROP TABLE file_keys;
DROP TABLE folders;
"""

# What a complete run met was finished then; of older runs only the last one in which an item was met is known.
_SINCE_2 = """
ALTER TABLE items ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
UPDATE items SET settled = 1 WHERE last_run IN (SELECT run FROM runs WHERE complete);
ALTER TABLE pages ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
DROP INDEX pages_open;
CREATE INDEX pages_open ON pages (run, host, turn, rank) WHERE state = 0;
CREATE INDEX items_read ON items (read);
CREATE INDEX pages_read ON pages (identity) WHERE ending IN ('ok', 'unchanged');
ALTER TABLE pages ADD COLUMN asked TEXT;
CREATE TABLE aliases (
    identity TEXT NOT NULL, run TEXT NOT NULL, page INTEGER NOT NULL, url TEXT, PRIMARY KEY (identity, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_page ON aliases (page);
"""

# When things ended, what every attempt before the last came to, and what a run was for. What a run saved is told with
# its size also when nothing is known to stand there any more (standing.let_go).
_SINCE_3 = """
ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'run';
ALTER TABLE pages ADD COLUMN ended INTEGER;
ALTER TABLE files ADD COLUMN ended INTEGER;
ALTER TABLE pages ADD COLUMN final TEXT;
ALTER TABLE files ADD COLUMN final TEXT;
CREATE TABLE attempts (
    run INTEGER NOT NULL, kind TEXT NOT NULL, target INTEGER NOT NULL, n INTEGER NOT NULL, ended INTEGER NOT NULL,
    url TEXT NOT NULL, status INTEGER, class TEXT NOT NULL, why TEXT NOT NULL
) STRICT;
CREATE INDEX attempts_target ON attempts (kind, target);
DROP VIEW IF EXISTS v_files;
CREATE VIEW v_files AS
    SELECT r.run, coalesce(f.url, n.key) AS url, n.key, f.item_key, n.path, f.ending, f.status,
        coalesce(f.bytes, o.bytes, c.bytes) AS bytes,
        nullif(lower(hex(coalesce(o.sha256, c.sha256))), '') AS sha256,
        coalesce(o.type, c.type) AS type, coalesce(o.etag, c.etag) AS etag,
        coalesce(o.last_modified, c.last_modified) AS last_modified,
        f.attempts, f.ms / 1000.0 AS seconds, f.found_on
    FROM runs r CROSS JOIN files f ON f.id >= r.id << 40 AND f.id < (r.id + 1) << 40
    JOIN names n ON n.id = f.id & 0xFFFFFFFFFF
    LEFT JOIN contents o ON o.name = n.id AND o.run = r.id
    LEFT JOIN contents c ON f.ending IN ('unchanged', 'skipped:exists') AND c.name = n.id
        AND c.run = (SELECT max(run) FROM contents WHERE name = n.id AND bytes IS NOT NULL);
"""

MIGRATIONS: tuple[str, ...] = (
    _PAGES + _FILES_1, _APART + _FILES + _CARRIED, _SINCE_2, _SINCE_3,
)  # fmt: skip
"""Step n brings a ledger from version n to n + 1; db.py lends the functions that it calls."""
NEW = _PAGES + _FILES + _SINCE_2 + _SINCE_3
"""A ledger that begins: what all steps come to, without the way there."""
