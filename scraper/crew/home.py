"""What the run's own transport is to fetch beside a crew: what is handed to it, one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from scraper.net.transport import Exchange, Source


class Home:
    """What the transport at home is to fetch (net.transport.Source).

    Args:
        most: exchanges at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._room = most
        self._queue: deque[Exchange] = deque()
        self._is_over = False
        self._wake: Callable[[], None] = lambda: None
        self._source: Source
        self._changed: Callable[[], None]

    def of(self, source: Source, changed: Callable[[], None]) -> Home:
        """The same, for a source that hears of bugs; `changed` is called when something may have ended."""
        self._source, self._changed = source, changed
        return self

    @property
    def flying(self) -> int:
        """Exchanges that wait or are on their way."""
        return self._most - self._room + len(self._queue)

    def put(self, exchange: Exchange) -> None:
        """One more."""
        self._queue.append(exchange)
        self._wake()

    def close(self) -> None:
        """There will be no more."""
        self._is_over = True
        self._wake()

    def take(self, most: int) -> Sequence[Exchange] | None:
        """What waits."""
        count = min(most, len(self._queue))
        before, self._room = self._room, most - count  # first: rather one counts twice than not at all
        given = [self._queue.popleft() for _ in range(count)]
        if self._room > before:
            self._changed()
        return None if self._is_over and not given else given

    def wait(self) -> Sequence[Exchange] | None:
        """For transports with a thread for each transfer; libcurl's is none."""
        raise NotImplementedError

    def pause(self) -> float | None:
        """Whatever comes is put here, which wakes."""
        return None

    def wake_by(self, wake: Callable[[], None]) -> None:
        """The loop's bell."""
        self._wake = wake

    def failed_with(self, bug: BaseException) -> None:
        """It stops the run."""
        self._source.failed_with(bug)
