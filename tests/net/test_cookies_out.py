"""The jar as a file, from one run to the next; and the cookies of a browser."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.cookiejar import Cookie as Plain
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.errors import JobError
from scraper.job.load import from_data
from scraper.net.cookiefile import BrowserError, line, of_browser, write_cookies_txt
from scraper.net.cookies import Cookie, read_cookies_txt
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.runner import run
from scraper.server import Server
from scraper.server.fixture import fixture_site

LATER = float(int(time.time()) + 10_000)
LINES = {
    "127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\tv\n": Cookie("sid", "v", "127.0.0.1"),
    ".example.org\tTRUE\t/a\tTRUE\t9\ta\t\n": Cookie("a", "", "example.org", "/a", True, True, 9.5),
    "#HttpOnly_x.example\tFALSE\t/\tFALSE\t0\tsid\tv=1\n": Cookie("sid", "v=1", "x.example", is_http_only=True),
    "localhost\tFALSE\t/\tFALSE\t0\tsid\tv\n": Cookie("sid", "v", "localhost", port=8000),
}


@pytest.mark.parametrize("written", LINES)
def test_a_cookie_is_a_line_of_seven_fields(written: str) -> None:
    assert line(LINES[written]) == written


def test_the_file_is_the_owners_alone_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "cookies.txt"
    path.write_text("old")
    path.chmod(0o644)
    (tmp_path / "cookies.txt.part").write_text("left behind")
    write_cookies_txt(path, [Cookie("a", "1", "x.example"), Cookie("b", "2", "x.example", expires=1.0)])
    assert path.read_text().splitlines() == [
        "# Netscape HTTP Cookie File",
        "# Sessions are in here: whoever has this file is logged in.",
        "",
        "x.example\tFALSE\t/\tFALSE\t0\ta\t1",
    ]
    assert (path.stat().st_mode & 0o777, sorted(each.name for each in tmp_path.iterdir())) == (0o600, ["cookies.txt"])


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "cookies.txt"
    target.write_text("of somebody else")
    path.symlink_to(target)
    write_cookies_txt(path, [])
    assert (target.read_text(), path.is_symlink()) == ("of somebody else", False)


def test_a_cookie_with_a_tab_is_left_out_and_the_log_says_so(tmp_path: Path, caplog: Any) -> None:
    write_cookies_txt(tmp_path / "c.txt", [Cookie("a", "1\t2", "x.example"), Cookie("b", "2", "x.example")])
    assert [cookie.name for cookie in read_cookies_txt(tmp_path / "c.txt")] == ["b"]
    assert caplog.messages == ["the cookie a of x.example holds a tab, and cannot be saved"]


VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=0x2100, exclude_categories=["Cs"]), max_size=12)
COOKIES = st.builds(
    Cookie,
    name=VALUE.filter(bool),
    value=VALUE,
    domain=st.sampled_from(["x.example", "localhost", "127.0.0.1", "::1"]),
    path=st.sampled_from(["/", "/a", "/a/b"]),
    reaches_below=st.booleans(),
    is_secure=st.booleans(),
    expires=st.sampled_from([None, LATER]),
    is_http_only=st.booleans(),
)


@given(st.lists(COOKIES, max_size=5))
def test_what_is_written_is_read_again(tmp_path_factory: Any, cookies: list[Cookie]) -> None:
    path = tmp_path_factory.mktemp("jar") / "c.txt"
    write_cookies_txt(path, cookies)
    assert read_cookies_txt(path) == cookies


# -- in a run ----------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Server]:
    with ExitStack() as stack:
        yield stack.enter_context(Server(fixture_site()))


@pytest.fixture
def run_it(tmp_path: Path, server: Server) -> Callable[..., Any]:
    """`run_it(http, start, **more)`: a job with these settings, run."""

    def run_with(http: dict[str, Any], start: str, **more: Any) -> Any:
        job = {
            "name": "job",
            "http": {**http, "retry": {"first_wait": 0}},
            "start": [server.url + start],
            "rules": {"p": {"item": {"t": "h1"}, "key": "t"}},
            **more,
        }
        loaded = from_data(job, file="job.yaml", folder=tmp_path)
        return run(loaded, Options(dest=tmp_path / "out", fresh=True), Events())

    return run_with


LOGIN = [
    {"get": "/login"},
    {"form": "#login", "data": {"user": "demo", "password": "demo-password"}, "expect": {"has": "a.logout"}},
]


def test_a_session_of_one_run_is_that_of_the_next(run_it: Any, server: Server, tmp_path: Path) -> None:
    http = {"cookies": "jar.txt", "save_cookies": "jar.txt"}
    login = [{**LOGIN[0], "get": f"{server.url}/login"}, LOGIN[1]]
    first = run_it(http, "/members/", login=login)
    assert (int(first.exit_code), first.items.total) == (0, 1)
    kept = [each for each in read_cookies_txt(tmp_path / "jar.txt") if each.name == "session"]
    assert [(each.domain, each.expires, each.is_http_only) for each in kept] == [("127.0.0.1", None, True)]
    second = run_it(http, "/members/", expect={"items": 1})
    assert (int(second.exit_code), second.items.total) == (0, 1)
    assert [seen.method for seen in server.log].count("POST") == 1


def test_a_login_whose_session_still_stands_sends_no_form(run_it: Any, server: Server) -> None:
    """Where the site leads who is logged in past its form, the next run finds the page behind it."""
    http = {"cookies": "jar.txt", "save_cookies": "jar.txt"}
    login = [{"get": f"{server.url}/members/"}, LOGIN[1]]
    for _ in range(2):
        assert int(run_it(http, "/members/", login=login).exit_code) == 0
    assert [seen.method for seen in server.log].count("POST") == 1


def test_without_a_file_to_begin_with_only_one_that_is_not_saved_to_is_missed(run_it: Any, tmp_path: Path) -> None:
    with pytest.raises(JobError) as told:
        run_it({"cookies": "other.txt", "save_cookies": "jar.txt"}, "/cookies")
    assert "http.cookies: other.txt cannot be read" in str(told.value)


def test_a_folder_that_is_not_there_is_told_before_the_run(run_it: Any) -> None:
    with pytest.raises(JobError) as told:
        run_it({"save_cookies": "no/jar.txt"}, "/cookies")
    assert "http.save_cookies: no/jar.txt: its folder does not exist" in str(told.value)


# -- of a browser ------------------------------------------------------------------------------------------


def plain(name: str, domain: str, expires: int | None = 0) -> Plain:
    return Plain(
        0, name, "v", None, False, domain, True, domain.startswith("."), "/", True, False, expires, False, None, None,
        {},
    )  # fmt: skip


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A module that stands for yt-dlp: the list holds what was asked for, and gives the cookies of its first entry."""
    asked: list[Any] = [[plain("sid", "127.0.0.1"), plain("of", ".example.org"), plain("old", "127.0.0.1", 1)]]
    module = ModuleType("yt_dlp.cookies")

    def extract(name: str, profile: str | None = None) -> Any:
        asked.append((name, profile))
        if isinstance(asked[0], Exception):
            raise asked[0]
        return asked[0]

    module.extract_cookies_from_browser = extract  # type: ignore[attr-defined]
    package = ModuleType("yt_dlp")
    package.cookies = module  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "yt_dlp", package)
    monkeypatch.setitem(sys.modules, "yt_dlp.cookies", module)
    return asked


def test_of_a_browser_only_what_the_hosts_may_see_is_taken(browser: list[Any]) -> None:
    found = of_browser("chrome:Profile 1", ["127.0.0.1", "www.example.org"])
    assert (found, browser[1]) == (
        [Cookie("sid", "v", "127.0.0.1"), Cookie("of", "v", "example.org", reaches_below=True)],
        ("chrome", "Profile 1"),
    )
    assert of_browser("Firefox", ["example.net"]) == []
    assert browser[2] == ("firefox", None)


def test_a_browser_that_cannot_be_read_is_told_in_a_line(browser: list[Any]) -> None:
    browser[0] = FileNotFoundError("could not find firefox cookies database in /x\nand more")
    with pytest.raises(BrowserError) as told:
        of_browser("firefox", [])
    why = "the cookies of firefox cannot be read: could not find firefox cookies database in /x"
    assert str(told.value) == why


def test_a_run_sends_the_cookies_of_the_browser_and_saves_no_others(
    browser: list[Any], run_it: Any, server: Server, tmp_path: Path
) -> None:
    assert int(run_it({"cookies_from_browser": "firefox", "save_cookies": "jar.txt"}, "/cookies").exit_code) in (0, 4)
    assert [dict(seen.headers).get("Cookie") for seen in server.log if seen.target == "/cookies"] == ["sid=v"]
    assert [each.name for each in read_cookies_txt(tmp_path / "jar.txt")] == ["sid"]


def test_a_browser_without_its_extra_is_told_with_the_cure(run_it: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    with pytest.raises(JobError) as told:
        run_it({"cookies_from_browser": "firefox"}, "/cookies")
    cure = "cookies_from_browser needs yt-dlp: pip install 'scraper-jobs[browser]'"
    assert str(told.value).endswith(f"http.cookies_from_browser: {cure}")
