"""Files in the ledger: reserved, queued, named, ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, count

from scraper import secrets, urls
from scraper.files import decide, naming
from scraper.model import Download, Outcome, Stood
from scraper.state import codec, names
from scraper.state.book import Book
from scraper.state.db import Row

BATCH = 200
"""Outcomes that wait in memory before they are written."""


@dataclass(frozen=True, slots=True)
class FileTask:
    """A file to be fetched: its reserved path, whether that is complete, its part, what stood there."""

    id: int
    download: Download
    path: str
    complete: bool
    part: str | None
    stood: int | None
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A completed name, or the ending that what stands there brings."""

    path: str
    part: str
    stood: int | None
    ending: str | None


class FileBook(Book):
    """Files."""

    def add_download(self, download: Download) -> None:
        """Reserves the name of a file and queues it, unless what stands there ends it at once (part of T1)."""
        download = replace(download, key=secrets.display(download.key))
        with self.db.transaction():
            known = self.db.row(
                "SELECT id, rank, better_rank FROM files WHERE run = ? AND key = ?", self.run, download.key
            )
            rank = codec.encode_rank(download.place)
            if known is not None:
                self._found_again(known, download, rank)
                return
            download = self._named_before(download)
            name = names.reserve(self.db, self.run, download.key, download.template, download.path, self._is_folder)
            stood = self._look(name.path) if name.complete else None
            ending = decide.at_reservation(stood, self._existing)
            part = self._free_part(download.key, name.path) if name.complete else None
            self._insert_file(download, rank, stood, part, ending)

    def _named_before(self, download: Download) -> Download:
        """Where an earlier run named the file by another template that the job still has, that name holds."""
        held = self.db.value(
            "SELECT k.template FROM file_keys k JOIN names n ON n.key = k.key AND n.template = k.template"
            " WHERE k.key = ?",
            download.key,
        )
        return replace(download, template=held) if held in self._templates else download

    def add_failed(self, url: str, ending: str, why: str, place: tuple[int, ...]) -> None:
        """A file that is not even queued: its URL is none."""
        with self.db.transaction():
            self.db.execute(
                "INSERT OR IGNORE INTO files (run, key, template, url, host, download, rank, state, ending, why)"
                " VALUES (?, ?, '', ?, '', '', ?, 1, ?, ?)",
                self.run, url, secrets.display(url), codec.encode_rank(place), ending, why,
            )  # fmt: skip

    def _insert_file(
        self, download: Download, rank: bytes, stood: Stood | None, part: str | None, ending: str | None
    ) -> None:
        host = urls.host_key(download.url)
        item_key = secrets.display(download.item_key) if download.item_key is not None else None
        self.db.execute(
            "INSERT INTO files (run, key, template, url, host, download, rank, state, stood, part, ending, item_key,"
            " found_on, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self.run, download.key, download.template, secrets.display(download.url), host,
            codec.dump_download(download), rank, 0 if ending is None else 1, stood and stood.inode, part, ending,
            item_key, download.found_on and secrets.display(download.found_on),
            "a file stands under its name" if ending else None,
        )  # fmt: skip
        self.db.execute(
            "INSERT INTO file_keys VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET template = excluded.template",
            download.key, download.template,
        )  # fmt: skip
        if ending is None:
            self._more("file", host)

    def _found_again(self, known: Row, download: Download, rank: bytes) -> None:
        """The first in record order names a file; who comes too late for that is noted, and served by `settle`."""
        if rank < known["rank"] and (known["better_rank"] is None or rank < known["better_rank"]):
            item_key = secrets.display(download.item_key) if download.item_key is not None else None
            self.db.execute(
                "UPDATE files SET better_path = ?, better_template = ?, better_rank = ?, item_key = ? WHERE id = ?",
                download.path, download.template, rank, item_key, known["id"],
            )  # fmt: skip

    def _free_part(self, key: str, path: str) -> str:
        """The part beside a name; where somebody else's stands there, ours takes another name."""
        others = (naming.part_name(path, f"{key}\n{n}" if n else key) for n in count())
        return next(part for part in chain([naming.part_name(path)], others) if self._look(part) is None)

    def next_files(self, host: str, limit: int, skip: set[int]) -> list[FileTask]:
        """Open files of a host in record order, without those in `skip`."""
        self.flush()
        rows = self.db.rows(
            "SELECT f.id, f.download, f.part, f.stood, n.path, n.complete, c.etag, c.last_modified FROM files f"
            " JOIN names n ON n.key = f.key AND n.template = f.template LEFT JOIN contents c ON c.path = n.path"
            " WHERE f.run = ? AND f.host = ? AND f.state = 0 ORDER BY f.rank LIMIT ?",
            self.run, host, limit + len(skip),
        )  # fmt: skip
        return [_file_task(row) for row in rows if row["id"] not in skip][:limit]

    def open_paths(self) -> list[str]:
        """The names of the files that are still to be fetched."""
        rows = self.db.rows(
            "SELECT n.path FROM files f JOIN names n ON n.key = f.key AND n.template = f.template"
            " WHERE f.run = ? AND f.state = 0 ORDER BY f.rank",
            self.run,
        )
        return [row["path"] for row in rows]

    def files_met(self) -> int:
        """Files of this run so far."""
        return int(self.db.value("SELECT count(*) FROM files WHERE run = ?", self.run))

    def complete_name(self, task: FileTask, path: str) -> Named:
        """T1b: the whole name of a file, now that the response told its extension."""
        download = task.download
        with self.db.transaction():
            whole = names.complete(self.db, self.run, download.key, download.template, path, self._is_folder)
            stood = self._look(whole)
            part = self._free_part(download.key, whole)
            self.db.execute("UPDATE files SET stood = ?, part = ? WHERE id = ?", stood and stood.inode, part, task.id)
            ending = decide.at_reservation(stood, self._existing)
            return Named(whole, part, None if stood is None else stood.inode, ending)

    def note_part(self, file_id: int, inode: int, etag: str | None, last_modified: str | None) -> None:
        """T2: the inode of a part that is about to replace what stands under its name."""
        self.db.execute(
            "UPDATE files SET part_inode = ?, etag = ?, last_modified = ? WHERE id = ?",
            inode, etag, last_modified, file_id,
        )  # fmt: skip

    def forget_part(self, file_id: int) -> None:
        """The part that was noted is removed, and its inode may become another file's."""
        self.db.execute("UPDATE files SET part_inode = NULL WHERE id = ? AND part_inode IS NOT NULL", file_id)

    def plan_moves(self) -> None:
        """Writes down the new names of files that a nearer item names otherwise, and the moves that they take.

        A name that an earlier run gave holds.
        """
        with self.db.transaction():
            self.flush()
            for row in self.db.rows(
                "SELECT f.id, f.key, f.template, f.ending, f.better_path, f.better_template, n.path, n.complete, n.run"
                " FROM files f JOIN names n ON n.key = f.key AND n.template = f.template"
                " WHERE f.run = ? AND f.better_path IS NOT NULL ORDER BY f.better_rank",
                self.run,
            ):
                self._plan_move(row)

    def _plan_move(self, row: Row) -> None:
        self.db.execute("UPDATE files SET better_path = NULL WHERE id = ?", row["id"])
        if row["run"] != self.run or not row["complete"] or row["ending"] in decide.OF_OTHERS:
            return
        template, better = row["better_template"], row["better_path"]
        path = naming.complete(better, naming.known_ext(row["path"])) if naming.is_open(better) else better
        if path == row["path"]:
            return
        self.db.execute("DELETE FROM names WHERE key = ? AND template = ?", row["key"], row["template"])
        self.db.execute("UPDATE files SET template = ? WHERE id = ?", template, row["id"])
        self.db.execute("UPDATE file_keys SET template = ? WHERE key = ?", template, row["key"])
        whole = names.complete(self.db, self.run, row["key"], template, path, self._is_folder)
        if whole != row["path"] and row["ending"] == "saved":
            self._note_move(row["key"], template, row["path"], whole)

    def _note_move(self, key: str, template: str, path: str, to: str, *, stands: str | None = None) -> None:
        """A file that stands under `stands`, or else `path`, by which the ledger knows it, is to stand under `to`."""
        self.db.execute("UPDATE OR REPLACE contents SET path = ? WHERE path = ?", to, path)
        if to != (stands or path):
            self.db.execute("INSERT INTO moves VALUES (?, ?, ?, ?)", key, template, stands or path, to)

    def next_move(self) -> Row | None:
        """The first of the moves that are written down."""
        return self.db.row("SELECT rowid, key, template, source, goal FROM moves ORDER BY rowid LIMIT 1")

    def end_move(self, move: Row, *, done: bool) -> None:
        """A move was carried out, or refused: then the file keeps the name that it has, or gets another."""
        with self.db.transaction():
            self.db.execute("DELETE FROM moves WHERE rowid = ?", move["rowid"])
            if not done:
                key, template, stands = move["key"], move["template"], move["source"]
                kept = names.complete(self.db, self.run, key, template, stands, self._is_folder)
                self._note_move(key, template, move["goal"], kept, stands=stands)

    @property
    def replaces(self) -> bool:
        """Whether a file may be put over what stands under its name."""
        return self._existing in decide.REPLACING

    def finish(self, file_id: int, outcome: Outcome) -> None:
        """T3, batched: how a file ended. Most calls only add to the batch, and wait for nobody."""
        with self._full:
            self._outcomes.append((file_id, outcome))
            is_full = len(self._outcomes) >= BATCH
        if is_full:
            self.flush()

    def flush(self) -> None:
        """Writes the outcomes that wait in memory."""
        with self.db.transaction():
            with self._full:
                outcomes, self._outcomes = self._outcomes, []
            for file_id, outcome in outcomes:
                self._write_outcome(file_id, outcome)

    def _write_outcome(self, file_id: int, outcome: Outcome) -> None:
        row = self.db.row("SELECT run, host, key, template, state FROM files WHERE id = ?", file_id)
        assert row is not None, "a file that was handed out"
        self.db.execute(
            "UPDATE files SET state = 1, ending = ?, status = ?, bytes = ?, sha256 = ?, type = ?, etag = ?,"
            " last_modified = ?, attempts = ?, seconds = ?, why = ? WHERE id = ?",
            outcome.ending, outcome.status, outcome.bytes if outcome.kind == "saved" else None, outcome.sha256,
            outcome.type, outcome.etag, outcome.last_modified, outcome.attempts, round(outcome.seconds, 3),
            outcome.why or None, file_id,
        )  # fmt: skip
        if outcome.kind == "saved":
            self.db.execute(
                "INSERT OR REPLACE INTO contents SELECT path, ?, ?, ?, ?, ?, ? FROM names"
                " WHERE key = ? AND template = ?",
                row["run"], outcome.bytes, outcome.sha256, outcome.type, outcome.etag, outcome.last_modified,
                row["key"], row["template"],
            )  # fmt: skip
        if row["state"] == 0 and row["run"] == self.run:
            self._less("file", row["host"])


def _file_task(row: Row) -> FileTask:
    return FileTask(
        row["id"], codec.load_download(row["download"]), row["path"], bool(row["complete"]), row["part"],
        row["stood"], row["etag"], row["last_modified"],
    )  # fmt: skip
