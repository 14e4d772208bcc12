"""What the hosts of a job may expect of us, looked up by `host:port`. Pure."""

from __future__ import annotations

import fnmatch
import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scraper import units

if TYPE_CHECKING:
    from scraper.job.parts import Polite


@dataclass(frozen=True, slots=True)
class Policy:
    """What one host may expect: requests in flight, and the delay between two."""

    slots: int = 4
    delay: units.Delay = field(default_factory=units.Delay)


def policy_for(host: str, polite: Polite) -> Policy:
    """The policy for `host:port`; the first matching pattern of `polite.hosts` (name or name:port) wins."""
    special = next((own for pattern, own in polite.hosts.items() if _fits(host, pattern.lower())), None)
    slots = special.per_host if special and special.per_host is not None else polite.per_host
    delay = special.delay if special and special.delay is not None else polite.delay
    return _policy(slots, delay)


@functools.lru_cache(maxsize=256)
def _policy(slots: int, delay: float | str) -> Policy:
    """One value for all hosts that may expect the same: a list can name a hundred thousand."""
    return Policy(slots, units.delay(delay))


def _fits(host: str, pattern: str) -> bool:
    """Whether a pattern is of `host:port`; a bracket in it is an IPv6 address, not a set of characters."""
    name = host.rpartition(":")[0]
    pattern = pattern.replace("[", "[[]")
    return any(fnmatch.fnmatchcase(one, pattern) for one in (name, name.strip("[]"), host))
