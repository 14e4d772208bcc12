"""Feeding: open pages and files go from the ledger to the scheduler, a window for each host.

A host that is slow or parked fills its own window and no other's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scraper import urls
from scraper.net.hosts import policy_for
from scraper.run.control import window_of
from scraper.run.kit import Kit
from scraper.run.work import Work, file_work, page_work


class Feeder:
    """Fills the windows of a run; the main thread calls it."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._hungry: set[tuple[str, str]] = set()

    def feed(self, kind: str, taken: Callable[[], None]) -> None:
        """Fills the window of each host that has more open than it holds.

        Args:
            kind: page or file.
            taken: called when the ledger has given files, before any is fetched.
        """
        if kind == "page" and self._kit.options.limit is not None:
            self._feed_in_order()
            return
        self._hungry |= self._kit.ledger.take_grown() | self._kit.window.take_hungry()
        for each, host in [each for each in self._hungry if each[0] == kind]:
            self._hungry.discard((each, host))
            self._feed_host(kind, host, taken)

    def _feed_host(self, kind: str, host: str, taken: Callable[[], None]) -> None:
        """Fills the window of a host that is half empty; one that is not is looked at again when it has become so."""
        pending = self._kit.ledger.pending[kind]
        held = self._kit.window.count(kind, host)
        room = window_of(policy_for(host, self._kit.job.polite).slots, len(pending))
        if pending.get(host, 0) > held and held <= room // 2:
            self._take(kind, host, room - held, taken)

    def _feed_in_order(self) -> None:
        """Where a limit counts: one page at a time, of all hosts the first in record order."""
        ledger = self._kit.ledger
        if not self._kit.window.has("page"):
            hosts = [host for host, _ in ledger.pending_hosts("page")]
            tasks = [task for host in hosts for task in ledger.next_pages(host, 1, set(), in_order=True)]
            if tasks:
                first = min(tasks, key=lambda task: (*task.request.place, task.request.n))
                self._put("page", urls.host_key(first.request.url), [page_work(first)])

    def _take(self, kind: str, host: str, room: int, taken: Callable[[], None]) -> None:
        ledger, held = self._kit.ledger, self._kit.window.held(kind, host)
        works: list[Work[Any]]
        if kind == "page":
            works = [page_work(task) for task in ledger.next_pages(host, room, held)]
        else:
            works = [file_work(task) for task in ledger.next_files(host, room, held)]
            taken()
        self._put(kind, host, works)

    def _put(self, kind: str, host: str, works: list[Work[Any]]) -> None:
        for work in works:
            work.home = host
        self._kit.window.add(kind, host, [work.task.id for work in works])
        left = self._kit.ledger.pending[kind].get(host, 0) - self._kit.window.count(kind, host)
        self._kit.scheduler.expect(kind, host, max(0, left))
        self._kit.scheduler.put_many(kind, host, works)
