"""An exchange of a file from the slot that it takes to its end, and others that help it.

Flight      download.flight.Flight: whose slot an exchange has, and whose work it does
Help        one more exchange for a file under way; it waits at the scheduler as files do
helped      puts such a one there
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple, Protocol

from scraper import errors, urls
from scraper.download.flight import Ended
from scraper.download.split import Lane
from scraper.net import retry
from scraper.run.kit import Kit
from scraper.run.work import Work
from scraper.state.ledger import FileTask

log = logging.getLogger("scraper")


class Hangar(Protocol):
    """Where flights come from (files.FileSource)."""

    kit: Kit

    def over(self, flight: Flight, exchange: Ended, result: Any) -> None:
        """An exchange is over."""
        ...


class Flight:
    """An exchange from the slot that it takes to its end."""

    __slots__ = ("_hangar", "began", "host", "work")

    def __init__(self, hangar: Hangar, host: str, work: Work[FileTask], began: float) -> None:
        self._hangar = hangar
        self.host = host
        self.work = work
        self.began = began

    def over(self, exchange: Ended, result: Any) -> None:
        """The exchange is over; `result` says what becomes of the file."""
        self._hangar.over(self, exchange, result)

    def more(self, lane: Lane, error: Exception | None = None) -> bool:
        """One more for the same file; after a failed one it waits as any failure does. Whether it will come."""
        return helped(self._hangar.kit, Help(lane, self.work), error)


class Help(NamedTuple):
    """One more exchange for a file that is under way."""

    lane: Lane
    work: Work[FileTask]


def helped(kit: Kit, asked: Help, error: Exception | None) -> bool:
    """Puts one more exchange to the scheduler, after a failed one as net/retry says. Whether it will come."""
    lane, host, seconds = asked.lane, urls.host_key(asked.lane.url), 0.0
    if error is not None:
        wait = _wait(kit, lane, host, error)
        if wait is None:
            return False
        seconds = wait
    lane.attempt = 1 if error is None else lane.attempt + 1
    kit.scheduler.put("file", host, asked, seconds, first=True)  # what takes longest is not to begin last
    return True


def _wait(kit: Kit, lane: Lane, host: str, error: Exception) -> float | None:
    """Seconds after which the exchange is tried again; None: it is not."""
    if not isinstance(error, errors.RequestError):
        return None
    decision = retry.decide_retry(retry.Attempt(lane.attempt, "GET", error), kit.courier.http.retry)
    if isinstance(decision, retry.GiveUp):
        if decision.park:
            kit.scheduler.park(host, decision.park)
        log.info("%s: %s; the file goes on with one exchange less", error.url, error.message, extra=_about(error))
        return None
    if decision.park:
        kit.scheduler.park(host, decision.seconds)
    log.info(
        "%s: %s; its range again in %.1f s", error.url, error.message, decision.seconds, extra=_about(error)
    )  # fmt: skip
    return decision.seconds


def _about(error: errors.RequestError) -> dict[str, str]:
    """What a log record of it says beside its text."""
    return {"url": error.url, "class": error.name}
