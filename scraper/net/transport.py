"""How files are fetched: the protocol between who wants bytes and who brings them.

    Source      hands out exchanges, as many as hosts allow; never waits for long
    Exchange    one request and what becomes of its answer: head, pieces, then done, once
    Transport   threads of its own that take exchanges from a source and perform them

A transport knows HTTP and nothing of files: it sends what net/outgoing.py puts together,
judges the framing, holds to the timeouts, and hands over the head and the pieces of the
body as they come on the wire, content encoding untouched. There are two: `requests`
(session/threads.py), a thread for each transfer, and `curl` (net/curl/), threads with an
event loop each. The conformance suite in tests/net/transport holds both to the same words.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from scraper.net.answer import Answer
from scraper.net.outgoing import Wire


class Exchange(Protocol):
    """One exchange. Every method is called by one thread at a time; `done` is called once, last.

    What `head` and `piece` raise ends the transfer and comes back to `done`.
    """

    @property
    def wire(self) -> Wire:
        """What is to be sent."""
        ...

    @property
    def unwanted(self) -> Exception | None:
        """Why the transfer is to end now, though nothing is wrong with it; it goes to `done`.

        Asked several times a second by a transport that can; by another one `piece` is called, and may raise it.
        """
        ...

    def head(self, answer: Answer) -> bool:
        """The head of the answer; whether its body is wanted. If not, a little of it is drained."""
        ...

    def piece(self, piece: bytes) -> None:
        """Some bytes of the body as they came."""
        ...

    def done(self, trouble: Exception | None) -> None:
        """The exchange is over: whole by its framing, or ended by a RequestError, or by a bug."""
        ...


class Source(Protocol):
    """Where a transport finds its work."""

    def take(self, most: int) -> Sequence[Exchange] | None:
        """Up to so many exchanges that may begin now, without waiting; None: there will be none any more."""
        ...

    def wait(self) -> Sequence[Exchange] | None:
        """The next exchange, waited for; None: there will be none any more. For threads that do one at a time."""
        ...

    def pause(self) -> float | None:
        """Seconds after which `take` may give something, if nothing wakes before; None: it is not known."""
        ...

    def wake_by(self, wake: Callable[[], None]) -> None:
        """`wake` is called, from any thread, when `take` may give something again. It returns at once."""
        ...

    def failed_with(self, bug: BaseException) -> None:
        """A bug in the transport itself, or in `done`; the run stops."""
        ...


class Transport(Protocol):
    """Brings files."""

    name: str

    def threads(self, source: Source) -> list[threading.Thread]:
        """Threads, not started yet, that work until the source gives None and nothing is in flight."""
        ...
