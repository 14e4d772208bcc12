"""Who listens in (net/tap.py) hears of every exchange what came and what went wrong, by both transports the same."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from scraper import errors
from scraper.net.outgoing import Wire
from scraper.server import Response, Server
from scraper.server.faults import read_faults

FAST = {"timeout": {"connect": 5, "read": 0.4}}


class Heard:
    """One exchange as the tap heard it; `told` are the methods in order, pieces counted once."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.told: list[str] = []
        self.status = 0
        self.reason = ""
        self.fields: list[tuple[str, str]] = []
        self.address: str | None = None
        self.body = b""
        self.trouble: Exception | None = None
        self.whole = False

    def head(self, status: int, reason: str, fields: Sequence[tuple[str, str]], address: str | None) -> None:
        self.told.append("head")
        self.status, self.reason, self.fields, self.address = status, reason, list(fields), address

    def piece(self, data: bytes) -> None:
        if self.told[-1] != "piece":
            self.told.append("piece")
        self.body += data

    def end(self, trouble: Exception | None, whole: bool) -> None:
        self.told.append("end")
        self.trouble, self.whole = trouble, whole

    @property
    def result(self) -> tuple[str, int, bytes, bool]:
        """What went wrong, status, body, and whether it is whole."""
        trouble = self.trouble
        ending = trouble.ending if isinstance(trouble, errors.RequestError) else repr(trouble)
        return ending if trouble is not None else "", self.status, self.body, self.whole


class Ear:
    """A tap that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self._lock = threading.Lock()

    def begin(self, wire: Wire) -> Heard:
        with self._lock:
            self.heard.append(Heard(wire))
            return self.heard[-1]

    @contextmanager
    def holding(self) -> Iterator[None]:
        yield


@pytest.fixture
def ear(carry: Any) -> Ear:
    carry.tap = Ear()
    return carry.tap  # type: ignore[no-any-return]


@pytest.fixture
def hear(ear: Ear, answered: Any) -> Callable[..., Heard]:
    """What the tap hears of an exchange that gets this answer."""

    def ask(answer: Any, **options: Any) -> Heard:
        answered(answer, **options)
        assert [one.told.count("end") for one in ear.heard] == [1]
        assert ear.heard[0].told[-1] == "end"
        return ear.heard[0]

    return ask


def test_a_head_is_told_with_its_order_spelling_and_repetitions(hear: Any, raw: Any) -> None:
    lines = (
        "X-b: 2",
        "Set-Cookie: a=1; Path=/",
        "content-LENGTH: 2",
        "SET-cookie: b=2, c; Secure",
        "X-B:  \t3 ",
        "X: ü",
    )
    one = hear(raw(*lines, body=b"ab", status="203 Who Knows"))
    assert (one.told, one.status, one.reason, one.address) == (["head", "piece", "end"], 203, "Who Knows", "127.0.0.1")
    assert one.fields == [
        *(("X-b", "2"), ("Set-Cookie", "a=1; Path=/"), ("content-LENGTH", "2")),
        *(("SET-cookie", "b=2, c; Secure"), ("X-B", "3"), ("X", "ü")),
    ]


def test_a_body_is_told_without_chunks_and_with_its_encoding(hear: Any, raw: Any) -> None:
    packed = gzip.compress(b"hello" * 100, mtime=0)
    chunks = b"%x\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\nX-Trailer: 1\r\n\r\n" % (9, packed[:9], len(packed) - 9, packed[9:])
    one = hear(raw("Transfer-Encoding: chunked", "Content-Encoding: gzip", body=chunks))
    assert one.result == ("", 200, packed, True)
    assert one.fields == [("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")]


def test_trailers_behind_no_body_are_no_fields(hear: Any, raw: Any) -> None:
    one = hear(raw("Transfer-Encoding: chunked", body=b"0\r\nX-Trailer: 1\r\n\r\n"))
    assert (one.result, one.fields) == (("", 200, b"", True), [("Transfer-Encoding", "chunked")])


def test_interim_answers_are_not_told(hear: Any, raw: Any) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    answer = raw("X: 1", "Content-Length: 1", body=b"a")
    one = hear(interim + answer.data)
    assert (one.result, one.fields) == (("", 200, b"a", True), [("X", "1"), ("Content-Length", "1")])


@pytest.mark.parametrize("status", [200, 204, 304, 404])
def test_an_answer_without_a_body_is_whole(status: int, hear: Any) -> None:
    one = hear(Response(status))
    assert (one.told, one.result) == (["head", "end"], ("", status, b"", True))


def test_the_answer_to_head_is_whole(carry: Any, ear: Ear, server: Server) -> None:
    carry(Wire("HEAD", f"{server.url}/abc", encodings="identity"))
    assert (ear.heard[0].wire.method, ear.heard[0].result) == ("HEAD", ("", 200, b"", True))
    assert ("Content-Length", "3") in ear.heard[0].fields


BROKEN: dict[str, tuple[dict[str, Any], str, int]] = {
    "reset in its middle": ({"do": "reset", "at": "50%"}, "failed:protocol", 500),
    "fewer bytes than declared": ({"do": "cut", "at": "70%"}, "failed:length", 700),
    "a body that stalls": ({"do": "stall", "at": 200}, "failed:stalled", 200),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_came_of_a_body_that_breaks_is_told_with_what_broke_it(
    name: str, carry: Any, ear: Ear, server: Server
) -> None:
    entry, ending, count = BROKEN[name]
    server.site.lay(read_faults([entry]))
    (one,) = carry(f"{server.url}/" + 1000 * "x", http=FAST)
    (heard,) = ear.heard
    assert (one.ending, heard.trouble is one.trouble) == (ending, True)
    assert heard.result == (ending, 200, count * b"x", False)


NO_ANSWER = {
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-Le", "failed:protocol"),
    "another protocol": (b"SSH-2.0-x\r\n", "failed:protocol"),
    "a head that cannot be believed": (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc", "failed:protocol"),
    "a head without an end": (b"HTTP/1.1 200 OK\r\n" + 200 * b"X-A: b\r\n" + b"\r\n", "failed:limit"),
    "nothing": (b"", "failed:protocol"),
}


@pytest.mark.parametrize("name", NO_ANSWER)
def test_of_what_is_no_answer_only_the_failure_is_told(name: str, hear: Any) -> None:
    data, ending = NO_ANSWER[name]
    one = hear(data)
    assert (one.told, one.result) == (["end"], (ending, 0, b"", False))


def test_more_bytes_than_declared_are_told_as_a_failure(hear: Any, raw: Any) -> None:
    one = hear(raw("Content-Length: 3", body=b"abcd"))
    assert one.result == ("failed:length", 200, b"abc", False)


@pytest.mark.parametrize(("url", "ending"), [("http://no.such.example/", "failed:dns"), ("PORT", "failed:connect")])
def test_where_nobody_is_the_failure_is_told(
    url: str, ending: str, carry: Any, ear: Ear, unused_port: int
) -> None:  # fmt: skip
    carry(url.replace("PORT", f"http://127.0.0.1:{unused_port}/x"))
    (one,) = ear.heard
    assert (one.told, one.result) == (["end"], (ending, 0, b"", False))
    assert isinstance(one.trouble, errors.RequestError)
    assert one.trouble.sent is False


def test_tls_that_is_not_believed_is_told(carry: Any, ear: Ear, tls: Any) -> None:
    carry(f"{tls('other').url}/x", http={"verify": True})
    assert (ear.heard[0].told, ear.heard[0].result) == (["end"], ("failed:tls", 0, b"", False))


def test_a_private_address_that_is_refused_is_told(carry: Any, ear: Ear, server: Server) -> None:
    carry(Wire("GET", f"{server.url}/x", guarded=True))
    assert (ear.heard[0].told, ear.heard[0].result) == (["end"], ("skipped:private", 0, b"", False))


def test_what_cannot_be_sent_is_no_answer(carry: Any, ear: Ear, server: Server) -> None:
    carry(Wire("GET", f"{server.url}/x", headers={"User-Agent": "a\r\nb"}))
    assert [one.told for one in ear.heard] in ([], [["end"]])


def test_a_redirect_is_told_with_its_body(hear: Any) -> None:
    one = hear(Response(302, {"Location": "/y"}, b"moved"))
    assert one.result == ("", 302, b"moved", True)


def test_of_a_body_that_nobody_wants_what_was_drained_is_told(
    carry: Any, ear: Ear, server: Server, order: Any
) -> None:  # fmt: skip
    server.site.route("/big")(lambda request: Response(404, {}, 4_000_000 * b"x"))
    carry(order(f"{server.url}/small", wanted=False), order(f"{server.url}/big", wanted=False))
    small, big = ear.heard
    assert small.result == ("", 200, b"small", True)
    assert (big.trouble, big.whole, big.status) == (None, False, 404)
    assert 64 * 1024 <= len(big.body) < 2_000_000


@pytest.mark.parametrize("at", ["at_head", "at_piece"])
def test_what_the_reader_thinks_of_an_answer_is_not_told(
    at: str, carry: Any, ear: Ear, server: Server, order: Any
) -> None:
    def refuse(_: Any) -> None:
        raise errors.TypeMismatchError("x", "another type")

    server.site.route("/big")(lambda request: Response(200, {}, 4_000_000 * b"x"))
    (one,) = carry(order(f"{server.url}/big", **{at: refuse}))
    assert one.ending == "failed:type"
    (heard,) = ear.heard
    assert (heard.trouble, heard.whole, heard.status) == (None, False, 200)


def test_of_a_digest_authentication_the_answer_is_told_and_not_the_challenge(
    carry: Any, ear: Ear, server: Server
) -> None:
    def route(request: Any) -> Response:
        if "Digest" in (request.headers.get("authorization") or ""):
            return Response(200, {"X": "in"}, b"hello")
        return Response(401, {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'}, b"who?")

    server.site.route("/in")(route)
    carry(f"{server.url}/in", http={"auth": {"digest": ["me", "secret"]}}, home=[server.url])
    assert [seen.status for seen in server.log] == [401, 200]
    (one,) = ear.heard
    assert (one.result, dict(one.fields)["X"]) == (("", 200, b"hello", True), "in")
    assert "WWW-Authenticate" not in dict(one.fields)


def test_many_exchanges_at_once_are_told_apart(carry: Any, ear: Ear, server: Server) -> None:
    carry(*(f"{server.url}/{at}" for at in range(40)), jobs=8)
    assert {one.wire.url.rpartition("/")[2].encode(): one.body for one in ear.heard} == {
        str(at).encode(): str(at).encode() for at in range(40)
    }
    assert all(one.told == ["head", "piece", "end"] and one.whole for one in ear.heard)


def test_a_body_that_is_held_to_a_rate_is_told_once(carry: Any, ear: Ear, server: Server) -> None:
    from scraper.net.rate import Rate

    server.site.route("/big")(lambda request: Response(200, {}, bytes(range(256)) * 2048))
    (one,) = carry(f"{server.url}/big", rate=Rate(4_000_000))
    assert ear.heard[0].body == one.body == bytes(range(256)) * 2048
