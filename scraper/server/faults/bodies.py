"""Bodies that do not arrive: connections that close, reset, stall, drip, or never end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from scraper import units
from scraper.server.answers import Answer, Scripted
from scraper.server.faults.fault import Fault, Place, Size, Wait, answered, position, spoken
from scraper.server.faults.told import Told
from scraper.server.line import Line
from scraper.server.request import Request
from scraper.server.site import Answerer

_BEAT = 0.05  # seconds between two drops


def refuse() -> Fault:
    """Connections are accepted and closed at once, before they ask for anything."""
    return Fault("refuse", lambda request, inner: inner(request), refuses=True)


@answered
def hang_up(request: Request, inner: Answerer, reset: bool = False) -> Answer:
    """The request is read, and the connection closes (or is reset) without a byte."""
    return Scripted(lambda line: line.reset() if reset else None)


@answered
def silence(request: Request, inner: Answerer, seconds: Wait = None) -> Answer:
    """The request is read, and nothing is said for so long, or for ever; then the connection closes."""

    def play(line: Line) -> None:
        line.hold(seconds)

    return Scripted(play)


@spoken
def cut(line: Line, told: Told, at: Place = "50%") -> None:
    """The whole is declared, and the connection closes after `at` of it."""
    line.send(told.sized())
    line.send_all(told.pieces(0, position(at, told.size)))


@spoken
def reset(line: Line, told: Told, at: Place = "50%") -> None:
    """The whole is declared, and the connection is reset (RST) after `at` of it has arrived."""
    line.send(told.sized())
    line.send_all(told.pieces(0, position(at, told.size)))
    line.settle()
    line.reset()


@spoken
def stall(line: Line, told: Told, at: Place = "50%", seconds: Wait = None) -> None:
    """After `at` of the body nothing comes for so long, or for ever; then the rest."""
    line.send(told.sized())
    line.send_all(told.pieces(0, position(at, told.size)))
    if not line.hold(seconds):
        line.send_all(told.pieces(position(at, told.size)))


@spoken
def drip(line: Line, told: Told, rate: Size = 100, head: bool = False) -> None:
    """The body comes at `rate` bytes a second; with `head` the head does too."""
    said = told.sized()
    drops = max(1, round(units.size(rate) * _BEAT))
    if not head:
        line.send(said)
    slow = (said if head else b"") + told.whole()
    for start in range(0, len(slow), drops):
        line.send(slow[start : start + drops])
        if line.hold(_BEAT):
            return


@spoken
def endless(line: Line, told: Told, rate: Size = 0, most: Size = "256M", chunked: bool = False) -> None:
    """The body begins again and again, at `rate` bytes a second or as fast as it is read; cut after `most`."""
    line.narrow()
    line.send(told.head(("Transfer-Encoding", "chunked")) if chunked else told.head())
    left = units.size(most)
    for piece in _again(told):
        line.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        left -= len(piece)
        if left <= 0 or (rate and line.hold(len(piece) / units.size(rate))):
            return


def _again(told: Told) -> Iterator[bytes]:
    return cycle(list(told.pieces()) or [bytes(1024)])
