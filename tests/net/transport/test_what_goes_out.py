"""What arrives at a server: request line and headers (JOBS.md, http; RFC 9110; RFC 9112 section 3)."""

from __future__ import annotations

from typing import Any

import pytest

from scraper import __version__, secrets
from scraper.net.outgoing import Wire
from scraper.server import Server

PLAIN = {"user-agent": f"scraper-jobs/{__version__}", "accept": "*/*", "accept-encoding": "identity"}


def home(server: Server) -> list[str]:
    return [server.url]


def test_what_goes_out_by_itself(sent: Any, server: Server) -> None:
    assert sent() == PLAIN
    assert (server.log[0].method, server.log[0].target, server.log[0].body) == ("GET", "/x", b"")


def test_what_the_job_says_goes_home(sent: Any, server: Server) -> None:
    http = {"headers": {"X-Api-Key": "k", "accept": "a/b", "User-Agent": "me", "Accept-Language": "de"}}
    assert sent(http=http, home=home(server)) == {
        "user-agent": "me",
        "accept": "a/b",
        "accept-language": "de",
        "accept-encoding": "identity",
        "x-api-key": "k",
    }


def test_elsewhere_only_what_anybody_may_see_goes(sent: Any) -> None:
    headers = {"X-Api-Key": "k", "Accept": "a/b", "Authorization": "Basic x", "Referer": "http://h/", "Cookie": "a=b"}
    assert sent(http={"headers": headers}) == {**PLAIN, "accept": "a/b"}


@pytest.mark.parametrize("name", ["Accept", "accept", "User-Agent", "user-agent"])
def test_a_header_that_is_null_is_not_sent(name: str, sent: Any) -> None:
    expected = {**PLAIN}
    del expected[name.lower()]
    assert sent(http={"headers": {name: None}}) == expected


def test_a_header_that_is_null_takes_an_earlier_one_away(sent: Any, server: Server) -> None:
    asked = Wire("GET", f"{server.url}/x", headers={"x-a": None, "X-B": "2"}, encodings="identity")
    assert sent(asked, http={"headers": {"X-A": "1", "X-B": "1"}}, home=home(server)) == {**PLAIN, "x-b": "2"}


def test_accept_encoding_is_ours(sent: Any, server: Server) -> None:
    """What a transport may be sent hangs on who reads it, not on the job."""
    asked = Wire("GET", f"{server.url}/x", given={"Accept-Encoding": "zstd"}, encodings="identity")
    assert sent(asked, http={"headers": {"accept-encoding": "br"}}, home=home(server)) == PLAIN


def test_a_files_own_headers_go_wherever_it_lies(sent: Any, server: Server) -> None:
    asked = Wire("GET", f"{server.url}/x", given={"Referer": "http://h/", "X-A": "1"}, encodings="identity")
    assert sent(asked) == {**PLAIN, "referer": "http://h/", "x-a": "1"}


def test_what_we_add_wins(sent: Any, server: Server) -> None:
    asked = Wire("GET", f"{server.url}/x", given={"range": "bytes=9-"}, added={"Range": "bytes=5-", "If-Range": '"e"'})
    assert sent(asked) == {**PLAIN, "accept-encoding": "gzip, deflate", "range": "bytes=5-", "if-range": '"e"'}


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        ("", ""),
        (" \t padded\t ", "padded"),
        ("two  blanks", "two  blanks"),
        ("gr\xf6\xdfe", "gr\xf6\xdfe"),
        ("\u20ac", "\u20ac".encode().decode("latin-1")),
        ("a;b", "a;b"),
        ("a: b", "a: b"),
        ("ends with;", "ends with;"),
        ("@file", "@file"),
        (True, "true"),
        (7, "7"),
    ],
)
def test_values_arrive_as_they_are(value: Any, arrives: str, sent: Any, server: Server) -> None:
    """Latin-1 where it fits, else UTF-8; an empty value is a value."""
    assert sent(http={"headers": {"X-A": value}}, home=home(server)) == {**PLAIN, "x-a": arrives}


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "a\r\nX-B: b"},
        {"X-A": "a\nb"},
        {"X-A": "a\0b"},
        {"X-A\r\nX-B": "b"},
        {"X-A:": "b"},
        {"X A": "b"},
        {"": "b"},
        {"X-\xe4": "b"},
        {"X-A": secrets.mark("env", "UNKNOWN")},
    ],
)
def test_a_header_that_would_break_out_of_its_line_is_not_sent(headers: Any, carry: Any, server: Server) -> None:
    (one,) = carry(f"{server.url}/x", http={"headers": headers}, home=home(server))
    assert one.may_repeat == ("failed:protocol", False, True)
    assert server.log == []


def test_marks_become_values(carry: Any, sent: Any, server: Server) -> None:
    carry.known["env:KEY"] = "s3cr3t & more"
    mark = secrets.mark("env", "KEY")
    found = sent(
        f"{server.url}/x?k={secrets.quoted_mark('env', 'KEY')}", http={"headers": {"X": mark}}, home=home(server)
    )
    assert (found["x"], server.log[0].target) == ("s3cr3t & more", "/x?k=s3cr3t%20%26%20more")


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_methods_without_a_body(method: str, carry: Any, server: Server) -> None:
    """In any order on one connection: none leaves a trace in what follows."""
    server.site.route("/m", methods=("GET", "DELETE", "OPTIONS"))(lambda request: b"m")
    url = f"{server.url}/m"
    told = carry(Wire(method, url), Wire("GET", url), Wire(method, url))
    assert [seen.method for seen in server.log] == [method, "GET", method]
    assert [one.body for one in told] == [b"" if method == "HEAD" else b"m", b"m", b"" if method == "HEAD" else b"m"]
    assert [seen.body for seen in server.log] == [b"", b"", b""]


def test_the_environment_adds_nothing(sent: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No .netrc, no .curlrc, unless the job asks for it."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password pw\n")
    (tmp_path / ".curlrc").write_text("user-agent = other\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CURL_HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    assert sent() == PLAIN


# -- cookies -----------------------------------------------------------------------------------------------


def test_cookies_that_the_job_names_go_home(carry: Any, server: Server, headers_of: Any) -> None:
    http = {"cookies": {"a": "1", "b": None, "c": True}}
    away = f"http://localhost:{server.port}/x"
    carry(Wire("GET", f"{server.url}/x", cookies={"d": "4", "a": "0"}), away, http=http, home=home(server))
    assert [headers_of(seen).get("cookie") for seen in server.log] == ["a=0; c=true; d=4", None]


def test_a_cookie_header_of_the_job_wins(sent: Any, server: Server) -> None:
    http = {"cookies": {"a": "1"}, "headers": {"Cookie": "own=1"}}
    assert sent(http=http, home=home(server)) == {**PLAIN, "cookie": "own=1"}
