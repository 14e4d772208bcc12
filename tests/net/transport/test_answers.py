"""How answers are judged: where a body ends, what is no HTTP, how long is too long (RFC 9112 sections 6 to 9)."""

from __future__ import annotations

from typing import Any

import pytest

from scraper.net.outgoing import Wire
from scraper.server import Server
from scraper.server.faults import read_faults

WHOLE = {
    "a length": (["Content-Length: 3"], b"abc"),
    "a length said twice": (["Content-Length: 3", "Content-Length: 3"], b"abc"),
    "a length said as a list": (["Content-Length: 3, 3"], b"abc"),
    "a length of nothing": (["Content-Length: 0"], b""),
    "chunks": (["Transfer-Encoding: chunked"], b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n"),
    "chunks in capitals": (["Transfer-Encoding: Chunked"], b"03\r\nabc\r\n000\r\n\r\n"),
    "chunks with a trailer": (["Transfer-Encoding: chunked"], b"3\r\nabc\r\n0\r\nX-A: b\r\n\r\n"),
    "the end of the connection": ([], b"abc"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_body_that_ends_as_it_says(name: str, answered: Any, raw: Any) -> None:
    lines, body = WHOLE[name]
    one = answered(raw(*lines, body=body))
    assert one.result == ("whole", 200, b"" if body == b"" else b"abc"), one.trouble


BROKEN = {
    "fewer bytes than declared": (["Content-Length: 4"], b"abc", "failed:length"),
    "no bytes though declared": (["Content-Length: 4"], b"", "failed:length"),
    "cut between chunks": (["Transfer-Encoding: chunked"], b"3\r\nabc\r\n", "failed:protocol"),
    "cut in a chunk": (["Transfer-Encoding: chunked"], b"4\r\nabc", "failed:protocol"),
    "a size that is none": (["Transfer-Encoding: chunked"], b"x\r\nabc\r\n0\r\n\r\n", "failed:protocol"),
    "two lengths": (["Content-Length: 3", "Content-Length: 4"], b"abcd", "failed:protocol"),
    "two spellings of a length": (["Content-Length: 03, 3"], b"abc", "failed:protocol"),
    "more bytes than a length that is a list": (["Content-Length: 3, 3"], b"abcd", "failed:length"),
    "a length that is none": (["Content-Length: x"], b"abc", "failed:protocol"),
    "a length below zero": (["Content-Length: -1"], b"abc", "failed:protocol"),
    "a length beyond all": ([f"Content-Length: {10**30}"], b"abc", "failed:protocol"),
    "a coding that nobody asked for": (["Transfer-Encoding: gzip"], b"abc", "failed:protocol"),
    "two codings": (["Transfer-Encoding: gzip, chunked"], b"3\r\nabc\r\n0\r\n\r\n", "failed:protocol"),
    "a header without a colon": (["Content-Length: 3", "X-A"], b"abc", "failed:protocol"),
    "a header without a name": (["Content-Length: 3", ": x"], b"abc", "failed:protocol"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_body_of_which_it_is_not_known_that_it_is_whole(name: str, answered: Any, raw: Any) -> None:
    lines, body, ending = BROKEN[name]
    assert answered(raw(*lines, body=body)).ending == ending


NO_HTTP = {
    "nothing": b"",
    "another protocol": b"SSH-2.0-x\r\n",
    "a page without a head": b"<html></html>\r\n\r\n",
    "a status that is none": b"HTTP/1.1 abc No\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 No\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "a protocol that nobody asked for": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
}


@pytest.mark.parametrize("name", NO_HTTP)
def test_what_is_no_http(name: str, answered: Any) -> None:
    """The request arrived, and may have done something."""
    one = answered(NO_HTTP[name])
    assert one.may_repeat == ("failed:protocol", True, False)


def test_of_a_body_longer_than_its_length_that_much_is_taken_before_it_is_told(answered: Any, raw: Any) -> None:
    assert answered(raw("Content-Length: 3,3", body=b"abcd")).result == ("failed:length", 200, b"abc")


def test_interim_answers_stand_before_the_real_one(answered: Any) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    one = answered(interim * 3 + b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nX-A: b\r\n\r\nx")
    assert (one.result, one.answer.headers.get("link")) == (("whole", 200, b"x"), None)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * 300_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000 + b"Content-Length: 0\r\n\r\n",
    ],
    ids=["interim answers", "a line", "lines"],
)
def test_a_head_without_measure(head: bytes, answered: Any) -> None:
    assert answered(head).ending == "failed:limit"


def test_a_header_that_comes_twice_is_one(answered: Any, raw: Any) -> None:
    one = answered(raw("X-A: 1", "x-a: 2", "Content-Length: 0"))
    assert one.answer.headers["x-a"] == "1, 2"


def test_a_content_coding_is_left_as_it_is(answered: Any, raw: Any) -> None:
    one = answered(raw("Content-Encoding: gzip", "Content-Length: 3", body=b"abc"))
    assert (one.result, one.answer.headers["content-encoding"]) == (("whole", 200, b"abc"), "gzip")


@pytest.mark.parametrize("status", ["204 No", "304 No"])
@pytest.mark.parametrize("line", ["Content-Length: 5", "Transfer-Encoding: chunked", "X-A: b"])
def test_a_status_that_has_no_body_has_none_whatever_it_says(line: str, status: str, answered: Any, raw: Any) -> None:
    assert answered(raw(line, status=status)).result == ("whole", int(status[:3]), b"")


def test_the_length_of_a_head_request_is_that_of_no_body(carry: Any, server: Server) -> None:
    (one,) = carry(Wire("HEAD", f"{server.url}/abc"))
    assert (one.result, one.answer.headers["content-length"]) == (("whole", 200, b""), "3")


# -- how long is too long ----------------------------------------------------------------------------------

SHORT = {"connect": 5, "read": 0.5}


@pytest.mark.parametrize(
    ("fault", "timeout", "ending"),
    [
        ({"do": "silence"}, SHORT, "failed:timeout"),
        ({"do": "stall", "at": 0}, SHORT, "failed:stalled"),
        ({"do": "stall", "at": 7}, SHORT, "failed:stalled"),
        ({"do": "drip", "rate": 20}, {**SHORT, "slowest": 1000}, "failed:stalled"),
        ({"do": "drip", "rate": 20, "head": True}, SHORT, "failed:timeout"),
        ({"do": "drip", "rate": 20}, {"connect": 5, "read": 60, "slowest": 0, "total": 0.4}, "failed:timeout"),
        ({"do": "silence"}, {"connect": 5, "read": 60, "total": 0.4}, "failed:timeout"),
    ],
)
def test_a_server_without_haste(fault: Any, timeout: Any, ending: str, carry: Any, server: Server) -> None:
    server.site.route("/x")(lambda request: b"x" * 100)
    server.site.lay(read_faults([fault]))
    (one,) = carry(f"{server.url}/x", http={"timeout": timeout})
    assert (one.ending, one.trouble.sent) == (ending, True)


def test_an_exchange_may_have_less_time_than_the_job_says(carry: Any, server: Server) -> None:
    server.site.lay(read_faults([{"do": "silence"}]))
    (one,) = carry(Wire("GET", f"{server.url}/x", deadline=0.4), http={"timeout": {"connect": 60, "read": 60}})
    assert one.ending == "failed:timeout"


@pytest.mark.parametrize("at", [0, 7])
def test_a_connection_that_is_reset(at: int, carry: Any, server: Server) -> None:
    server.site.route("/x")(lambda request: b"x" * 100)
    server.site.lay(read_faults([{"do": "reset", "at": at}]))
    assert carry(f"{server.url}/x")[0].may_repeat == ("failed:protocol", True, False)
