"""The request reader: bytes in, Head and Body out, or a refusal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.server.http1 import NEED_DATA, BadRequest, Body, Head, Limits, Reader

SMALL = Limits(line=64, head=200, fields=5, body=32)


def read_all(reader: Reader) -> list[object]:
    """All events that are there, and at the end the refusal as (status, reason) where there is one."""
    events: list[object] = []
    try:
        while (event := reader.next_event()) is not NEED_DATA:
            events.append(event)
    except BadRequest as fault:
        events.append((fault.status, fault.reason))
    return events


def read(data: bytes, limits: Limits | None = None) -> list[object]:
    """The events of bytes that came at once."""
    reader = Reader(limits)
    reader.feed(data)
    return read_all(reader)


def read_slowly(data: bytes, limits: Limits | None = None) -> list[object]:
    """The events of bytes that came one by one."""
    reader, events = Reader(limits), []
    for at in range(len(data)):
        reader.feed(data[at : at + 1])
        events += read_all(reader)
        if events and isinstance(events[-1], tuple):
            break
    return events


def refusal(data: bytes, limits: Limits | None = None) -> int | None:
    """The status of the refusal, None where there is none."""
    last = (read(data, limits) or [None])[-1]
    return last[0] if isinstance(last, tuple) else None


def request(*lines: str, line: str = "POST / HTTP/1.1", body: bytes = b"") -> bytes:
    return "\r\n".join([line, "Host: h", *lines, "", ""]).encode("latin-1") + body


def test_a_request_is_a_head_and_a_body() -> None:
    head, body = read(b"GET /a%20b?c=%20d HTTP/1.1\r\nHost: h:80\r\nX-A:  1 \t\r\nx-a: 2\r\n\r\n")

    assert isinstance(head, Head)
    assert (head.method, head.version, head.length) == ("GET", (1, 1), 0)
    assert (head.target.raw, head.target.path, head.target.query) == ("/a%20b?c=%20d", "/a b", "c=%20d")
    assert head.fields == (("Host", "h:80"), ("X-A", "1"), ("x-a", "2"))
    assert (head.keep_alive, head.expects_continue) == (True, False)
    assert body == Body(b"")


def test_pipelined_requests_come_one_after_the_other() -> None:
    two = request("Content-Length: 2", body=b"ab") + request(line="GET /2 HTTP/1.1")

    events = read(two)

    assert [event.target.raw for event in events if isinstance(event, Head)] == ["/", "/2"]
    assert [event.data for event in events if isinstance(event, Body)] == [b"ab", b""]


def test_a_chunked_body_is_joined_and_its_trailers_are_dropped() -> None:
    body = b"3\r\nabc\r\n0A;ext=1\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n"

    events = read(request("Transfer-Encoding: Chunked", body=body))

    assert events[1:] == [Body(b"abc0123456789")]


@pytest.mark.parametrize(
    ("line", "fields", "expected"),
    [
        ("GET / HTTP/1.1", [], True),
        ("GET / HTTP/1.1", ["Connection: x, Close"], False),
        ("GET / HTTP/1.0", [], False),
        ("GET / HTTP/1.0", ["Connection: Keep-Alive"], True),
        ("GET / HTTP/1.0", ["Connection: keep-alive, close"], False),
        ("GET / HTTP/1.9", [], True),
    ],
)
def test_connections_persist_as_rfc_9112_says(line: str, fields: list[str], expected: bool) -> None:
    head = read(request(*fields, line=line))[0]

    assert isinstance(head, Head)
    assert head.keep_alive is expected


@pytest.mark.parametrize(
    ("line", "fields", "expected"),
    [
        ("POST / HTTP/1.1", ["Expect: 100-Continue", "Content-Length: 3"], True),
        ("POST / HTTP/1.1", ["Expect: 100-continue"], False),
        ("POST / HTTP/1.0", ["Expect: 100-continue", "Content-Length: 3"], False),
    ],
)
def test_a_client_that_waits_for_100_is_known(line: str, fields: list[str], expected: bool) -> None:
    head = read(request(*fields, line=line))[0]

    assert isinstance(head, Head)
    assert head.expects_continue is expected


@pytest.mark.parametrize(
    ("method", "target", "path", "authority"),
    [
        ("GET", "http://example.org:80/a?b", "/a", "example.org:80"),
        ("GET", "HTTP://example.org?b", "/", "example.org"),
        ("OPTIONS", "*", "*", None),
        ("CONNECT", "example.org:443", "", "example.org:443"),
        ("GET", "/%252e%252E", "/%2e%2E", None),
        ("GET", "/a|b[c]{d}^`", "/a|b[c]{d}^`", None),
        ("GET", "/%E2%82%AC/%ff", "/€/\udcff", None),
    ],
)
def test_targets_have_four_forms(method: str, target: str, path: str, authority: str | None) -> None:
    head = read(request(line=f"{method} {target} HTTP/1.1"))[0]

    assert isinstance(head, Head)
    assert (head.target.path, head.target.authority) == (path, authority)


def test_an_encoded_slash_does_not_divide_segments() -> None:
    head = read(request(line="GET /a%2Fb/c/ HTTP/1.1"))[0]

    assert isinstance(head, Head)
    assert head.target.segments == ("a/b", "c", "")


REFUSED = [
    ("GET /\r\n\r\n", 400),
    ("GET  / HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.1 \r\n\r\n", 400),
    ("GET /a b HTTP/1.1\r\n\r\n", 400),
    ("GET\t/ HTTP/1.1\r\n\r\n", 400),
    (" GET / HTTP/1.1\r\n\r\n", 400),
    ("\r\n\r\nGET / HTTP/1.1\r\n", 400),
    ("G@T / HTTP/1.1\r\n", 400),
    ("GET / http/1.1\r\n", 400),
    ("GET / HTTP/1.10\r\n", 400),
    ("GET / HTTP/1.1\n", 400),
    ("GET / HTTP/1.1\rHost: h\r\n", 400),
    ("GET /\0 HTTP/1.1\r\n", 400),
    ("\x16\x03\x01\x02\x00", 400),
    ("get / HTTP/1.1\r\n", 501),
    ("PROPFIND / HTTP/1.1\r\n", 501),
    ("PRI * HTTP/2.0\r\n", 505),
    ("GET / HTTP/2.0\r\n", 505),
    ("GET / HTTP/0.9\r\n", 505),
    ("GET / HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
    ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
]


@pytest.mark.parametrize(("text", "status"), REFUSED)
def test_broken_heads_are_refused(text: str, status: int) -> None:
    assert refusal(text.encode("latin-1")) == status


FRAMING = [
    (["Content-Length: 3", "Content-Length: 3"], b"abc", None),
    (["Content-Length: 3, 3"], b"abc", None),
    (["Content-Length: 3", "Content-Length: 4"], b"abcd", 400),
    (["Content-Length: 3, 4"], b"abcd", 400),
    (["Content-Length: +10"], b"", 400),
    (["Content-Length: -1"], b"", 400),
    (["Content-Length: 0x10"], b"", 400),
    (["Content-Length: 1 2"], b"", 400),
    (["Content-Length:"], b"", 400),
    (["Content-Length: 3,"], b"", 400),
    (["Content-Length: \xb2"], b"", 400),
    (["Content-Length: 1_0"], b"", 400),
    (["Content-Length: 16777217"], b"", 413),
    (["Content-Length: " + "9" * 5000], b"", 413),
    (["Content-Length: 3", "Transfer-Encoding: chunked"], b"abc", 400),
    (["Transfer-Encoding: chunked, chunked"], b"", 400),
    (["Transfer-Encoding: chunked, gzip"], b"", 400),
    (["Transfer-Encoding: gzip, chunked"], b"", 501),
    (["Transfer-Encoding: gzip"], b"", 501),
    (["Transfer-Encoding: xchunked"], b"", 501),
    (["Transfer-Encoding: chunked;q=1"], b"", 501),
    (["Transfer-Encoding: \x0bchunked"], b"", 400),
    (["Transfer-Encoding:"], b"", 400),
    (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], b"", 400),
    (["Expect: 200-ok"], b"", 417),
    (["Transfer-Encoding: chunked"], b"0\r\n\r\n", None),
    (["Transfer-Encoding: chunked"], b"0\r\n\n", 400),
    (["Transfer-Encoding: chunked"], b"\r\n", 400),
    (["Transfer-Encoding: chunked"], b"-1\r\n", 400),
    (["Transfer-Encoding: chunked"], b"0x5\r\n", 400),
    (["Transfer-Encoding: chunked"], b"5 \r\nhello\r\n", 400),
    (["Transfer-Encoding: chunked"], b" 5\r\nhello\r\n", 400),
    (["Transfer-Encoding: chunked"], b"5\nhello\r\n", 400),
    (["Transfer-Encoding: chunked"], b"5\r\nhello5\r\n", 400),
    (["Transfer-Encoding: chunked"], b"5\r\nhelloo\r\n", 400),
    (["Transfer-Encoding: chunked"], b"1234567890abcdef0\r\n", 400),
    (["Transfer-Encoding: chunked"], b"ffffffffffffffff\r\n", 413),
    (["Transfer-Encoding: chunked"], b"5;" + b"x" * 5000, 400),
    (["Transfer-Encoding: chunked"], b"0\r\nbad trailer\r\n\r\n", 400),
    (["Transfer-Encoding: chunked"], b"0\r\nX: " + b"y" * 70000, 431),
]


@pytest.mark.parametrize(("fields", "body", "status"), FRAMING)
def test_the_length_of_a_body_is_told_in_one_way(fields: list[str], body: bytes, status: int | None) -> None:
    assert refusal(request(*fields, body=body)) == status


def test_transfer_encoding_is_not_for_http_1_0() -> None:
    assert refusal(request("Transfer-Encoding: chunked", line="POST / HTTP/1.0")) == 400


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /" + b"a" * 50 + b" HTTP/1.1\r\nHost: h\r\n\r\n", None),  # 64 bytes
        (b"GET /" + b"a" * 51 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
        (b"GET /" + b"a" * 61, 414),
        (request("X: " + "y" * 200), 431),
        (request(*["X: " + "y" * 50] * 4), 431),
        (request("A: 1", "B: 1", "C: 1", "D: 1"), None),
        (request("A: 1", "B: 1", "C: 1", "D: 1", "E: 1"), 431),
        (request("Content-Length: 32", body=b"x" * 32), None),
        (request("Content-Length: 33"), 413),
        (request("Transfer-Encoding: chunked", body=b"20\r\n" + b"x" * 32 + b"\r\n1\r\n"), 413),
        (request("Transfer-Encoding: chunked", body=(b"1;" + b"e" * 90 + b"\r\nx\r\n") * 4), 413),
    ],
)
def test_limits_hold_to_the_byte(data: bytes, status: int | None) -> None:
    assert refusal(data, SMALL) == status


def test_a_refused_reader_stays_refused() -> None:
    reader = Reader()
    reader.feed(b"nonsense\r\n")
    first = read_all(reader)
    reader.feed(request(line="GET / HTTP/1.1"))

    assert read_all(reader) == first


def test_one_empty_line_before_a_request_is_ignored() -> None:
    assert len(read(b"\r\n" + request(line="GET / HTTP/1.1"))) == 2


WORDS = b"GET|POST| |/|/%2e|?a=b|HTTP/1.1|HTTP/1.0|\r\n|\r\n\r\n|\n|\r|Host: h|Content-Length: 3|abc|3|0|:|\t|\0"
CHUNKED = request("Transfer-Encoding: chunked")
PIECES = st.sampled_from([*WORDS.split(b"|"), b"Transfer-Encoding: chunked", b"x" * 60, CHUNKED])
BYTES = st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=30).map(b"".join))


@given(BYTES)
def test_how_bytes_are_cut_makes_no_difference(data: bytes) -> None:
    """And nothing but BadRequest is raised, whatever they are."""
    assert read_slowly(data) == read(data)
    assert read_slowly(data, SMALL) == read(data, SMALL)


LINES = (
    "Host: h",
    "Host:",
    "A:b",
    "A: \xff ",
    "Connection: close",
    "Content-Length: 0",
    "A : b",
    "A",
    " b",
    "A: \0",
    "\tA: b",
)
STARTS = (
    "GET / HTTP/1.1",
    "GET / HTTP/1.0",
    "HEAD /%2 HTTP/1.1",
    "BREW / HTTP/1.1",
    "GET / HTTP/2.0",
    "GET  / HTTP/1.1",
    "",
)
HEADS = st.tuples(st.sampled_from(STARTS), st.lists(st.sampled_from(LINES), max_size=7)).map(
    lambda one: [one[0], *one[1]]
)


@given(st.lists(HEADS, min_size=1, max_size=3))
def test_a_head_that_comes_at_once_is_read_as_one_that_comes_by_bytes(heads: list[list[str]]) -> None:
    data = b"".join("\r\n".join([*head, "", ""]).encode("latin-1") for head in heads)

    assert read(data) == read_slowly(data)
    assert read(data, SMALL) == read_slowly(data, SMALL)


@pytest.mark.parametrize("limits", [Limits(line=14), Limits(line=13), Limits(head=9), Limits(head=8), Limits(fields=1)])
def test_limits_are_the_same_for_a_head_that_comes_at_once(limits: Limits) -> None:
    for data in (request(line="GET / HTTP/1.1"), request("A: b", line="GET / HTTP/1.1")):
        assert read(data, limits) == read_slowly(data, limits)


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=6), st.integers(1, 7))
def test_chunked_bodies_come_back_however_they_are_cut(chunks: list[bytes], step: int) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    data, reader, events = request("Transfer-Encoding: chunked", body=body), Reader(), []
    for at in range(0, len(data), step):
        reader.feed(data[at : at + step])
        events += read_all(reader)

    assert events[1:] == [Body(b"".join(chunks))]
