"""Files in the ledger: handed out, and their names completed.

They are handed out in record order. For each host the rank of the last one is remembered, so that what is on its way
is not read again each time; what comes later and stands before it, or was handed out and is asked for again, makes
the next reading begin anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Any

from scraper.files import decide, naming
from scraper.model import Download, PartNote, Stood
from scraper.state import codec
from scraper.state.batch import Looks, free_part
from scraper.state.book import OF_NAME
from scraper.state.endings import Hand
from scraper.state.moves import MoveBook
from scraper.values import dataclass


@dataclass(frozen=True, slots=True)
class FileTask:
    """A file to be fetched: its reserved path, whether that is complete, its part, what stood there.

    Attributes:
        etag, last_modified: of what the ledger knows to stand there.
        noted: of a part that stands there, from an earlier attempt or process.
        renewed: whether it was refused in this run, and has got a new URL.
    """

    id: int
    download: Download
    path: str
    complete: bool
    part: str | None
    stood: int | None
    etag: str | None = None
    last_modified: str | None = None
    noted: PartNote | None = None
    renewed: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """A completed name, or the ending that what stands there brings."""

    path: str
    part: str
    stood: int | None
    ending: str | None


_OPEN = (
    "SELECT f.id, f.rank, f.flags, f.stood, f.url, f.path, f.part, f.more, f.item_key, f.found_on,"
    " n.key, n.path, n.complete, t.text FROM files f INDEXED BY files_open"
    " JOIN names n ON n.id = f.id & 0xFFFFFFFFFF JOIN templates t ON t.id = n.template"
    " WHERE f.state = 0 AND f.host = (SELECT id FROM hosts WHERE text = ?1)"
)
_FROM_THE_FIRST = f"{_OPEN} AND f.id NOT IN (SELECT value FROM json_each(?2)) ORDER BY f.rank, f.id LIMIT ?3"  # noqa: S608 - texts of ours
_FURTHER = f"{_OPEN} AND (f.rank, f.id) > (?2, ?3) ORDER BY f.rank, f.id LIMIT ?4"
_STANDS = (
    "SELECT c.name, c.etag, c.last_modified FROM json_each(?) j JOIN contents c ON c.name = j.value"
    " AND c.run = (SELECT max(run) FROM contents WHERE name = j.value AND bytes IS NOT NULL)"
)
_NOTHING = (None, None)


class FileBook(MoveBook):
    """Files."""

    def next_files(self, host: str, limit: int, skip: Set[int]) -> list[FileTask]:
        """Open files of a host in record order, without those in `skip`."""
        with self.db.held():
            with self._lock:
                hand = self._hands.get(host) or Hand()
                last = hand.last if hand.out <= skip else None
            if last is None:
                self.flush()
                rows = self.db.tuples(_FROM_THE_FIRST, host, repr(list(skip)), limit)
            else:
                rows = self.db.tuples(_FURTHER, host, *last, limit)
            return self._hand_out(host, hand, rows, skip)

    def _hand_out(self, host: str, hand: Hand, rows: list[tuple[Any, ...]], skip: Set[int]) -> list[FileTask]:
        if not rows:
            return []
        with self._lock:
            hand.last = (rows[-1][1], rows[-1][0])
            rows = [row for row in rows if row[0] not in skip and row[0] not in self._outcomes]
            given = [row[0] for row in rows]
            if not skip <= hand.out:
                hand.last = None  # what is skipped and not out is handed back just now, and may stand before it
            hand.out.update(given)
            self._hands[host] = hand
            self._host_of.update(dict.fromkeys(given, host))
        notes = self._notes(given)
        stands = self._stands([row[0] & OF_NAME for row in rows if row[3] is not None])
        return [_task(row, notes.get(row[0]), *stands.get(row[0] & OF_NAME, _NOTHING)) for row in rows]

    def _stands(self, names: list[int]) -> dict[int, tuple[str | None, str | None]]:
        """The validators of what is known to stand under names."""
        rows = self.db.tuples(_STANDS, repr(names)) if names else []
        return {name: (etag, last_modified) for name, etag, last_modified in rows}

    def open_paths(self) -> Iterator[str]:
        """The names of the files that are still to be fetched; the ledger must not change meanwhile."""
        for row in self.db.stream(
            "SELECT n.path FROM files f INDEXED BY files_open JOIN names n ON n.id = f.id & 0xFFFFFFFFFF"
            " WHERE f.state = 0 ORDER BY f.rank, f.id"
        ):
            yield row["path"]

    def complete_name(self, task: FileTask, path: str) -> Named:
        """T1b: the whole name of a file, now that the response told its extension."""
        return self.complete_names(((task, path),))[0]

    def complete_names(self, told: Sequence[tuple[FileTask, str]]) -> list[Named]:
        """T1b for many files, in one transaction, with the result of `complete_name` one by one."""
        with self.db.transaction():
            looks = Looks(self._look, self._look_many)
            names = self._reservations(looks)
            paths = [path for _, path in told]
            looks.ask(paths)
            names.ask_folds(map(naming.fold, paths))
            named = self._named([task.id & OF_NAME for task, _ in told])
            whole = [names.rename(name, name.template, path) for name, path in zip(named, paths, strict=True)]
            names.write()
            looks.ask([naming.part_name(path) for path in whole])
            parts = [free_part(name.key, path, looks) for name, path in zip(named, whole, strict=True)]
            given = [
                Named(path, part or naming.part_name(path), _inode(stood), self._at_reservation(stood))
                for path, part, stood in zip(whole, parts, map(looks, whole), strict=True)
            ]
            self.db.many(
                "UPDATE files SET stood = ?, part = ? WHERE id = ?",
                [(each.stood, part, task.id) for each, part, (task, _) in zip(given, parts, told, strict=True)],
            )
            return given

    def _at_reservation(self, stood: Stood | None) -> str | None:
        return decide.at_reservation(stood, self._existing)


def _inode(stood: Stood | None) -> int | None:
    return None if stood is None else stood.inode


def _task(row: tuple[Any, ...], noted: PartNote | None, etag: str | None, last_modified: str | None) -> FileTask:
    file, rank, flags, stood, url, asked, part, more, item_key, found_on, key, path, complete, template = row
    download = codec.load_download(url or key, key, asked or path, template, item_key, found_on, rank, flags, more)
    if complete and part is None:
        part = naming.part_name(path)
    renewed = bool(flags & codec.RENEWED)
    return FileTask(file, download, path, bool(complete), part, stood, etag, last_modified, noted, renewed)
