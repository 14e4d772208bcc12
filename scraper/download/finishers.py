"""Threads for what follows the last byte of a file, where that waits for the disk.

A transport's thread has hundreds of transfers and must not wait for one file to be synced or compared with another.
Here several wait at once, which costs the disk no more than one: syncs that come together are done together.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

FINISHERS = 16


class Finishers:
    """A pool. May be used from many threads.

    Args:
        failed: is handed what no work should raise: a bug.
    """

    def __init__(self, failed: Callable[[BaseException], None], count: int = FINISHERS) -> None:
        self._failed = failed
        self._pool = ThreadPoolExecutor(count, "finisher")

    def put(self, work: Callable[[], None]) -> None:
        """Has it done by one of the threads, in the order in which it came."""
        self.begin(partial(self._do, work))

    def begin(self, work: Callable[[], None]) -> Future[None] | None:
        """The same for work whose errors whoever waits for it wants to see.

        None: the run is over, and what the ledger has open is for the next one.
        """
        try:
            return self._pool.submit(work)
        except RuntimeError:  # after `close`: somebody did not come to an end in time
            return None

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as bug:  # handed to the main thread, which raises it
            self._failed(bug)

    def close(self) -> None:
        """Waits until all that was put is done."""
        self._pool.shutdown()
