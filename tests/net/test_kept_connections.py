"""Kept connections, and a server that closes one just when it is wanted again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scraper.job.parts import Http
from scraper.net.outgoing import Outgoing, Wire
from scraper.net.session import Session
from scraper.server import Raw, Request, Response, Server, Site

METHODS = ("GET", "POST")


@pytest.fixture
def seen() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def server(seen: list[tuple[str, int]]) -> Iterator[Server]:
    """Answers the first request of a connection, which it means to keep, and closes it at the second."""
    site = Site()

    @site.route("/", methods=METHODS)
    def answer(request: Request) -> Response | Raw:
        is_known = any(port == request.client[1] for _, port in seen)
        seen.append((request.method, request.client[1]))
        return Raw() if is_known else Response(200, body=b"ok")

    @site.route("/kept", methods=METHODS)
    def kept(request: Request) -> Response:
        seen.append((request.method, request.client[1]))
        return Response(200, body=b"ok")

    with Server(site) as server:
        yield server


def ask(session: Session, url: str, *methods: str) -> list[bytes]:
    found = []
    for method in methods:
        reply = session.exchange(Wire(method, url))
        found.append(b"".join(reply.pieces()))
        reply.close()
    return found


def test_what_must_not_be_sent_twice_goes_over_a_connection_of_its_own(
    server: Server, seen: list[tuple[str, int]]
) -> None:
    session = Session(Outgoing(Http(), {}.__getitem__, (), Path()))
    assert ask(session, f"{server.url}/", "GET", "POST", "POST") == [b"ok"] * 3
    assert len({port for _, port in seen}) == 3


def test_what_may_be_sent_twice_shares_one(server: Server, seen: list[tuple[str, int]]) -> None:
    http = Http.model_validate({"retry": {"methods": ["GET", "POST"]}})
    session = Session(Outgoing(http, {}.__getitem__, (), Path()))
    assert ask(session, f"{server.url}/kept", "GET", "POST", "GET") == [b"ok"] * 3
    assert len({port for _, port in seen}) == 1
