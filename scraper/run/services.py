"""Services that are told of a run through Apprise: all that `notify` names by another scheme than http(s).

Apprise is an extra. That it is not there is told before the run, by the URL's scheme; of a URL whose scheme is part of
a secret only when it is used.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

from scraper import errors

if TYPE_CHECKING:
    from scraper.job.model import Job

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=://)")
_LACKING = "{0}:// is told through Apprise, which is not installed; pip install 'scraper-jobs[notify]'"


def mistakes(job: Job) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The places of URLs that need what is not installed, and what is to be told of them."""
    for at, notice in enumerate(job.notify):
        scheme = _SCHEME.match(notice.url)
        if scheme and scheme[0].lower() not in ("http", "https") and find_spec("apprise") is None:
            yield ("notify", at, "url"), _LACKING.format(scheme[0])


def tell(url: str, text: str) -> None:
    """Tells a service a sentence. Apprise's own log may hold the URL, and is not heard.

    Raises:
        RequestError: Apprise is not installed or does not know the URL, or the service did not take it.
    """
    scheme = _SCHEME.match(url)
    shown = f"{scheme[0]}://" if scheme else "a URL without a scheme"
    if find_spec("apprise") is None:
        raise errors.ConnectError(shown, _LACKING.format(scheme[0] if scheme else ""), final=True)
    import apprise

    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    teller = apprise.Apprise()
    if not teller.add(url):
        raise errors.ConnectError(shown, "Apprise does not know such a URL", final=True)
    if not teller.notify(body=text):
        raise errors.ConnectError(shown, "the service did not take it")
