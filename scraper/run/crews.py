"""Whether the files of a run are fetched by a crew of processes (scraper/crew)."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from scraper.net.transport import Transport
from scraper.run.kit import Kit

if TYPE_CHECKING:
    from scraper.crew.crew import Crew
    from scraper.crew.worker import EngineFor

log = logging.getLogger("scraper")
WORTH = 200
"""Files that wait from which on workers pay."""
WORKERS, LEAST = 4, 8
"""Workers at most, and exchanges at once for each at least."""


def crew_for(kit: Kit, home: Transport, engine_for: EngineFor) -> Crew | None:
    """Several processes to fetch the files of the run, where there are many and nothing holds them together.

    Pages, a byte rate, a tape, and what is done for durability or against duplicates belong to one process. So does a
    list of proxies: a host keeps its proxy, and what one exchange learns of a proxy is for all. A process of several
    threads must not be forked: a lock that one of them holds would be held for ever.
    """
    job = kit.job
    is_plain = not (kit.options.replay or kit.has_pages or job.login or job.polite.rate or job.files.durable)
    is_plain = is_plain and job.files.duplicates == "keep" and not isinstance(job.http.proxies, tuple)
    is_plain = is_plain and kit.courier.outgoing.tap is None
    if home.name != "curl" or not is_plain or sys.platform != "linux" or kit.ledger.open_count < WORTH:
        return None
    from scraper.net.curl import CurlTransport

    assert isinstance(home, CurlTransport), "it is called so"
    count = min(WORKERS, _cores(), home.jobs // LEAST)
    if count < 2 or _threads() > 1:
        return None
    from scraper.crew.crew import Crew

    try:
        crew = Crew(kit.courier, kit.engine, engine_for, count, home)
    except OSError as error:
        log.info("one process fetches the files, since the system gives no further one: %s", error.strerror)
        return None
    log.info("%d processes fetch the files", count)
    return crew


def _threads() -> int:
    """Of this process, those that Python knows nothing of included."""
    return len(os.listdir("/proc/self/task"))


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))
