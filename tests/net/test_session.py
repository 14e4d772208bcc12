"""The Session without a server: what goes out, and what exceptions become."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
import urllib3

from scraper import errors, secrets, urls
from scraper.job.parts import Auth, Http
from scraper.net.outgoing import OPEN_HEADERS, Outgoing, Wire
from scraper.net.proxies import Way
from scraper.net.session import Session, exchange_trouble

HOME, AWAY = "http://home.example/page", "http://away.example/page"
KNOWN = {"env:KEY": "s3cr3t & more", "env:TOKEN": "t0ken-value"}


def outgoing(http: dict[str, Any] | None = None, folder: Path = Path()) -> Outgoing:
    return Outgoing(Http.model_validate(http or {}), KNOWN.__getitem__, {"http://home.example:80"}, folder)


def session(http: dict[str, Any] | None = None, folder: Path = Path()) -> Session:
    return Session(outgoing(http, folder))


def sent(url: str, http: dict[str, Any] | None = None, **wire: Any) -> requests.PreparedRequest:
    """What the server of `url` would see."""
    with responses.RequestsMock() as mock:
        mock.add(wire.get("method", "GET"), re.compile(".*"), body=b"ok")
        session(http).exchange(Wire(wire.pop("method", "GET"), url, **wire)).close()
        request: requests.PreparedRequest = mock.calls[0].request
        return request


SECRETIVE = {
    "headers": {
        "X-Api-Key": "k",
        "Referer": "http://home.example/",
        "Authorization": "Basic x",
        "Accept": "a/b",
    },
    "cookies": {"sid": "1"},
}


def test_everything_the_job_says_goes_home() -> None:
    headers = sent(HOME, SECRETIVE).headers
    assert {name: headers.get(name) for name in ("X-Api-Key", "Referer", "Authorization", "Accept", "Cookie")} == {
        "X-Api-Key": "k",
        "Referer": "http://home.example/",
        "Authorization": "Basic x",
        "Accept": "a/b",
        "Cookie": "sid=1",
    }


def test_another_origin_sees_who_we_are_and_nothing_else() -> None:
    names = {name.lower() for name in sent(AWAY, SECRETIVE).headers}
    assert names - OPEN_HEADERS == {"accept-encoding"}


@pytest.mark.parametrize("url", ["https://home.example/", "http://home.example:8080/", "http://www.home.example/"])
def test_scheme_port_and_host_make_the_origin(url: str) -> None:
    assert "X-Api-Key" not in sent(url, SECRETIVE).headers


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ({"basic": ["me", "pässword"]}, "Basic bWU6cMOkc3N3b3Jk"),
        ({"bearer": "tok"}, "Bearer tok"),
        ({"bearer": secrets.mark("env", "TOKEN")}, "Bearer t0ken-value"),
    ],
)
def test_auth_goes_home_only(auth: dict[str, Any], header: str) -> None:
    assert sent(HOME, {"auth": auth}).headers["Authorization"] == header
    assert "Authorization" not in sent(AWAY, {"auth": auth}).headers


def test_a_requests_own_auth_counts_more() -> None:
    request = sent(HOME, {"auth": {"bearer": "job"}}, auth=Auth(bearer="own"))
    assert request.headers["Authorization"] == "Bearer own"


def test_user_and_password_in_a_url_become_basic_auth_at_home() -> None:
    request = sent("http://me:secret%40@home.example/page")
    assert (request.url, request.headers["Authorization"]) == (HOME, "Basic bWU6c2VjcmV0QA==")
    assert "Authorization" not in sent("http://me:secret@away.example/page").headers


def test_marks_become_values_on_the_wire_quoted_where_they_stand_quoted() -> None:
    mark = secrets.mark("env", "KEY")
    url = urls.with_params(HOME, {"key": mark})
    request = sent(url, {"headers": {"X-Key": mark}}, method="POST", json={"key": mark})
    assert request.url == f"{HOME}?key=s3cr3t%20%26%20more"
    assert request.headers["X-Key"] == "s3cr3t & more"
    assert request.body == b'{"key": "s3cr3t & more"}'


def test_a_null_header_is_left_out() -> None:
    assert "Accept" not in sent(HOME, {"headers": {"Accept": None}}).headers


def test_a_files_own_headers_go_wherever_it_lies() -> None:
    assert sent(AWAY, given={"Referer": HOME}).headers["Referer"] == HOME


def test_text_data_is_sent_as_it_is() -> None:
    assert sent(HOME, method="POST", data="größe=1").body == "größe=1".encode()


def test_uploads_are_read_beside_the_job(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with responses.RequestsMock() as mock:
        mock.post(HOME, body=b"")
        session(folder=tmp_path).exchange(
            Wire("POST", HOME, files={"a": "notes.txt", "b": ["notes.txt", "n.md", "text/markdown"]})
        )
        body = mock.calls[0].request.body
    assert [line for line in body.split(b"\r\n") if b"name=" in line or b"Type" in line or line == b"hello"] == [
        b'Content-Disposition: form-data; name="a"; filename="notes.txt"',
        b"hello",
        b'Content-Disposition: form-data; name="b"; filename="n.md"',
        b"Content-Type: text/markdown",
        b"hello",
    ]


def test_the_environments_proxies_are_settled_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "away.example")
    ours = outgoing()
    monkeypatch.setenv("http_proxy", "http://late.example:3128")
    assert ours.proxies.way(HOME) == Way("http://proxy.example:3128")
    assert ours.proxies.way(AWAY) is None


@pytest.mark.parametrize(
    ("error", "ending", "was_sent"),
    [
        (
            requests.ConnectionError(urllib3.exceptions.NameResolutionError("h", None, OSError())),
            "failed:dns",
            False,
        ),  # type: ignore[arg-type]
        (
            requests.ConnectionError(urllib3.exceptions.NewConnectionError(None, "refused")),
            "failed:connect",
            False,
        ),  # type: ignore[arg-type]
        (requests.ConnectTimeout(), "failed:timeout", False),
        (requests.ReadTimeout(), "failed:timeout", True),
        (requests.exceptions.SSLError(), "failed:tls", False),
        (requests.exceptions.ProxyError(), "failed:proxy", False),
        (requests.ConnectionError(urllib3.exceptions.ProtocolError("aborted")), "failed:protocol", True),
        (requests.exceptions.InvalidHeader("CR"), "failed:protocol", False),
        (requests.exceptions.InvalidURL("no host"), "failed:protocol", False),
    ],
)
def test_exceptions_become_our_classes(error: Exception, ending: str, was_sent: bool) -> None:
    told = exchange_trouble(error, HOME)
    assert isinstance(told, errors.RequestError)
    assert (told.ending, told.sent, told.url) == (ending, was_sent, HOME)


def test_a_request_that_cannot_be_sent_is_not_tried_again() -> None:
    told = exchange_trouble(requests.exceptions.InvalidHeader("CR"), HOME)
    assert isinstance(told, errors.RequestError)
    assert told.final


def test_no_exception_of_requests_stays_unmapped() -> None:
    """A class that requests adds one day must not go up as a bug."""
    kinds = [value for value in vars(requests.exceptions).values() if isinstance(value, type)]
    unmapped = [
        kind.__name__
        for kind in kinds
        if issubclass(kind, requests.RequestException)
        and not isinstance(exchange_trouble(kind.__new__(kind), HOME), errors.RequestError)
    ]
    assert unmapped == []


def test_a_bug_stays_what_it_is() -> None:
    bug = KeyError("x")
    assert exchange_trouble(bug, HOME) is bug
