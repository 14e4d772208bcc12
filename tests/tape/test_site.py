"""The site that answers from a tape, asked over the wire by a client that keeps the order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper import errors
from scraper.job.parts import Http
from scraper.net.detour import Detour
from scraper.net.outgoing import Outgoing, Wire
from scraper.net.session import Session
from scraper.server import Server
from scraper.tape.matching import conditions_of, key_of
from scraper.tape.site import LIMITS, TapeSite
from scraper.tape.taken import Answered, Asked, Failure, Slice, Taken

WHEN = datetime(2026, 11, 21, 12, tzinfo=UTC)
URL = "https://shop.example/search"
NOTHING: dict[str, str] = {}


def answer(body: bytes | Slice = b"", status: int = 200, *headers: tuple[str, str], length: bool = True) -> Answered:
    size = body.count if isinstance(body, Slice) else len(body)
    told = (("Content-Length", str(size)),) if length else ()
    return Answered(status, "OK" if status == 200 else "Odd", (*headers, *told), body)


def ask(session: Session, wire: Wire) -> tuple[Any, ...]:
    """Status, reason and body, or the class and message of what went wrong."""
    try:
        reply = session.exchange(wire)
        body = b"".join(reply.pieces()) if wire.method != "HEAD" else b""
        reply.close()
    except errors.RequestError as error:
        return type(error).__name__, error.message, error.sent, error.final
    return reply.status, reply.reason, body


def ask_all(takes: Sequence[Taken], wires: Sequence[Wire], folder: Path = Path()) -> list[tuple[Any, ...]]:
    with Server(TapeSite(takes), limits=LIMITS) as server:
        outgoing = Outgoing(Http(), NOTHING.__getitem__, [], folder)
        outgoing.detour = Detour("127.0.0.1", server.port)
        session = Session(outgoing)
        return [ask(session, wire) for wire in wires]


def posted(kind: str, body: bytes, told: bytes) -> Taken:
    return Taken(Asked("POST", URL, (("Content-Type", kind),), body), answer(told), None, WHEN)


def test_posts_are_told_apart_by_their_bodies(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"blue")
    form = "application/x-www-form-urlencoded"
    boundary = (
        b'--B\r\nContent-Disposition: form-data; name="n"\r\n\r\n1\r\n'
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nblue\r\n--B--\r\n'
    )
    takes = [
        posted(form, b"q=red", b"red"),
        posted(form, b"q=blue", b"blue"),
        posted("application/json", b'{"q":"blue"}', b"json"),
        posted("multipart/form-data; boundary=B", boundary, b"parts"),
    ]
    wires = [
        Wire("POST", URL, data={"q": "blue"}),
        Wire("POST", URL, json={"q": "blue"}),
        Wire("POST", URL, data={"n": "1"}, files={"f": "a.txt"}),
        Wire("POST", URL, data={"q": "green"}),
    ]
    *found, missing = ask_all(takes, wires, tmp_path)
    assert [body for _, _, body in found] == [b"blue", b"json", b"parts"]
    assert missing[1:] == (
        f"the tape has no POST {URL}; nearest: {URL}, where the body differs: q=green instead of q=red", False, True
    )  # fmt: skip


@pytest.mark.parametrize("odd", ["http://[::1", "http://a:99999999/", "http://x/\ud800", "HTTP://"])
def test_a_recorded_url_that_is_none_hinders_nobody(odd: str) -> None:
    takes = [Taken(Asked("GET", url), answer(b"well"), None, WHEN) for url in (odd, URL)]
    (status, _, body), missing = ask_all(takes, [Wire("GET", URL), Wire("GET", f"{URL}more")])
    assert (status, body) == (200, b"well")
    assert f"nearest: {URL}" in missing[1]


def test_an_address_that_is_none_is_left_out() -> None:
    found = Answered(200, "OK", (("Content-Length", "4"),), b"well", address="\x1b[0m9")
    assert ask_all([Taken(Asked("GET", URL), found, None, WHEN)], [Wire("GET", URL)]) == [(200, "OK", b"well")]


def test_a_redirect_an_error_and_an_empty_answer_are_given_as_they_were() -> None:
    takes = [
        Taken(Asked("GET", URL), answer(b"moved", 302, ("Location", "/elsewhere")), None, WHEN),
        Taken(Asked("GET", URL), answer(b"gone", 410), None, WHEN),
        Taken(Asked("GET", URL), answer(b"", 204, length=False), None, WHEN),
    ]
    assert ask_all(takes, [Wire("GET", URL)] * 3) == [
        (302, "Odd", b"moved"), (410, "Odd", b"gone"), (204, "Odd", b""),
    ]  # fmt: skip


def test_a_condition_that_was_not_recorded_takes_its_turn() -> None:
    takes = [
        Taken(Asked("GET", URL), answer(b"busy", 503), None, WHEN),
        Taken(Asked("GET", URL), answer(b"v1", 200, ("ETag", '"1"')), None, WHEN),
    ]
    wires = [Wire("GET", URL, added={"If-None-Match": '"1"'})] * 2
    assert ask_all(takes, wires) == [(503, "Odd", b"busy"), (304, "Not Modified", b"")]


def test_a_body_that_lies_in_a_file_is_sent_from_there(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.write_bytes(b"--" + bytes(range(256)) * 1000 + b"--")
    body = Slice(spool, 2, 256_000)
    parts = [
        Taken(Asked("GET", URL), answer(body), None, WHEN),
        Taken(Asked("GET", URL + "2"), answer(body, length=False), None, WHEN),
    ]
    wires = [Wire("GET", URL), Wire("GET", URL + "2"), Wire("GET", URL, added={"Range": "bytes=255999-"})]
    whole, chunked, part = ask_all(parts, wires)
    assert whole[2] == chunked[2] == bytes(range(256)) * 1000
    assert part == (206, "Partial Content", b"\xff")


def test_what_is_missing_is_kept_for_whoever_asks() -> None:
    site = TapeSite([Taken(Asked("GET", URL), answer(b"a"), None, WHEN)])
    with Server(site) as server:
        outgoing = Outgoing(Http(), NOTHING.__getitem__, [], Path())
        outgoing.detour = Detour("127.0.0.1", server.port)
        ask(Session(outgoing), Wire("GET", f"{URL}?q=1"))
    assert site.missing == [f"the tape has no GET {URL}?q=1; nearest: {URL}, where the query differs: q=1 more"]


# -- any recorded exchanges, any client that keeps their order ---------------------------------------------

_ENDINGS = st.sampled_from(["connect", "timeout", "stalled", "protocol", "dns", "tls"])
_FAILURES = st.builds(Failure, _ENDINGS, st.text("abc ü\"'", max_size=9), st.booleans(), st.booleans())
_BODIES = st.one_of(st.binary(max_size=20), st.just(b"x" * 70_000))
_CONDITIONS = st.sampled_from(
    [(), (("Range", "bytes=2-"),), (("If-None-Match", '"1"'),), (("If-Range", '"1"'), ("Range", "bytes=2-"))]
)


@st.composite
def _takes(draw: Any) -> Taken:
    method = draw(st.sampled_from(["GET", "GET", "GET", "HEAD", "POST"]))
    body = draw(st.sampled_from([b"", b"a=1", b"a=2"])) if method == "POST" else b""
    conditions = draw(_CONDITIONS) if method == "GET" else ()
    kind = (("Content-Type", "application/x-www-form-urlencoded"),) if body else ()
    asked = Asked(method, f"{URL}/{draw(st.sampled_from('ab'))}", (*conditions, *kind), body)
    failure = draw(st.one_of(st.none(), st.none(), _FAILURES))
    if failure is not None and draw(st.booleans()):
        return Taken(asked, None, failure, WHEN)
    status = draw(st.sampled_from([200, 200, 206, 301, 304, 404, 416, 500, 503, 299]))
    bare = method == "HEAD" or status == 304
    reason, content = draw(st.text("OKé ", max_size=5)).strip(), b"" if bare else draw(_BODIES)
    headers = (("ETag", '"1"'),) + ((("Content-Length", str(len(content))),) if draw(st.booleans()) else ())
    late = None if bare else failure
    return Taken(asked, Answered(status, reason, headers, content, late is None), late, WHEN)


def _wire(asked: Asked) -> Wire:
    added = {name: value for name, value in asked.headers if name != "Content-Type"}
    data = dict(pair.split("=") for pair in asked.body.decode().split("&")) if asked.body else None
    return Wire(asked.method, asked.url, added=added, data=data)


def _as_told(taken: Taken) -> tuple[Any, ...]:
    failure, answered = taken.failure, taken.answered
    if failure is not None:
        kinds = (each for each in errors.RequestError.__subclasses__() if "name" in vars(each))
        kind = next(each for each in kinds if each.name == failure.ending)
        return kind.__name__, failure.message, failure.sent, failure.final
    assert answered is not None
    return answered.status, answered.reason, answered.body


@settings(max_examples=40, deadline=None)
@given(st.lists(_takes(), min_size=1, max_size=8), st.data())
def test_whoever_keeps_the_order_is_answered_what_was_recorded(takes: list[Taken], data: Any) -> None:
    turns = [(key_of(taken.asked), conditions_of(taken.asked.headers)) for taken in takes]
    waiting = {turn: [taken for taken, of in zip(takes, turns, strict=True) if of == turn] for turn in turns}
    places = data.draw(st.permutations(range(len(turns))))  # of requests that differ nobody knows which comes first
    order = [waiting[turns[at]].pop(0) for at in places]
    assert ask_all(takes, [_wire(taken.asked) for taken in order]) == [_as_told(taken) for taken in order]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_every_method_is_answered(method: str) -> None:
    takes = [Taken(Asked(method, URL), answer(b"done"), None, WHEN)]
    assert ask_all(takes, [Wire(method, URL)]) == [(200, "OK", b"done")]
