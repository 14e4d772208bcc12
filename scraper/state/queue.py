"""Files queued: names reserved, what stands there looked at, rows written (part of T1). How: batch.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from scraper.model import Download
from scraper.state import codec
from scraper.state.batch import Batch, Looks
from scraper.state.codec import shown
from scraper.state.endings import EndBook
from scraper.state.names import NO_TEMPLATE, Name, Reservations
from scraper.state.schema import NAME_BITS

_PLAIN = "INSERT INTO files (id, host, rank, flags) VALUES (?, ?, ?, ?)"
_THERE = "INSERT INTO files (id, host, rank, flags, state, stood, ending) VALUES (?, ?, ?, ?, 1, ?, ?)"
_OTHER = (
    "INSERT INTO files (id, host, rank, flags, state, stood, url, more, item_key, found_on, path, part, ending, why)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class QueueBook(EndBook):
    """Files that are queued."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._met = 0
        self._met_seen = -1

    def begin(self, run: str) -> None:
        """Works on this run from now on."""
        super().begin(run)
        self._met_seen = -1

    def files_met(self) -> int:
        """Files of this run so far."""
        if self._met_seen != self.db.rollbacks:
            self._met = self.db.value(
                "SELECT count(*) FROM files WHERE id >= ? AND id < ?",
                self._number << NAME_BITS, self._number + 1 << NAME_BITS,
            )  # fmt: skip
            self._met_seen = self.db.rollbacks
        return self._met

    def add_download(self, download: Download) -> None:
        """Reserves the name of a file and queues it, unless what stands there ends it at once (part of T1)."""
        self.add_downloads((download,))

    def add_downloads(self, downloads: Sequence[Download]) -> None:
        """Reserves names and queues files in one transaction, with the result of `add_download` one by one."""
        if not downloads:
            return
        with self.db.transaction():
            looks = Looks(self._look, self._look_many)
            names = self._reservations(looks)
            templates = self._template_numbers.of({*self._templates, *(each.template for each in downloads)})
            lasting = {templates[each] for each in self._templates}
            hosts = self._host_numbers.of
            batch = Batch(names, looks, self._existing, self._number, templates, lasting, hosts)
            batch.take(downloads)
            names.write()
            self.db.many(_PLAIN, batch.plain)
            self.db.many(_THERE, batch.there)
            self.db.many(_OTHER, batch.other)
            self._met += len(batch.plain) + len(batch.there) + len(batch.other)
            self._open_files(batch.opened)
            for download, name, rank in batch.again:
                self._found_again(download, name, rank, templates[download.template])

    def _reservations(self, looks: Looks) -> Reservations:
        return Reservations(self.db, self._marks, self._number, looks.is_folder)

    def _open_files(self, opened: list[tuple[str, bytes, int]]) -> None:
        """Counts them. What stands in record order before what was handed out last is looked for again."""
        if self._hands:
            for host, rank, file in opened:
                hand = self._hands.get(host)
                if hand is not None and hand.last is not None and (rank, file) < hand.last:
                    hand.last = None
        self._more_of("file", Counter([host for host, _, _ in opened]))

    def _found_again(self, download: Download, known: Name, rank: bytes, template: int) -> None:
        """The first in record order names a file; who comes too late for that is noted, and served by `settle`."""
        assert known.rank is not None, "a file of this run"
        if rank < known.rank and (known.better is None or rank < known.better):
            known.better = rank
            file = self._id(known.id)
            item_key = None if download.item_key is None else shown(download.item_key)
            self.db.execute("INSERT OR REPLACE INTO better VALUES (?, ?, ?, ?)", file, download.path, template, rank)
            self.db.execute("UPDATE files SET item_key = ? WHERE id = ?", item_key, file)

    def add_failed(self, url: str, ending: str, why: str, place: tuple[int, ...]) -> None:
        """A file that is not even queued: its URL is none."""
        key = shown(url)
        with self.db.transaction():
            names = self._reservations(Looks(self._look, self._look_many))
            names.ask_keys((key,))
            of_key = names.of(key)
            if any(each.rank is not None for each in of_key):
                return
            name = next((each for each in of_key if each.path is None), None)
            name = name or names.new(key, NO_TEMPLATE, None, complete=False)
            names.write()
            self.db.execute(
                "INSERT INTO files (id, rank, state, ending, why) VALUES (?, ?, 1, ?, ?)",
                self._id(name.id), codec.encode_rank(place), ending, why,
            )  # fmt: skip
            self._met += 1
