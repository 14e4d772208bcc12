"""Asks for files without fetching them: whether they may be asked for at all, and HEAD of a sample.

    Survey(kit, control).ask(files) -> answers, in order

The files wait at the scheduler as files do, so slots, delays, robots.txt, private addresses and redirects are those
of the run. Nothing is tried again: an estimate can do without. A host that is busy (429, 503) or silent is asked for
no further file.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from scraper import errors, urls
from scraper.download.size import Size, first_hop, size_of
from scraper.net.redirect import Hop
from scraper.run.control import Control
from scraper.run.kit import Kit
from scraper.run.plan.facts import Sampled
from scraper.run.work import Looper, Work, told_of
from scraper.state.plans import PlannedFile

THREADS = 8
PAUSE = 0.1
"""Seconds between two looks of the main thread."""
_GIVES_UP = frozenset({"busy", "dead"})


@dataclass(slots=True)
class Asked:
    """A file that is asked about.

    Attributes:
        measure: whether its size is wanted; if not, only whether it may be asked for.
        answer: what came; barred: the ending that keeps the run from fetching it.
    """

    file: PlannedFile
    measure: bool
    answer: Sampled | None = None
    barred: str | None = None


@dataclass(slots=True)
class Board:
    """What the workers share: how many files are on their way, and the hosts that are asked no more."""

    left: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    lost: dict[str, str] = field(default_factory=dict)


class SizeWorker(Looper[Asked]):
    """A thread that asks."""

    kind = "file"

    def __init__(self, kit: Kit, control: Control, board: Board) -> None:
        super().__init__(kit, control)
        self._board = board

    def attempt(self, work: Work[Asked]) -> Size | Hop | str | None:
        """One HEAD, or nothing where only the way in was asked for; a text: why it is not asked."""
        if not work.task.measure:
            return None
        lost = self._board.lost.get(work.host)
        return f"its host: {lost}" if lost else size_of(self.kit.courier, work.task.file.download, work.hop)

    def succeeded(self, work: Work[Asked], result: Size | str | None) -> None:
        """The size, or that the server does not say it."""
        if isinstance(result, Size):
            why = "no Content-Length" if result.bytes is None else ""
            work.task.answer = Sampled(work.task.file.host, result.bytes, why, result.host, result.seconds)
        elif result is not None:
            work.task.answer = Sampled(work.task.file.host, why=result)
        self._over(work)

    def failed(self, work: Work[Asked], error: errors.RequestError) -> None:
        """It is not tried again."""
        self.ended(work, error)

    def ended(self, work: Work[Asked], error: errors.RequestError) -> None:
        """It may not be asked for, or the server would not say."""
        why = error.ending.partition(":")[2]
        told = told_of(error, None)
        if told is not None and told.kind in _GIVES_UP:
            self._board.lost[work.host] = why
        if isinstance(error, errors.SkippedError):
            work.task.barred = error.ending
        if work.task.measure:
            work.task.answer = Sampled(work.task.file.host, why=why, by=urls.host_key(work.hop.url))
        self._over(work)

    def _over(self, work: Work[Any]) -> None:
        with self._board.lock:
            self._board.left -= 1
        self.control.changed.set()


class Survey:
    """Asks, as long as the run is not stopped.

    Attributes:
        threads: that were started; they end when the scheduler is closed.
    """

    def __init__(self, kit: Kit, control: Control) -> None:
        self._kit = kit
        self._control = control
        self._board = Board(0)
        self.threads: list[threading.Thread] = []

    def ask(self, files: Iterable[PlannedFile], *, measure: bool) -> list[Asked]:
        """What is found out of each file; of those that a stop left over, nothing."""
        asked = [Asked(file, measure) for file in files]
        if not asked or self._control.stopping:
            return asked
        self._board.left = len(asked)
        self._start()
        for each in asked:
            self._put(each)
        while self._board.left and not self._control.stopping:
            self._control.changed.wait(PAUSE)
            self._control.changed.clear()
            self._kit.events.tick(self._board.left, {})
        return asked

    def _start(self) -> None:
        if self.threads:
            return
        for at in range(THREADS):
            worker = SizeWorker(self._kit, self._control, self._board)
            self.threads.append(threading.Thread(target=worker.loop, name=f"size-{at}", daemon=True))
            self.threads[-1].start()

    def _put(self, asked: Asked) -> None:
        download = asked.file.download
        hop = first_hop(download)
        work = Work(asked, hop, hop, download.found, download.via_public)
        self._kit.scheduler.put("file", work.host, work)
