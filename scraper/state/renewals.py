"""New URLs for files that were refused (JOBS.md, Files): which page to read again, and what becomes of the rows.

A file's rank says where it was found: the place of its page, the match on it, its number there. So the reading that
gave it is found by rank; the index for that is made when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass

from scraper.model import Download
from scraper.state import codec
from scraper.state.batch import host_key
from scraper.state.codec import shown
from scraper.state.files import FileBook
from scraper.state.pages import PageTask

_INDEX = "CREATE INDEX IF NOT EXISTS reads_rank ON reads (rank)"
_RANK = "SELECT coalesce(b.rank, f.rank) FROM files f LEFT JOIN better b ON b.file = f.id WHERE f.id = ?"
_READ = (
    "SELECT r.id, r.page, r.request FROM reads r JOIN pages p ON p.id = r.page"
    " WHERE r.rank = ?1 AND p.run = ?2 AND p.ending IN ('ok', 'unchanged')"
)
_READ_BEFORE = (
    "SELECT r.id, r.page, r.request FROM reads r JOIN pages p ON p.id = r.page JOIN runs s ON s.run = p.run"
    " JOIN files f ON f.id = (s.id << 40 | (?2 & 0xFFFFFFFFFF))"
    " WHERE r.rank = ?1 AND p.ending IN ('ok', 'unchanged') ORDER BY s.id DESC LIMIT 1"
)
"""The page on which an earlier run found a file: a run of its own fetches files of pages that it has not read."""
_OPEN = (
    "SELECT f.id, f.rank, h.text, n.key, coalesce(f.url, n.key) FROM json_each(?) j JOIN names n ON n.id = j.value"
    " JOIN files f ON f.id = ? << 40 | n.id JOIN hosts h ON h.id = f.host WHERE f.state = 0"
)
_BELOW = 2
"""Numbers of a file's place below its page: the match, and the file in it."""


@dataclass(frozen=True, slots=True)
class _Renewed:
    """An open file and what its page says of it now."""

    file: int
    rank: bytes
    host: str
    key: str
    download: Download

    @property
    def new_host(self) -> str:
        """Under which it is kept from now on."""
        return host_key(self.download.url)


class RenewalBook(FileBook):
    """Files whose URLs have expired."""

    def page_of(self, file_id: int) -> PageTask | None:
        """The page on which a file of this run was found, to be read again by that rule; None where there is none."""
        place = codec.decode_rank(self.db.value(_RANK, file_id))
        if len(place) <= _BELOW:
            return None
        self.db.execute(_INDEX)
        rank = codec.encode_rank(place[:-_BELOW])
        row = self.db.row(_READ, rank, self.run)
        if row is None and self.db.value("SELECT kind FROM runs WHERE run = ?", self.run) != "run":
            row = self.db.row(_READ_BEFORE, rank, file_id)
        return None if row is None else PageTask(row["page"], codec.load_request(row["request"]), read=row["id"])

    def renew(self, downloads: Iterable[Download], waiting: Set[int]) -> tuple[set[int], dict[int, Download]]:
        """Gives open files the URLs that their page has for their keys now; names, paths and parts stay.

        Args:
            downloads: what was read on the page.
            waiting: files that were refused; each gets a new URL once a run.

        Returns:
            those of `waiting` that have one: they are handed out again, and so are others that nobody fetches yet;
            and those that somebody fetches from the URL that they had: nothing of them is changed.
        """
        now = {shown(each.key): each for each in downloads if each.keyed}
        with self.db.held():
            with self.db.transaction():
                self.flush()
                found = self._open_of(now)
                renewed = [each for each in found if each.file in waiting or not self._is_out(each.file)]
                for each in renewed:
                    self._note_url(each, is_last=each.file in waiting)
            for each in renewed:
                self._hand_back(each)
        done = {each.file for each in renewed}
        return done & waiting, {each.file: each.download for each in found if each.file not in done}

    def _open_of(self, now: dict[str, Download]) -> list[_Renewed]:
        """The open files of these keys that have another URL now."""
        names = {name for _, name in self._marks.find([codec.key_mark(key) for key in now])}
        return [
            _Renewed(file, rank, host, key, now[key])
            for file, rank, host, key, url in self.db.tuples(_OPEN, repr(sorted(names)), self._number)
            if key in now and url != shown(now[key].url)
        ]

    def _is_out(self, file: int) -> bool:
        """Whether somebody fetches it, or has it finished."""
        with self._lock:
            return file in self._host_of or file in self._outcomes

    def _note_url(self, new: _Renewed, *, is_last: bool) -> None:
        download = new.download
        flags = codec.flags_of(download) | (codec.RENEWED if is_last else 0)
        self.db.execute(
            "UPDATE files SET url = ?, more = ?, flags = ?, host = ? WHERE id = ?",
            None if download.url == new.key else shown(download.url), codec.dump_more(download), flags,
            self._host_numbers.one(new.new_host), new.file,
        )  # fmt: skip

    def _hand_back(self, new: _Renewed) -> None:
        """It is counted under the host that it has now, and handed out from there."""
        with self._lock:
            self._host_of.pop(new.file, None)
            if (hand := self._hands.get(new.host)) is not None:
                hand.out.discard(new.file)
            if (hand := self._hands.get(new.new_host)) is not None:
                hand.last = None  # it stands before what was handed out last, or is that itself
        self._less("file", new.host)
        self._open_files([(new.new_host, new.rank, new.file)])
