"""One page for the main thread: a step of the login, with the retries and redirects of any other."""

from __future__ import annotations

from scraper import errors, urls
from scraper.fetch import exchange, first_hop
from scraper.model import Page, Request
from scraper.net import retry
from scraper.net.redirect import Hop
from scraper.run.kit import Kit

KIND = "login"
PATIENCE = 0.2
"""Seconds between two looks whether the run is to end meanwhile."""


class StoppedError(Exception):
    """The run is to end before the page came."""


def fetched(kit: Kit, request: Request, expected: tuple[int, ...] = (), *, repeats: bool = False) -> Page:
    """The page of a request. It waits for its host like any other; only the main thread waits with it.

    Args:
        expected: statuses that make a page beside 2xx.
        repeats: whether it may be sent again whatever its method.

    Raises:
        RequestError: there is none, after all attempts.
        StoppedError: the run is to end.
    """
    hop, attempt, wait = first_hop(request), 1, 0.0
    while True:
        kit.scheduler.put(KIND, urls.host_key(hop.url), hop, wait)
        while (taken := kit.scheduler.take(KIND, PATIENCE)) is None:
            if kit.is_over():
                raise StoppedError
        try:
            found = exchange(kit.courier, request, hop, expected)
        except errors.RequestError as error:
            method = "GET" if repeats else hop.method
            decision = retry.decide_retry(retry.Attempt(attempt, method, error), kit.courier.http.retry)
            if isinstance(decision, retry.GiveUp):
                raise decision.error from error
            hop, attempt, wait = first_hop(request), attempt + 1, decision.seconds
            continue
        finally:
            kit.scheduler.release(KIND, taken[0])
        if not isinstance(found, Hop):
            return found
        hop, wait = found, 0.0
