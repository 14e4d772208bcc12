"""A request to who is told of a run: nothing of the job goes with it but what is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from scraper import errors, urls
from scraper.net import wire
from scraper.net.outgoing import USER_AGENT
from scraper.net.session.auth import no_cookies
from scraper.net.session.faults import exchange_trouble
from scraper.net.session.hops import OneHop


def post_json(url: str, payload: Mapping[str, Any], *, timeout: float) -> None:
    """Posts JSON, without cookies or auth of anybody; redirects are not followed. The environment's proxies hold.

    Messages tell no more of the URL than its origin: webhooks have their secret in the path.

    Args:
        timeout: seconds that connecting and answering may take each.

    Raises:
        RequestError: it did not come there, or (StatusError) was not taken.
    """
    shown = urls.origin(url)
    with OneHop() as session:
        session.trust_env = False  # ~/.netrc would be asked
        session.cookies = no_cookies()
        session.mount("http://", HTTPAdapter(max_retries=0))
        session.mount("https://", HTTPAdapter(max_retries=0))
        try:
            answer = session.post(
                url, json=payload, headers={"User-Agent": USER_AGENT}, timeout=timeout, allow_redirects=False,
                stream=True, proxies=get_environ_proxies(url), verify=wire.ca_bundle() or True,
            )  # fmt: skip
        except (requests.RequestException, OSError) as error:
            raise exchange_trouble(error, shown, conceal=lambda text: _without_path(text, url)) from None
        with answer:
            if not 200 <= answer.status_code < 300:
                raise errors.StatusError(shown, answer.status_code, answer.reason or "")


def _without_path(text: str, url: str) -> str:
    """A message without what stands behind the origin of the URL."""
    rest = url.partition("://")[2].partition("/")[2]
    return text.replace(rest, "…") if rest else text
