"""What a server answered, its body still on the wire."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests

from scraper import errors
from scraper.net import detour, head, trouble
from scraper.net.answer import DRAIN, DRAIN_TIME
from scraper.net.line import line
from scraper.net.outgoing import Outgoing
from scraper.net.pace import Pace
from scraper.net.rate import Rate
from scraper.net.session.faults import BODY
from scraper.net.tap import Take

PIECE = 256 * 1024
STEP = 0.25
"""Seconds that a reader sleeps at once while the run is in debt to its rate."""


class Reply:
    """What a server answered; the body is still on the wire. Close it."""

    def __init__(
        self, response: requests.Response, url: str, read: float, outgoing: Outgoing, rate: Rate, *, is_proxied: bool
    ) -> None:
        self._response = response
        self._rate = rate
        self._debt = 0.0
        self._read = read
        self._conceal = outgoing.conceal
        self.url = url
        self.status = response.status_code
        self.reason = outgoing.conceal(response.reason or "")
        self.headers = {name: outgoing.header_text(value) for name, value in _lower(response.headers)}
        self.address = line.peer
        self.is_proxied = is_proxied
        self._take: Take | None = None
        self._trouble: errors.RequestError | None = None
        self._is_whole = False
        self._recorded: errors.RequestError | None = None

    def replayed(self, *, guarded: bool) -> None:
        """It comes from a tape: it is made what it was when it was recorded.

        Raises:
            RequestError: what was raised then; SkippedError: its address is not public, and `guarded` says it must be.
        """
        try:
            came = detour.came(self.headers, self.reason, self.url, guarded=guarded)
        except errors.RequestError:
            self.abort()
            raise
        self.headers, self.reason, self.address, self._recorded = came
        self.is_proxied = came.address is None  # whoever asks where it came from must not look the name up

    def tell(self, take: Take) -> None:
        """From now on somebody hears what comes, until it is closed."""
        raw: Any = self._response.raw
        came = [(name, value.strip(" \t")) for name, value in raw._original_response.msg.items()]
        self._is_whole = raw._original_response.isclosed()  # there is no body
        self._take = take
        take.head(self.status, self._response.reason or "", came, self.address)

    def check(self) -> None:
        """Closes what cannot be read without guessing.

        Raises:
            ProtocolError, ProxyError: it cannot.
        """
        fault = head.fault(self.status, dict(_lower(self._response.headers))) or self._double()
        if fault is not None:
            self.abort()
            raise errors.ProtocolError(self.url, f"not HTTP: {fault}")
        if self.status == 407 and self.is_proxied:
            self.abort()
            raise errors.ProxyError(self.url, "the proxy wants a user and password (407)", sent=False)

    def _double(self) -> str | None:
        """A redirect to two places: which one is meant is a guess (libcurl refuses it too)."""
        given: Any = self._response.raw.headers
        places = given.getlist("location")
        return "two Location headers" if len(set(places)) > 1 else None

    def pieces(self, size: int = PIECE) -> Iterator[bytes]:
        """The body as it comes, at most `size` bytes at once, content encoding untouched.

        Raises:
            RequestError: stalled, length, protocol, tls: whatever broke.
        """
        raw = self._response.raw
        if self.status in head.BODILESS and "transfer-encoding" in self.headers:  # urllib3 would look for chunks
            self._is_whole = True
            return
        try:
            while piece := raw.read1(self._rate.piece(size), decode_content=False):
                self._debt = self._rate.spend(len(piece))
                if self._take is not None:
                    self._take.piece(piece)
                yield piece
            self._is_whole = True
        except Exception as error:
            if self._recorded is not None:
                raise self._recorded from error
            told = trouble.classify(error, self.url, BODY, self._conceal)
            if told is None:
                raise
            self._trouble = told
            raise told from error
        if self._recorded is not None:
            raise self._recorded

    def pieces_in_time(self, pace: Pace) -> Iterator[bytes]:
        """The same, held to its pace; where waiting for one took what was left of `total`, that is what is told."""
        try:
            yield from self._paced(pace)
        except errors.RequestError as error:
            self._trouble = error
            raise

    def _paced(self, pace: Pace) -> Iterator[bytes]:
        try:
            for piece in self.pieces():
                pace.step(len(piece))
                yield piece
                self._pay(pace)
        except errors.StalledError:
            pace.check_total()
            raise

    def _pay(self, pace: Pace) -> None:
        """Waits until the debt that the last piece made is paid."""
        while self._debt > 0:
            step = min(self._debt, STEP)
            self._rate.sleep(step)
            self._debt -= step
            pace.paused(step)
            pace.check_total()

    def drain(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Reads at most 64 KiB of a body nobody wants, undecoded, so that the connection can serve again.

        A body that drips in, or does not come, is not waited for.
        """
        patience = min(DRAIN_TIME, self._read)
        left, until = DRAIN, clock() + patience
        if (hurry := getattr(getattr(self._response.raw, "_fp", None), "hurry", None)) is not None:
            hurry(patience)
        try:
            for piece in self.pieces(16 * 1024):
                left -= len(piece)
                if clock() > until:
                    left = 0
                if left <= 0:
                    break
        except errors.RequestError:
            left, self._trouble = 0, None  # it was not wanted
        if left <= 0:
            self._response.raw.close()
        self.close()

    def check_surplus(self) -> None:
        """The body is whole by its length; what came behind it shows that this length is wrong.

        Raises:
            LengthError: something did.
        """
        if getattr(getattr(self._response.raw, "_fp", None), "surplus", False):
            self._trouble = errors.LengthError(self.url, "more bytes came than were declared")
            raise self._trouble

    @contextlib.contextmanager
    def drained(self) -> Iterator[None]:
        """Whoever refuses the answer meanwhile does not want its body either."""
        try:
            yield
        except errors.RequestError:
            self.drain()
            raise

    def abort(self) -> None:
        """Closes the connection: what is left of the body is not wanted."""
        self._response.raw.close()
        self.close()

    def close(self) -> None:
        """Gives the connection back to its pool, or closes it where the body was not read to its end."""
        self._response.close()
        if self._take is not None:
            take, self._take = self._take, None
            take.end(self._trouble, self._is_whole and self._trouble is None)


def _lower(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((name.lower(), value.strip(" \t")) for name, value in headers.items())
