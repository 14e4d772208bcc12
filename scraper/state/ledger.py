"""The ledger: what was found, what is still to be done, how everything ended.

It is the truth of a run; memory holds only a window of it. The protocol (DESIGN 4.2):

    T1   commit_reading  one transaction: the page is done, with its items, links and
                         files, the names reserved for them and what stood there
    T1b  complete_name   the response told the extension: the whole name, what stood there
    T2   note_part       what is known of a part: while a large one comes, before a rename onto something
    T3   finish          how a file ended; flush writes what waits
"""

from __future__ import annotations

from collections.abc import Sequence

from scraper.model import Download, Item, Reading, Request
from scraper.state import codec
from scraper.state.contents import ContentBook
from scraper.state.files import FileTask
from scraper.state.items import ItemBook
from scraper.state.known import KnownBook
from scraper.state.pages import PageTask
from scraper.state.redirects import RedirectBook
from scraper.state.renewals import RenewalBook

__all__ = ["FileTask", "Ledger", "PageTask"]

_DROP = {
    "page": "UPDATE pages SET state = 1, ending = ? WHERE run = ? AND state = 0",
    "file": "UPDATE files SET state = 1, ending = ? WHERE id >> 40 = ? AND state = 0",
}


class Ledger(RedirectBook, ItemBook, RenewalBook, ContentBook, KnownBook):
    """The ledger of one output folder, for one run at a time."""

    def commit_reading(
        self, read_id: int, request: Request, reading: Reading, url: str, of_items: Sequence[Download] | None = None
    ) -> None:
        """T1 for one rule: items, links and files of a page, with the names that are reserved for the files.

        Args:
            of_items: all files of its items, where `reading` holds only those that are to be fetched.
        """
        of_items = reading.downloads if of_items is None else of_items
        with self.db.transaction():
            self.flush()
            self.db.execute("DELETE FROM failures WHERE run = ? AND read = ?", self.run, read_id)
            self._forget_items(read_id, reading)
            for item in reading.items:
                self._put_item(item, read_id, [each for each in of_items if _is_of(each, item)])
            self.add_downloads(reading.downloads)
            self.add_requests(reading.requests, url)
            self.add_skipped(reading.skipped, url)
            for failure in reading.failures:
                self.add_failure(failure, read_id)
            # A nearer finding may have come in while this one was read: then it is read once more.
            self.db.execute(
                "UPDATE reads SET state = 1 WHERE id = ? AND rank = ?",
                read_id, codec.encode_rank((*request.place, request.n)),
            )  # fmt: skip

    def commit_row(self, reading: Reading) -> None:
        """T1 for what is found in a row of a list, which has no page; part of the transaction of its batch."""
        with self.db.transaction():
            for item in reading.items:
                self._put_item(item, None, [each for each in reading.downloads if _is_of(each, item)])
            self.add_downloads(reading.downloads)
            self.add_requests(reading.requests)
            self.add_skipped(reading.skipped)
            for failure in reading.failures:
                self.add_failure(failure)

    def end_all(self, kind: str, ending: str) -> None:
        """Everything of a kind that is still open ends like this (`--limit` was reached)."""
        with self.db.transaction():
            self.flush()
            if kind == "page":
                self.db.execute(
                    "UPDATE reads SET state = 1 WHERE state IN (0, 3) AND page IN (SELECT id FROM pages WHERE run = ?)",
                    self.run,
                )
            self.db.execute(_DROP[kind], ending, self.run if kind == "page" else self._number)
            self._none_left(kind)


def _is_of(download: Download, item: Item) -> bool:
    return download.rule == item.rule and download.item_key == item.key
