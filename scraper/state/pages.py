"""Pages and their readings in the ledger.

A page is one row however many rules read it; each reading is a row of `reads`. Where
a page is found again by a nearer place (model.rank), that reading is done anew, so
that the result does not hang on which thread was faster.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scraper import secrets, urls
from scraper.model import Request
from scraper.state import codec
from scraper.state.book import Book

_NEAREST = (
    "SELECT p.id, p.sent, r.request FROM pages p JOIN reads r ON r.id = (SELECT min(id) FROM reads WHERE page = p.id)"
    " WHERE p.run = ? AND p.host = ? AND p.state = 0 ORDER BY p.rank LIMIT ?"
)
_IN_ORDER = _NEAREST.replace("p.rank", "substr(p.rank, 3)")
"""By place alone: a rank without its length, which takes two bytes as long as a place has fewer than 256 numbers."""


@dataclass(frozen=True, slots=True)
class PageTask:
    """A page to be fetched.

    Attributes:
        was_sent: whether a killed run had sent it already.
        read: of a page that was read and is read again for new URLs of its files: the reading that gave them.
    """

    id: int
    request: Request
    was_sent: bool = False
    read: int | None = None


def _is_welcome_now(ending: str, request: Request) -> bool:
    """Whether what barred an earlier finding of a page does not bar this one."""
    return {
        "skipped:outside": True,
        "skipped:robots": not request.found,
        "skipped:private": not request.via_public,
    }.get(ending, False)


class PageBook(Book):
    """Pages."""

    def add_requests(self, requests: Iterable[Request], found_on: str | None = None) -> None:
        """Queues requests; one that is there already keeps its nearest finding."""
        with self.db.transaction():
            for request in requests:
                self._add_request(request, found_on)

    def _add_request(self, request: Request, found_on: str | None) -> None:
        rank = codec.encode_rank((*request.place, request.n))
        page = self.db.row(
            "SELECT id, state, ending FROM pages WHERE run = ? AND identity = ?", self.run, request.identity
        )
        if page is None:
            page_id = self._insert_page(request, rank, found_on)
            self._insert_read(page_id, request, rank, 0)
            return
        if page["state"] == 1 and _is_welcome_now(page["ending"], request):
            self._reopen_skipped(page["id"], request, rank, found_on)
            return
        state = 0 if page["state"] == 0 else 3 if page["ending"] == "ok" else 1
        read = self.db.row("SELECT id, rank FROM reads WHERE page = ? AND rule = ?", page["id"], request.rule)
        if read is None:
            self._insert_read(page["id"], request, rank, state)
        elif rank < read["rank"]:
            self.db.execute(
                "UPDATE reads SET request = ?, rank = ?, state = ? WHERE id = ?",
                codec.dump_request(request), rank, state, read["id"],
            )  # fmt: skip

    def _reopen_skipped(self, page_id: int, request: Request, rank: bytes, found_on: str | None) -> None:
        """A page that one finding left out, and another may have."""
        self.db.execute("DELETE FROM reads WHERE page = ?", page_id)
        self.db.execute(
            "UPDATE pages SET state = 0, ending = NULL, why = NULL, rule = ?, rank = ?, found_on = ? WHERE id = ?",
            request.rule, rank, found_on, page_id,
        )  # fmt: skip
        self._insert_read(page_id, request, rank, 0)
        self._more("page", urls.host_key(request.url))

    def _insert_page(self, request: Request, rank: bytes, found_on: str | None, ending: str | None = None) -> int:
        url = secrets.display(request.full_url)
        host = urls.host_key(request.url)
        cursor = self.db.execute(
            "INSERT INTO pages (run, identity, method, url, host, rule, rank, found_on, state, ending)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self.run, request.identity, request.method, url, host, request.rule, rank, found_on,
            0 if ending is None else 1, ending,
        )  # fmt: skip
        if ending is None:
            self._more("page", host)
        return int(cursor.lastrowid or 0)

    def _insert_read(self, page_id: int, request: Request, rank: bytes, state: int) -> None:
        self.db.execute(
            "INSERT INTO reads (page, rule, request, rank, state) VALUES (?, ?, ?, ?, ?)",
            page_id, request.rule or "", codec.dump_request(request), rank, state,
        )  # fmt: skip

    def add_ended(self, request: Request, ending: str, why: str, found_on: str | None = None) -> None:
        """A page that is not even queued: a link that is not followed, a login step that failed."""
        with self.db.transaction():
            known = self.db.row("SELECT 1 FROM pages WHERE run = ? AND identity = ?", self.run, request.identity)
            if known is None:
                rank = codec.encode_rank(request.place)
                page_id = self._insert_page(request, rank, found_on, ending)
                self.db.execute("UPDATE pages SET why = ? WHERE id = ?", why, page_id)

    def next_pages(self, host: str, limit: int, skip: set[int], *, in_order: bool = False) -> list[PageTask]:
        """Open pages of a host, nearest first (`in_order`: in record order), without those in `skip`."""
        rows = self.db.rows(_IN_ORDER if in_order else _NEAREST, self.run, host, limit + len(skip))
        tasks = (PageTask(row["id"], codec.load_request(row["request"]), bool(row["sent"])) for row in rows)
        return [task for task in tasks if task.id not in skip][:limit]

    def mark_sent(self, page_id: int) -> None:
        """A request that must not be repeated lightly is about to go out."""
        self.db.execute("UPDATE pages SET sent = 1 WHERE id = ?", page_id)

    def open_reads(self, page_id: int) -> list[tuple[int, Request]]:
        """The readings of a page that are still to be done."""
        rows = self.db.rows("SELECT id, request FROM reads WHERE page = ? AND state IN (0, 3) ORDER BY rank", page_id)
        return [(row["id"], codec.load_request(row["request"])) for row in rows]

    def end_page(
        self, page_id: int, ending: str, *, why: str = "", status: int | None = None, attempts: int = 1,
        seconds: float = 0.0, digest: str | None = None,
    ) -> None:  # fmt: skip
        """How a page ended."""
        with self.db.transaction():
            row = self.db.row("SELECT host, state FROM pages WHERE id = ?", page_id)
            assert row is not None, "a page that was handed out"
            self.db.execute(
                "UPDATE pages SET state = 1, ending = ?, why = ?, status = ?, attempts = ?, seconds = ?, digest = ?"
                " WHERE id = ?",
                ending, why or None, status, attempts, round(seconds, 3), digest, page_id,
            )  # fmt: skip
            left = "state = 3 WHERE state = 0 AND" if ending == "ok" else "state = 1 WHERE"
            self.db.execute(f"UPDATE reads SET {left} page = ?", page_id)  # noqa: S608 - one of two texts of ours
            if row["state"] == 0:
                self._less("page", row["host"])

    def claim_reread(self) -> tuple[int, str] | None:
        """A page that ended and has a reading still to be done, and its URL; each is claimed once at a time."""
        with self.db.transaction():
            rows = self.db.rows(
                "SELECT DISTINCT p.id, p.url FROM reads r JOIN pages p ON p.id = r.page"
                " WHERE r.state = 3 AND p.run = ? LIMIT ?",
                self.run, len(self._claimed) + 1,
            )  # fmt: skip
            for row in rows:
                if row["id"] not in self._claimed:
                    self._claimed.add(row["id"])
                    return row["id"], row["url"]
            return None

    def release_reread(self, page_id: int) -> None:
        """The claimed readings are done."""
        with self.db.transaction():
            self._claimed.discard(page_id)

    def reopen_page(self, page_id: int) -> None:
        """A page whose body is gone and must be read again is fetched again."""
        with self.db.transaction():
            host = self.db.value("SELECT host FROM pages WHERE id = ? AND state = 1", page_id)
            if host is not None:
                self.db.execute("UPDATE pages SET state = 0, ending = NULL WHERE id = ?", page_id)
                self.db.execute("UPDATE reads SET state = 0 WHERE page = ? AND state = 3", page_id)
                self._more("page", host)

    def rows_done(self, entry: int) -> tuple[int, bool]:
        """How many rows of a start entry are queued, and whether that is all."""
        row = self.db.row("SELECT position, whole FROM rows_done WHERE run = ? AND entry = ?", self.run, entry)
        return (0, False) if row is None else (row["position"], bool(row["whole"]))

    def note_rows(self, entry: int, position: int, *, whole: bool) -> None:
        """So many rows of a start entry are queued; part of the transaction that queues them."""
        self.db.execute("INSERT OR REPLACE INTO rows_done VALUES (?, ?, ?, ?)", self.run, entry, position, whole)
