"""What every exchange shares, be it for a page or a file: the session, the clocks, and how an answer is judged.

redirected    a redirect -> the Hop it leads to; its body is never decoded
check_status  anything but success -> an error, with what Retry-After asks
decoded       the body in bounded pieces, to the end of its content encoding
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scraper import errors, secrets, urls
from scraper.net import redirect, retry, wire
from scraper.net.answer import Answer
from scraper.net.decode import Decoder, EncodingTrouble, LimitTrouble
from scraper.net.outgoing import Outgoing
from scraper.net.pace import Pace
from scraper.net.rate import Rate
from scraper.net.redirect import Hop

if TYPE_CHECKING:
    from scraper.job.parts import Http
    from scraper.net.session import Reply, Session


def wall_clock() -> datetime:
    """The time of day, aware."""
    return datetime.now(UTC)


class Courier:
    """What every exchange needs: what goes out, the clocks, the secrets to conceal, and the requests session.

    Args:
        outgoing: puts together what is sent.
        known: secrets that what comes may echo, by the names of their marks.
        connections: how many connections to one host are kept.
        rate: what all bodies together are held to; without it, nothing.

    Attributes:
        http: the settings of `http:`.
    """

    def __init__(
        self, outgoing: Outgoing, known: dict[str, str] | None = None, *, connections: int = 32,
        rate: Rate | None = None, clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:  # fmt: skip
        self.outgoing = outgoing
        self.http: Http = outgoing.http
        self.known = {} if known is None else known
        outgoing.on_secret = self.learn
        self.rate = rate or Rate(None, clock)
        self.clock = clock
        self.now = now
        self._connections = connections
        self._making = threading.Lock()
        self._session: Session | None = None

    def seconds(self) -> float:
        """The time of day, in seconds since 1970."""
        return time.time() if self.now is wall_clock else self.now().timestamp()

    @property
    def session(self) -> Session:
        """The session of this run, made when it is first needed: a run of files alone starts without requests."""
        with self._making:
            if self._session is None:
                from scraper.net.session import Session

                self._session = Session(self.outgoing, self._connections, self.rate)
            return self._session

    def conceal(self, text: str) -> str:
        """What comes from outside, with secrets that it echoes as marks again."""
        return secrets.conceal(text, self.known) if self.known else text

    def learn(self, name: str, value: str) -> None:
        """One more secret to conceal: what a login saved."""
        self.known[name] = value


def redirected(courier: Courier, hop: Hop, answer: Answer, expected: tuple[int, ...] = ()) -> Hop | None:
    """The hop a redirect leads to; None for any other answer."""
    if answer.status not in redirect.STATUSES or answer.status in expected:
        return None
    location = redirect.as_utf8(answer.headers.get("location", ""))
    target = redirect.next_hop(hop, answer.status, location, redirect.budget(courier.http.allow_redirects))
    target = replace(target, guarded=not is_inside(answer, hop.url))
    if target.guarded and wire.leads_inside(target.url, resolve=not courier.outgoing.is_proxied(target.url)):
        raise errors.SkippedError(
            answer.url, "private", f"redirected to the private address {secrets.display(target.url)}"
        )
    return target


def check_status(courier: Courier, answer: Answer, expected: tuple[int, ...] = ()) -> None:
    """Anything but a 2xx, or what the rule expects, is an error; so is a part of a body that nobody asked for."""
    if answer.status == 206 and 206 not in expected:
        raise errors.ProtocolError(answer.url, "the server sent a range (206) that was not asked for")
    if 200 <= answer.status < 300 if not expected else answer.status in expected:
        return
    after = retry.retry_after(answer.headers.get("retry-after"), courier.now())
    raise errors.StatusError(answer.url, answer.status, answer.reason, after)


def is_inside(answer: Answer, url: str) -> bool:
    """Whether an answer came from an address that is not public; without a socket the URL tells."""
    if answer.address is not None:
        return urls.is_private(answer.address)
    return wire.leads_inside(url, resolve=not answer.is_proxied)


def decoded(reply: Reply, pace: Pace, limit: int) -> Iterator[bytes]:
    """The body as it comes, in bounded pieces, decoded to the end of its content encoding.

    Raises:
        RequestError: encoding (unknown, corrupt, cut), limit (more decoded bytes than that), or what broke it.
    """
    encoding = reply.headers.get("content-encoding", "")
    decoder: Decoder | None = None
    try:
        for piece in reply.pieces_in_time(pace):
            decoder = decoder or Decoder(encoding, limit)
            yield from decoder.pieces(piece)
        if decoder is not None:
            decoder.finish()
    except LimitTrouble as error:
        raise errors.LimitError(reply.url, str(error)) from error
    except EncodingTrouble as error:
        raise errors.EncodingError(reply.url, str(error)) from error
