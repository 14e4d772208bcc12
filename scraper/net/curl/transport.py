"""The transport: its threads, and how many transfers each drives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from scraper.net.curl.loop import Loop
from scraper.net.outgoing import Outgoing
from scraper.net.rate import Rate
from scraper.net.transport import Source


class CurlTransport:
    """Fetches over libcurl.

    Args:
        outgoing: puts together what is sent.
        jobs: transfers in flight, of all threads together.
        loops: threads; one drives as many transfers as one core can serve.
        rate: what the bodies of all together are held to.

    Attributes:
        jobs: as given.
    """

    name = "curl"

    def __init__(
        self, outgoing: Outgoing, jobs: int, *, loops: int = 1, rate: Rate | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.jobs = jobs
        self._outgoing = outgoing
        self._shares = [share for share in _shares(jobs, loops) if share]
        self._rate = rate
        self._clock = clock

    def threads(self, source: Source) -> list[threading.Thread]:
        """Threads that are not started yet."""
        return [
            threading.Thread(
                target=Loop(self._outgoing, source, share, self._clock, self._rate).run, name=f"curl-{at}", daemon=True
            )
            for at, share in enumerate(self._shares)
        ]


def _shares(jobs: int, loops: int) -> list[int]:
    """How many transfers each thread drives."""
    return [jobs // loops + (at < jobs % loops) for at in range(loops)]
