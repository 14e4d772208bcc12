"""What the exchanges of files and those who hand them out say to each other.

Flight      given to each exchange: it says once that it is over; a file that is split asks for more exchanges
Left        the exchange is over, and the file is not
Again       the file starts again
Home        the file goes on in the process of the run (scraper/crew)
Stopped     why an exchange is cut off, though nothing is wrong with it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from scraper.model import Outcome
from scraper.net.redirect import Hop
from scraper.state.ledger import FileTask


class StoppedError(Exception):
    """The run ends, or the file has ended: the exchange is not to go on."""


class EnoughError(Exception):
    """All that the exchange was to bring is there, though its answer goes on."""


class AgainError(Exception):
    """The file starts again, by one exchange alone: what came together from several answers is of no use.

    Attributes:
        keeps: it is of use, and goes on; only no more exchanges at once.
    """

    def __init__(self, message: str, *, keeps: bool = False) -> None:
        super().__init__(message)
        self.keeps = keeps


class HomeError(AgainError):
    """The file goes on where several exchanges may bring it; what stands of it is of use."""

    def __init__(self, message: str = "it goes on by several exchanges") -> None:
        super().__init__(message, keeps=True)


@dataclass(frozen=True, slots=True)
class Left:
    """An exchange is over and the file is not: others bring it, or the next run does.

    Attributes:
        trouble: what went wrong with it.
    """

    trouble: Exception | None = None


Result = Outcome | Hop | Exception | Left | None


class Ended(Protocol):
    """An exchange that is over: its file as it is known now; when its answer's head came, or None."""

    @property
    def task(self) -> FileTask:
        """The file, with what was learnt by the way."""
        ...

    @property
    def answered(self) -> float | None:
        """When the head came, by the courier's clock; None: it did not."""
        ...


class Flight(Protocol):
    """Where an exchange belongs to: the slot of a host, and the work on a file."""

    def over(self, exchange: Ended, result: Any) -> None:
        """The exchange is over; called once, by some thread.

        The result is Left, or how the whole attempt ended: an Outcome, the Hop a redirect leads to, or what went
        wrong: a RequestError (nothing stands under the final name), AgainError, a DiskError (the disk takes
        nothing more), or a bug.
        """
        ...

    def more(self, lane: Any, error: Exception | None = None) -> bool:
        """Another exchange of the file is wanted, after a failed one as net/retry says; whether there will be one."""
        ...
