"""Whether a failed request is tried again, and when. Pure: tenacity's parts are asked, never run.

    decide_retry(Attempt(...), policy) -> Wait(seconds) | GiveUp(error)

The caller puts a waiting request back to its host; nobody sleeps here. What is
retried is the table of DESIGN section 3. `Retry-After` (RFC 9110 section 10.2.3)
counts more than our own backoff, also beyond `max_wait`; a host that asks for more
than six hours (urllib3's bound too) is `failed:busy`.

What a proxy of a list failed to do is tried at once through the next one: each may have
one attempt of a request, whatever `attempts` says, which counts for servers. Where none
is left that works, it waits as after any failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scraper.errors import BusyHostError, ProxyError, RequestError, StatusError

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from scraper.job.parts import Retry

LONGEST_WAIT = 6 * 3600.0
_RETRIED = frozenset({"connect", "timeout", "stalled", "protocol", "length", "encoding"})


@dataclass(frozen=True, slots=True)
class Attempt:
    """A failed attempt: its number from 1, the method, and what went wrong.

    `again` says that this failure may be retried whatever its class (a page that misses its `expect`).
    """

    number: int
    method: str
    error: RequestError
    again: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Try again after `seconds`; with `park` the whole host waits (the server asked)."""

    seconds: float
    park: bool = False


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The error is final."""

    error: RequestError
    park: float = 0.0


def decide_retry(attempt: Attempt, policy: Retry) -> Wait | GiveUp:
    """What follows a failed attempt."""
    error = attempt.error
    asked = error.retry_after if isinstance(error, StatusError) else None
    if asked is not None and asked > LONGEST_WAIT:
        return GiveUp(BusyHostError(error.url, f"the host asks to wait {asked:.0f} s; the bound is six hours"))
    if not _may_retry(attempt, policy) or _is_last(attempt, policy):
        return GiveUp(error, park=asked or 0.0)
    if asked is not None:
        return Wait(asked, park=True)
    if isinstance(error, ProxyError) and error.ready:
        return Wait(0.0)
    return Wait(backoff(attempt.number, policy))


def backoff(number: int, policy: Retry) -> float:
    """Seconds to wait after attempt `number`: doubling from `first_wait`, with jitter, at most `max_wait`."""
    from tenacity import wait_exponential, wait_random

    doubling = wait_exponential(multiplier=policy.first_wait, max=policy.max_wait)
    jitter = wait_random(0, policy.first_wait / 2)
    return min(policy.max_wait, float((doubling + jitter)(_state(number))))


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds from a Retry-After header: a number or an HTTP date; None where it says neither."""
    if header is None:
        return None
    header = header.strip()
    if header.isascii() and header.isdigit():
        return float(header)
    from email.utils import parsedate_to_datetime  # takes a while to load, and is seldom needed

    try:
        when = parsedate_to_datetime(header)
        aware = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (aware - now).total_seconds())
    except (ValueError, OverflowError):  # the latter from years and offsets of many digits
        return None


def _may_retry(attempt: Attempt, policy: Retry) -> bool:
    error = attempt.error
    if error.sent and attempt.method not in policy.methods:
        return False
    if attempt.again:
        return True
    if isinstance(error, StatusError):
        return error.status in policy.statuses
    if isinstance(error, ProxyError):
        return error.others > 0
    if error.name == "dns":
        return attempt.number == 1
    return error.name in _RETRIED and not error.final


def _is_last(attempt: Attempt, policy: Retry) -> bool:
    from tenacity import stop_after_attempt

    proxies = attempt.error.others + 1 if isinstance(attempt.error, ProxyError) else 0
    return stop_after_attempt(max(policy.attempts, proxies))(_state(attempt.number))


def _state(number: int) -> RetryCallState:
    """What tenacity's parts look at. It is imported at the first failure: most runs of `get` have none."""
    from tenacity import RetryCallState

    nothing: Any = None
    state = RetryCallState(nothing, None, (), {})
    state.attempt_number = number
    return state
