"""What every exchange shares, be it for a page or a file: the session, the clocks, and how an answer is judged.

redirected    a redirect -> the Hop it leads to; its body is drained, never decoded
check_status  anything but success -> an error, with what Retry-After asks
decoded       the body in bounded pieces, to the end of its content encoding
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from scraper import errors, secrets, urls
from scraper.job.parts import Http
from scraper.net import redirect, retry, wire
from scraper.net.decode import Decoder, EncodingTrouble, LimitTrouble
from scraper.net.pace import Pace
from scraper.net.redirect import Hop
from scraper.net.session import Reply, Session


def wall_clock() -> datetime:
    """The time of day, aware."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Courier:
    """What every exchange needs: the session, its settings, the clocks, and the secrets to conceal."""

    session: Session
    http: Http
    known: dict[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = wall_clock

    def conceal(self, text: str) -> str:
        """What comes from outside, with secrets that it echoes as marks again."""
        return secrets.conceal(text, self.known) if self.known else text

    def learn(self, name: str, value: str) -> None:
        """One more secret to conceal: what a login saved."""
        self.known[name] = value


def redirected(courier: Courier, hop: Hop, reply: Reply, expected: tuple[int, ...] = ()) -> Hop | None:
    """The hop a redirect leads to, its body drained; None for any other answer."""
    if reply.status not in redirect.STATUSES or reply.status in expected:
        return None
    reply.drain()
    location = redirect.as_utf8(reply.headers.get("location", ""))
    target = redirect.next_hop(hop, reply.status, location, redirect.budget(courier.http.allow_redirects))
    target = replace(target, guarded=not is_inside(reply, hop.url))
    if target.guarded and wire.leads_inside(target.url, resolve=not courier.session.is_proxied(target.url)):
        raise errors.SkippedError(
            reply.url, "private", f"redirected to the private address {secrets.display(target.url)}"
        )
    return target


def check_status(courier: Courier, reply: Reply, expected: tuple[int, ...] = ()) -> None:
    """Anything but a 2xx, or what the rule expects, is an error; so is a part of a body that nobody asked for."""
    if reply.status == 206 and 206 not in expected:
        raise errors.ProtocolError(reply.url, "the server sent a range (206) that was not asked for")
    if 200 <= reply.status < 300 if not expected else reply.status in expected:
        return
    reply.drain()
    after = retry.retry_after(reply.headers.get("retry-after"), courier.now())
    raise errors.StatusError(reply.url, reply.status, reply.reason, after)


def is_inside(reply: Reply, url: str) -> bool:
    """Whether an answer came from an address that is not public; without a socket the URL tells."""
    if reply.address is not None:
        return urls.is_private(reply.address)
    return wire.leads_inside(url, resolve=not reply.is_proxied)


def _in_time(reply: Reply, pace: Pace) -> Iterator[bytes]:
    """The pieces of a body; where waiting for one took what was left of `total`, that is what is told."""
    try:
        yield from reply.pieces()
    except errors.StalledError:
        pace.step(0)
        raise


def decoded(reply: Reply, pace: Pace, limit: int) -> Iterator[bytes]:
    """The body as it comes, in bounded pieces, decoded to the end of its content encoding.

    Raises:
        RequestError: encoding (unknown, corrupt, cut), limit (more decoded bytes than that), or what broke it.
    """
    encoding = reply.headers.get("content-encoding", "")
    decoder: Decoder | None = None
    try:
        for piece in _in_time(reply, pace):
            pace.step(len(piece))
            decoder = decoder or Decoder(encoding, limit)
            yield from decoder.pieces(piece)
        if decoder is not None:
            decoder.finish()
    except LimitTrouble as error:
        raise errors.LimitError(reply.url, str(error)) from error
    except EncodingTrouble as error:
        raise errors.EncodingError(reply.url, str(error)) from error
