"""How files end, in batches (T3), and what is noted of their parts while they come (T2).

`finish` is called by whoever fetches, thousands of times a second: it only adds to a list. One thread writes:
`flush` puts what waits into the ledger, a statement for many rows, and what is not at the default alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from scraper.model import Outcome, PartNote
from scraper.state.book import OF_NAME, Book
from scraper.state.schema import NAME_BITS

WAITING = 500
"""Outcomes that wait in memory before somebody is woken to write them."""


@dataclass(slots=True)
class Hand:
    """The files of a host that were handed out and have not ended; `last` is the rank and id of the last one."""

    out: set[int] = field(default_factory=set)
    last: tuple[bytes, int] | None = None


class EndBook(Book):
    """Files on their way, and how they end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._outcomes: dict[int, Outcome] = {}
        self._hands: dict[str, Hand] = {}
        self._host_of: dict[int, str] = {}
        self._unheld: list[int] = []
        self._noted: set[int] = set()
        self._attempts: list[tuple[Any, ...]] = []

    def begin(self, run: str) -> None:
        """Works on this run from now on."""
        super().begin(run)
        noted = {file for (file,) in self.db.tuples("SELECT file FROM parts")}
        with self._lock:
            self._hands.clear()
            self._host_of.clear()
            self._noted = noted

    # -- T2 ----------------------------------------------------------------------------------------------

    def note_part(self, file_id: int, note: PartNote) -> None:
        """T2: what is known of a part: before it replaces what stands under its name, and while a large one comes."""
        ranges = None if note.ranges is None else json.dumps(note.ranges)
        with self._lock:
            self._noted.add(file_id)
        self.db.execute(
            "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            file_id, note.inode, note.validator, note.etag, note.last_modified, note.total, ranges, note.boot,
        )  # fmt: skip

    def forget_part(self, file_id: int) -> None:
        """The part that was noted is to be removed, and its inode may become another file's."""
        with self._lock:
            is_noted = file_id in self._noted
            self._noted.discard(file_id)
        if is_noted or not self.run:
            self.db.execute("DELETE FROM parts WHERE file = ?", file_id)

    def _notes(self, files: list[int]) -> dict[int, PartNote]:
        """What is noted of the parts of these files."""
        with self._lock:
            noted = self._noted.intersection(files)
        if not noted:
            return {}
        rows = self.db.tuples("SELECT * FROM parts WHERE file IN (SELECT value FROM json_each(?))", repr(list(noted)))
        return {file: part_note(*note) for file, *note in rows}

    # -- attempts ----------------------------------------------------------------------------------------

    def note_attempt(
        self, kind: str, target: int, n: int, url: str, *, status: int | None, name: str, why: str
    ) -> None:
        """An attempt at a page or file (its id) failed, and another is made; written with the next flush.

        Args:
            n: which attempt it was, from 1. name: the class of the failure.
        """
        with self._lock:
            self._attempts.append((self._number, kind, target, n, self._stamp(), url, status, name, why))

    def _stamp(self) -> int:
        """Now, as the ledger keeps it."""
        return round(self._now().timestamp() * 1000)

    # -- T3 ----------------------------------------------------------------------------------------------

    def finish(self, file_id: int, outcome: Outcome) -> None:
        """T3, batched: how a file ended. Waits for nobody and writes nothing; `wake` is called when many wait."""
        with self._lock:
            self._outcomes[file_id] = outcome
            host = self._host_of.pop(file_id, None)
            if host is None:
                self._unheld.append(file_id)
            else:
                self._let_go(file_id, host)
            is_enough = len(self._outcomes) % WAITING == 0
        if is_enough:
            self._wake()

    def _let_go(self, file_id: int, host: str) -> None:
        """A file that was handed out has its ending. Only with the lock held."""
        self._less_held("file", host)
        hand = self._hands[host]
        hand.out.discard(file_id)
        if not hand.out and host not in self.pending["file"]:
            del self._hands[host]

    def flush(self) -> None:
        """Writes the outcomes that wait in memory. Where the disk refuses, they wait on."""
        taken: dict[int, Outcome] = {}
        tried: list[tuple[Any, ...]] = []
        try:
            with self.db.held():
                if self._outcomes or self._attempts:
                    with self.db.transaction():
                        with self._lock:
                            taken, self._outcomes = self._outcomes, {}
                            tried, self._attempts = self._attempts, []
                        self._write(taken)
                        self.db.many("INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", tried)
        except BaseException:
            with self._lock:
                self._outcomes = taken | self._outcomes
                self._attempts = tried + self._attempts
            raise

    def _write(self, ended: dict[int, Outcome]) -> None:
        self._count_unheld()
        now = self._stamp()
        self.db.many(
            "UPDATE files SET state = 1, ending = ?, status = ?, bytes = ?, attempts = ?, ms = ?, why = ?, final = ?,"
            " ended = ? WHERE id = ?",
            [(*_told(outcome), now, file) for file, outcome in ended.items()],
        )
        self.db.many(
            "INSERT OR REPLACE INTO contents VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (file & OF_NAME, file >> NAME_BITS, *_content(outcome))
                for file, outcome in ended.items()
                if _has_content(outcome)
            ],
        )
        self.db.many("DELETE FROM parts WHERE file = ?", self._notes_of(set(ended)))

    def _notes_of(self, files: set[int]) -> list[tuple[int]]:
        """Those whose part may be noted: before a run is begun nothing of that is in memory."""
        with self._lock:
            noted = self._noted & files if self.run else files
            self._noted -= noted
        return [(file,) for file in noted]

    def _count_unheld(self) -> None:
        """Files that end without having been handed out (found whole on the disk) are open no more either."""
        with self._lock:
            unheld, self._unheld = self._unheld, []
        if unheld:
            for (host,) in self.db.tuples(
                "SELECT h.text FROM files f JOIN hosts h ON h.id = f.host"
                " WHERE f.id IN (SELECT value FROM json_each(?)) AND f.state = 0 AND f.id >> 40 = ?",
                repr(unheld), self._number,
            ):  # fmt: skip
                self._less("file", host)


def _told(outcome: Outcome) -> tuple[Any, ...]:
    size = outcome.bytes if outcome.ending == "saved" else None
    return (
        outcome.ending, outcome.status, size, outcome.attempts, round(outcome.seconds * 1000), outcome.why or None,
        outcome.final,
    )  # fmt: skip


def _content(outcome: Outcome) -> tuple[Any, ...]:
    size = outcome.bytes if outcome.ending == "saved" else None
    digest = outcome.sha256 and bytes.fromhex(outcome.sha256)
    return size, digest, outcome.type, outcome.etag, outcome.last_modified


def _has_content(outcome: Outcome) -> bool:
    return bool(outcome.ending == "saved" or outcome.sha256 or outcome.type or outcome.etag or outcome.last_modified)


def part_note(
    inode: int, validator: str | None, etag: str | None, last_modified: str | None, total: int | None,
    ranges: str | None, boot: str,
) -> PartNote:  # fmt: skip
    """A row of `parts`."""
    written = None if ranges is None else tuple((begin, end) for begin, end in json.loads(ranges))
    return PartNote(inode, validator, etag, last_modified, total, written, boot)
