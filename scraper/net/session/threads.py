"""The requests transport: a thread for each transfer, as many as the job has downloads in flight."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from scraper.net.outgoing import Outgoing
from scraper.net.pace import Pace
from scraper.net.session.reply import Reply
from scraper.net.session.session import Session
from scraper.net.transport import Exchange, Source


class RequestsTransport:
    """Fetches over the requests session.

    Args:
        jobs: transfers in flight.
    """

    name = "requests"

    def __init__(
        self, outgoing: Outgoing, session: Session, jobs: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._outgoing = outgoing
        self._session = session
        self._jobs = jobs
        self._clock = clock

    def threads(self, source: Source) -> list[threading.Thread]:
        """Threads that are not started yet."""
        return [
            threading.Thread(target=self._loop, args=(source,), name=f"requests-{at}", daemon=True)
            for at in range(self._jobs)
        ]

    def _loop(self, source: Source) -> None:
        try:
            while (given := source.wait()) is not None:
                for exchange in given:
                    exchange.done(self._perform(exchange))
        except BaseException as bug:  # handed to the main thread, which raises it
            source.failed_with(bug)

    def _perform(self, exchange: Exchange) -> Exception | None:
        """What went wrong, or None."""
        asked = exchange.wire
        pace = Pace(self._outgoing.http.timeout, asked.url, self._clock, deadline=asked.deadline)
        try:
            reply = self._session.exchange(replace(asked, deadline=pace.left))
        except Exception as error:
            return error
        try:
            self._hand_over(exchange, reply, pace)
        except Exception as error:
            reply.abort()
            return error
        finally:
            reply.close()
        return None

    def _hand_over(self, exchange: Exchange, reply: Reply, pace: Pace) -> None:
        if not exchange.head(reply):
            reply.drain()
            return
        for piece in reply.pieces_in_time(pace):
            exchange.piece(piece)
        reply.check_surplus()
