"""`on_file`: commands that are run for each file that was saved, while the run goes on.

Theory. What is downloaded must not wait for what is done with it. The main thread puts each saved file into a queue,
and a few threads of ours run its commands; nothing else of the run knows of them. The queue is bounded, for memory is:
where commands are slower than the downloads for long, the main thread waits for room, and so, in the end, do the
downloads. When the run has ended the queue is run dry. After a stop it has a few seconds for that; then what runs is
ended, what waits is left, and the log says how many were.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from scraper import secrets
from scraper.job.fields import Fields
from scraper.model import Outcome
from scraper.run import hooks
from scraper.run.kit import Kit

log = logging.getLogger("scraper")
THREADS = 4
"""Commands at once."""
ROOM = 10_000
"""Files that wait in memory."""
GRACE = 5.0
"""Seconds that a stop leaves to what waits."""
PATIENCE = 3.0
"""Seconds after which somebody who watches the end of a run wants to know what it waits for."""
TICK = 0.1


class FileCommands:
    """The queue and its threads; they begin with the first file.

    Args:
        is_stopped: whether the run was stopped.
        clock: as time.monotonic.
    """

    def __init__(
        self, kit: Kit, is_stopped: Callable[[], bool], clock: Callable[[], float] = time.monotonic, room: int = ROOM
    ) -> None:
        self._kit, self._is_stopped, self._clock = kit, is_stopped, clock
        self._queue: queue.Queue[Outcome] = queue.Queue(room)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._until: float | None = None
        self._closing = self._told = False
        self._left = 0
        self._error: BaseException | None = None
        self.failed = 0

    def put(self, outcomes: Iterable[Outcome]) -> None:
        """Files that ended; waits where the queue is full, unless the run is stopped."""
        for outcome in outcomes:
            if outcome.ending == "saved":
                self._put(outcome)

    def _put(self, outcome: Outcome) -> None:
        if not self._threads:
            self._begin()
        while self._error is None and not self._is_over():
            try:
                self._queue.put(outcome, timeout=TICK)
                return
            except queue.Full:
                self._wait_on()
        self._leave()

    def close(self) -> None:
        """Waits until all of them are run, or the run is stopped.

        Raises:
            Exception: what ended a thread of ours, a bug.
        """
        self._closing = True
        began, is_told = self._clock(), False
        while any(thread.is_alive() for thread in self._threads):
            for thread in self._threads:
                thread.join(TICK / THREADS)
            self._kit.events.tick(0, {})  # who watches may have something to say
            if not is_told and self._clock() - began > PATIENCE:
                is_told = True
                log.warning("on_file: the commands of %d more files are waited for", self._queue.qsize())
        while not self._queue.empty():  # put there while the last thread ended
            self._queue.get_nowait()
            self._leave()
        if self._left:
            log.warning("on_file: the run was stopped; the commands of %d saved files were not run", self._left)
        if self.failed:
            log.warning("on_file: %d commands failed", self.failed)
        if self._error is not None:
            raise self._error

    def _begin(self) -> None:
        self._threads = [threading.Thread(target=self._loop, name=f"on_file-{at}") for at in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def _is_over(self) -> bool:
        """Whether the run was stopped, longer ago than what waits is given."""
        if not self._is_stopped():
            return False
        with self._lock:
            self._until = self._clock() + GRACE if self._until is None else self._until
            return self._clock() >= self._until

    def _loop(self) -> None:
        while True:
            try:
                outcome = self._queue.get(timeout=TICK)
            except queue.Empty:
                if self._closing:
                    return
                continue
            try:
                self._perform(outcome)
            except Exception as error:  # a bug: who puts and who closes shall know
                self._error = error
                return

    def _perform(self, outcome: Outcome) -> None:
        if self._is_over():
            self._leave()
            return
        told = fields_of(self._kit, outcome)
        names = {**self._kit.names, "file": Fields(told, name="file")}
        for call in hooks.calls(self._kit, "on_file", names, _environment(self._kit, told)):
            if not hooks.perform(self._kit, call, self._is_over):
                with self._lock:
                    self.failed += 1

    def _leave(self) -> None:
        with self._lock:
            self._left += 1

    def _wait_on(self) -> None:
        """What the main thread does at each turn is done here meanwhile: others may have the slots that idle."""
        if not self._told:
            self._told = True
            log.warning("on_file: its commands are slower than the downloads, which wait for them now")
        self._kit.scheduler.tend()
        self._kit.events.tick(self._kit.ledger.open_count, self._kit.engine.flying)


def fields_of(kit: Kit, outcome: Outcome) -> dict[str, object]:
    """What `file.*` is in `on_file` (uses.FILE_FIELDS); what it holds of secrets stands as people see it."""
    told: dict[str, object] = {
        "path": str(kit.disk.root.absolute() / outcome.path),
        "name": outcome.path,
        "url": outcome.url,
        "ending": outcome.ending,
        "status": outcome.status,
        "bytes": outcome.bytes,
        "sha256": outcome.sha256,
        "type": outcome.type,
        "seconds": round(outcome.seconds, 3),
    }
    return {name: secrets.display(value) if isinstance(value, str) else value for name, value in told.items()}


def _environment(kit: Kit, told: Mapping[str, object]) -> dict[str, str]:
    more = {name: value for name, value in told.items() if name not in ("path", "name")}
    return hooks.environment(kit, file=told["path"], file_name=told["name"], **more)
