"""robots.txt (RFC 9309) for links that pages give: who has been asked, and what was found (net/robotstxt.py reads it).

    Robots.verdict(url) -> True | False | None      None: nobody has read that host's robots.txt yet

A worker that gets None fetches it (run/admission.py); others put their work back for a
moment meanwhile. 4xx: no rules, all is allowed; 5xx or an answer that cannot be read, each
after the retries of any request: all is forbidden for this run (section 2.3.1). At most
512 KiB are read (2.5 asks for 500 KiB at least), at most five redirects followed (2.3.1.2).
"""

from __future__ import annotations

import threading

from scraper import errors, urls
from scraper.net import robotstxt
from scraper.net.robotstxt import LONGEST

__all__ = ["LONGEST", "REDIRECTS", "Robots", "allows", "may_come", "tells_itself", "text_of"]

REDIRECTS = 5


class Robots:
    """The robots.txt of each origin, read once a run.

    Args:
        agent: our User-Agent.
        obey: off means that everything is allowed.

    Attributes:
        agent: its product token, by which robots.txt and directives name us; "*" where it has none.
    """

    def __init__(self, agent: str, *, obey: bool) -> None:
        self.agent = robotstxt.product(agent) or "*"
        self._obey = obey
        self._lock = threading.Lock()
        self._rules: dict[str, robotstxt.Rules | bool] = {}
        self._loading: set[str] = set()

    @property
    def obeyed_by(self) -> str | None:
        """The name by which directives for robots bind us; None where they do not."""
        return self.agent if self._obey else None

    def verdict(self, url: str) -> bool | None:
        """Whether a link may be followed; None while its robots.txt is not read."""
        if not self._obey or url.partition("?")[0].endswith("/robots.txt"):
            return True
        with self._lock:
            rules = self._rules.get(urls.origin(url))
        if rules is None or isinstance(rules, bool):
            return rules
        return rules.allows(urls.canonical(url), self.agent)

    def delay(self, url: str) -> float:
        """Seconds that the robots.txt of this origin wants between two requests; 0.0 where it says nothing.

        Crawl-delay is no part of RFC 9309 but widely written and meant; hosts/gate.py bounds it.
        """
        with self._lock:
            rules = self._rules.get(urls.origin(url))
        if not self._obey or rules is None or isinstance(rules, bool):
            return 0.0
        return rules.crawl_delay(self.agent) or 0.0

    def begin(self, url: str) -> str | None:
        """The URL of the robots.txt that the caller is to load now; None where another does so already."""
        origin = urls.origin(url)
        with self._lock:
            if origin in self._loading or origin in self._rules:
                return None
            self._loading.add(origin)
        return urls.join(url, "/robots.txt")

    def forget(self, url: str) -> None:
        """The robots.txt that was begun was not asked for; whoever needs it next begins anew."""
        with self._lock:
            self._loading.discard(urls.origin(url))

    def learn(self, url: str, found: str | bool) -> None:
        """What the robots.txt of this origin says."""
        rules = robotstxt.parse(found) if isinstance(found, str) else found
        with self._lock:
            self._rules[urls.origin(url)] = rules
            self._loading.discard(urls.origin(url))


def text_of(body: bytes) -> str:
    """The text, without a line that was cut off: `Disallow: /p` is not what `Disallow: /private` says."""
    whole = body if len(body) < LONGEST else body.rpartition(b"\n")[0]
    return whole.decode("utf-8-sig", "replace")


def allows(error: errors.RequestError) -> bool:
    """Whether all is allowed where robots.txt cannot be had (RFC 9309 sections 2.3.1.3 and 2.3.1.4)."""
    if isinstance(error, errors.StatusError):
        return 400 <= error.status < 500 and error.status != 429
    return isinstance(error, errors.RedirectError) or tells_itself(error)


def tells_itself(error: errors.RequestError) -> bool:
    """Whether the link itself will tell what is wrong: nobody could be asked at all."""
    return (not error.sent or isinstance(error, errors.ConnectError)) and not may_come(error)


def may_come(error: errors.RequestError) -> bool:
    """Whether another proxy may still open the way: a link that goes by it must not go without its robots.txt."""
    return isinstance(error, errors.ProxyError) and error.others > 0
