"""The access log: a line for each answer, which nothing that a client writes can break."""

from __future__ import annotations

import io
import re
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.server import Server, Site
from scraper.server.access import Access, AccessLog, access_line, escaped
from scraper.server.faults import make
from scraper.server.http1 import Head, Limits, Reader

NOW = 1_795_255_200.0  # 2026-11-21 10:00:00 UTC
SAID = "User-Agent: curl/8\r\nReferer: http://h/"


def head(raw: str) -> Head:
    reader = Reader(Limits())
    reader.feed(raw.encode("latin-1"))
    event = reader.next_event()
    assert isinstance(event, Head)
    return event


@pytest.mark.parametrize(
    ("access", "line"),
    [
        (
            Access("127.0.0.1", head(f"GET /a?b=c HTTP/1.1\r\nHost: h\r\n{SAID}\r\n\r\n"), 200, 1234),
            '127.0.0.1 - - [21/Nov/2026:10:00:00 +0000] "GET /a?b=c HTTP/1.1" 200 1234 "http://h/" "curl/8"',
        ),
        (
            Access("::1", head("HEAD http://h/ HTTP/1.0\r\nuser-agent: \xe9\"\\\x09\r\n\r\n"), 0, 0),
            '::1 - - [21/Nov/2026:10:00:00 +0000] "HEAD http://h/ HTTP/1.0" 0 0 "-" "\\xe9\\"\\\\"',
        ),
        (Access("127.0.0.1", None, 400, 99), '127.0.0.1 - - [21/Nov/2026:10:00:00 +0000] "-" 400 99 "-" "-"'),
    ],
)  # fmt: skip
def test_a_line_is_in_the_combined_log_format(access: Access, line: str) -> None:
    assert access_line(access, NOW) == line


@given(st.text())
def test_no_text_breaks_out_of_its_place(text: str) -> None:
    told = escaped(text)
    assert re.fullmatch(r'(?:[ !#-\[\]-~]|\\["\\]|\\x[0-9a-f]{2})*', told)


@given(st.text(st.characters(max_codepoint=255)))
def test_what_was_written_can_be_read_again(text: str) -> None:
    back = re.sub(r"\\(?:x(..)|(.))", lambda m: chr(int(m[1], 16)) if m[1] else m[2], escaped(text))
    assert back == text


class Told:
    """A server with an access log, and its lines."""

    def __init__(self, site: Site, **options: Any) -> None:
        self.text = io.StringIO()
        self.server = Server(site, access=AccessLog(self.text, lambda: NOW), **options)

    @property
    def lines(self) -> list[str]:
        """Each without host and time."""
        return [line.partition("] ")[2] for line in self.text.getvalue().splitlines()]


def test_the_bytes_are_those_that_went_out(tmp_path: Any, wire: SimpleNamespace) -> None:
    """A small file, a large one, and one that breaks off."""
    (tmp_path / "small").write_bytes(b"x" * 10)
    (tmp_path / "large").write_bytes(b"x" * 300_000)
    site = Site(tmp_path)
    site.route("/cut")(make("cut", at=7).over(b"x" * 100))
    told = Told(site)
    with told.server as server:
        raw = [wire.talk(server.port, wire.get(target)) for target in ("/small", "/large", "/cut", "/nothing")]
    assert told.lines == [
        f'"GET /small HTTP/1.1" 200 {len(raw[0])} "-" "-"',
        f'"GET /large HTTP/1.1" 200 {len(raw[1])} "-" "-"',
        f'"GET /cut HTTP/1.1" 200 {len(raw[2])} "-" "-"',
        f'"GET /nothing HTTP/1.1" 404 {len(raw[3])} "-" "-"',
    ]


def test_what_is_no_request_has_a_line_too(wire: SimpleNamespace) -> None:
    told = Told(Site())
    with told.server as server:
        raw = wire.talk(server.port, b"GET /\x1b[31m HTTP/1.1\r\n\r\n")
    assert told.lines == [f'"-" 400 {len(raw)} "-" "-"']


def test_a_client_that_goes_away_has_a_line_too(wire: SimpleNamespace) -> None:
    site = Site()
    site.route("/stall")(make("stall", at=3).over(b"abcdef"))
    told = Told(site)
    with told.server as server, socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(wire.get("/stall"))
        received = b""
        while not received.endswith(b"abc"):
            received += sock.recv(1000)
    assert told.lines == [f'"GET /stall HTTP/1.1" 200 {len(received)} "-" "-"']
