"""How many files and sockets the process may have open, and so how many downloads may be in flight.

Most systems hand out a soft limit of 1024 that a process may raise up to a hard one; it is kept low
for programs that wait with select(2), which nobody does here. A download holds a connection, its
part, and while a name is looked up one more, so three for each are counted; what else is open
(the ledger, logs, pages, connections at rest) has its reserve. Connections to many hosts that rest
until they serve again are bounded by the number of hosts rather than of downloads, so the limit is
raised beyond what is counted where the system lets us: that costs nothing.
"""

from __future__ import annotations

import logging
import resource
from typing import NamedTuple

log = logging.getLogger("scraper")
EACH = 3
"""Descriptors of one download."""
RESERVE = 256
"""Descriptors of all else."""
AMPLE = 16384
"""What the limit is raised to where more is not counted."""


class Plan(NamedTuple):
    """The soft limit that is to be set, and the downloads that it allows."""

    limit: int
    jobs: int


def planned(jobs: int, soft: int, hard: int) -> Plan:
    """What is to be done for so many downloads; RLIM_INFINITY (-1) is no limit. Pure.

    A limit is never lowered, and one download is always allowed.
    """
    endless = resource.RLIM_INFINITY
    needed = EACH * jobs + RESERVE
    if soft == endless:
        return Plan(soft, jobs)
    limit = max(soft, AMPLE, needed)
    if hard != endless:
        limit = min(limit, hard)
    return Plan(limit, jobs if limit >= needed else max(1, (limit - RESERVE) // EACH))


def granted(jobs: int) -> int:
    """Raises the limit of open files as far as so many downloads need; how many there may be then.

    Warns where they are fewer than wanted.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    plan = planned(jobs, soft, hard)
    if plan.limit != soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (plan.limit, hard))
        except (OSError, ValueError):  # macOS tells no hard limit and has one
            plan = planned(jobs, soft, soft)
    if plan.jobs < jobs:
        log.warning(
            "files.jobs is %d, but a process may have no more than %d files open here (ulimit -n): %d at once",
            *(jobs, plan.limit, plan.jobs),
        )
    return plan.jobs
