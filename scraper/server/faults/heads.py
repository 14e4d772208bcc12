"""Heads that are broken, enormous, or none (RFC 9112 sections 4 and 5; RFC 9110 section 15.2)."""

from __future__ import annotations

from typing import Literal

from scraper import units
from scraper.server.answers import render_head
from scraper.server.faults.fault import Count, Held, Size, spoken
from scraper.server.faults.told import Told
from scraper.server.line import Line

_LINE = 60_000  # bytes of one line of a large head: each of them below what clients take
_FLOOD = 64 * 1024 * 1024  # bytes; a client that takes so many interim answers takes any number


@spoken
def no_colon(line: Line, told: Told, text: str = "this is no header") -> None:
    """A line of the head has no colon; the length comes after it."""
    _say(line, told, text.encode())


@spoken
def bad_header(line: Line, told: Told, value: str = "a\0b") -> None:
    """A header's value has a NUL in it, or another character that must not stand there."""
    _say(line, told, b"X-Note: " + value.encode())


@spoken
def long_header(line: Line, told: Told, size: Held = "64k") -> None:
    """One header line is `size` bytes long."""
    _say(line, told, b"X-Long: ".ljust(units.size(size), b"x"))


@spoken
def big_head(line: Line, told: Told, size: Size = "6M") -> None:
    """The head is `size` bytes large, in lines of 60 kB."""
    line.narrow()
    line.send(told.sized()[:-2])
    for number in range(units.size(size) // _LINE):
        line.send(b"X-%d: %b\r\n" % (number, b"x" * _LINE))
    line.send(b"\r\n")
    line.send_all(told.pieces())


@spoken
def many_headers(line: Line, told: Told, count: Count = 10_000) -> None:
    """The head has `count` lines more than it needs."""
    line.narrow()
    _say(line, told, *(b"X-%d: x" % number for number in range(count)))


@spoken
def interim(line: Line, told: Told, code: int = 100, count: int = 0) -> None:
    """`count` interim answers (1xx) come first; 0 is as many as 64 MiB hold."""
    line.narrow()
    said = render_head(code, [("X-Interim", "yes")])
    for _ in range(count or _FLOOD // len(said)):
        line.send(said)
    line.send(told.sized())
    line.send_all(told.pieces())


@spoken
def http09(line: Line, told: Told) -> None:
    """The body without any head, as HTTP/0.9 had it."""
    line.send_all(told.pieces())


@spoken
def status_line(line: Line, told: Told, text: str = "HTTP/1.1 99 Low") -> None:
    """The first line of the answer is `text`."""
    line.send(text.encode() + b"\r\n" + told.sized().partition(b"\r\n")[2])
    line.send_all(told.pieces())


@spoken
def drip_head(line: Line, told: Told, what: Literal["line", "interim"] = "line") -> None:
    """The head never ends: every 50 ms a bit of a header, or another interim answer."""
    line.send(told.head()[:-2] + b"X-Slow: " if what == "line" else b"")
    while not line.hold(0.05):
        line.send(b"x" if what == "line" else render_head(102, []))


def _say(line: Line, told: Told, *lines: bytes) -> None:
    """The whole answer, with these lines before its Content-Length."""
    line.send(told.head(lines=(*lines, b"Content-Length: %d" % told.size)))
    line.send_all(told.pieces())
