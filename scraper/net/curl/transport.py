"""The transport: a thread with an event loop, and the same loop for whoever has a thread or process of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from scraper.net.bell import Waker
from scraper.net.curl.loop import Loop
from scraper.net.outgoing import Outgoing
from scraper.net.rate import Rate
from scraper.net.transport import Source


class CurlTransport:
    """Fetches over libcurl.

    Args:
        outgoing: puts together what is sent.
        jobs: transfers in flight.
        rate: what the bodies of all together are held to.

    Attributes:
        jobs: as given.
    """

    name = "curl"

    def __init__(
        self, outgoing: Outgoing, jobs: int, *, rate: Rate | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.jobs = jobs
        self._outgoing = outgoing
        self._rate = rate
        self._clock = clock

    def loop(self, source: Source, most: int, bell: Waker | None = None) -> Loop:
        """An event loop of so many transfers; `bell` as Loop has it."""
        return Loop(self._outgoing, source, most, self._clock, self._rate, bell)

    def threads(self, source: Source) -> list[threading.Thread]:
        """One thread, not started yet: it drives as many transfers as one core can serve."""
        return [threading.Thread(target=self.loop(source, self.jobs).run, name="curl-0", daemon=True)]
