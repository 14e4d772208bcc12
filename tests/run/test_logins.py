"""Logins that fail, and robots.txt that cannot be read: nothing fails in silence."""

from __future__ import annotations

import threading
from itertools import count
from typing import Any

import pytest

from scraper.run.control import Control
from scraper.server import Response, Site

PAGES = {
    "start": ["{{ base }}/1"],
    "rules": {"p": {"item": {"t": "h1"}, "expect": {"has": "a.logout"}, "next": "a.next"}},
}


def test_a_login_that_fails_the_second_time_ends_the_run_which_stays_open(
    site: Site, serve: Any, run_job: Any, heard: Any
) -> None:
    doors = iter(["<h1>welcome</h1>", Response(403, {}, b""), "<h1>welcome</h1>"])
    seconds = iter(["<h1>log in</h1>", '<h1>2</h1><a class="logout">x</a>'])
    site.route("/login", ("POST",))(lambda request: next(doors))
    site.route("/1")(lambda request: '<h1>1</h1><a class="logout">x</a><a class="next" href="/2">2</a>')
    site.route("/2")(lambda request: next(seconds))
    server, job = serve(site), {**PAGES, "login": [{"post": "{{ base }}/login"}]}
    first = run_job(server, job)
    assert (first.code, [name for name, _ in first.failures], first.fields("t")) == (4, ["http:403"], ["1"])
    second = run_job(server, job, events=(events := heard()))
    assert (events.begun_with, second.fields("t")) == ([True], ["1", "2"])


def test_a_login_that_fails_where_a_run_continues_is_told(site: Site, serve: Any, run_job: Any, heard: Any) -> None:
    """The login's page is a page of the run too."""
    closed = {"now": False}
    site.route("/")(lambda request: Response(403, {}, b"") if closed["now"] else '<h1>1</h1><a href="/2">2</a>')
    site.route("/2")(lambda request: "<h1>2</h1>")
    server = serve(site)
    job = {
        "login": [{"get": "{{ base }}/"}],
        "start": ["{{ base }}/"],
        "rules": {"p": {"item": {"t": "h1"}, "next": "a"}},
    }
    control = Control()
    events = heard(lambda url, ending: control.stop(130))
    assert run_job(server, job, events=events, control=control).code == 130
    closed["now"] = True
    second = run_job(server, job)
    assert (second.code, [name for name, _ in second.failures]) == (4, ["http:403"])


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_robots_txt_that_cannot_be_read_forbids_links_and_the_log_says_so(
    status: int, site: Site, serve: Any, run_job: Any
) -> None:
    site.route("/robots.txt")(lambda request: Response(status, {}, b""))
    site.route("/")(lambda request: '<a href="/a">a</a>')
    server = serve(site)
    job = {"start": ["{{ base }}/"], "rules": {"s": {"follow": {"p": "a"}}, "p": {"item": {"t": "h1"}}}}
    ended = run_job(server, job)
    assert ended.endings("v_pages", server.url) == {"/": "ok", "/a": "skipped:robots"}
    assert [f"{server.url}/robots.txt" in line["message"] for line in ended.log] == [True]


def test_a_robots_txt_that_is_missing_allows_everything(site: Site, serve: Any, run_job: Any) -> None:
    site.route("/")(lambda request: '<a href="/a">a</a>')
    site.route("/a")(lambda request: "<h1>a</h1>")
    job = {"start": ["{{ base }}/"], "rules": {"s": {"follow": {"p": "a"}}, "p": {"item": {"t": "h1"}}}}
    assert run_job(serve(site), job).fields("t") == ["a"]


def test_a_late_answer_does_not_undo_the_new_login(site: Any, serve: Any, run_job: Any) -> None:
    """Sites give every stranger a session of his own: the cookie of a page that was asked before the login is one."""
    numbers, alive, dead = count(1), set[str](), list[Any]()
    b_asked, renewed = threading.Event(), threading.Event()

    def answer(text: str, *, member: bool) -> Response:
        sid = f"s{next(numbers)}"
        alive.update([sid] if member else [])
        return Response(200, [("Content-Type", "text/html"), ("Set-Cookie", f"sid={sid}; Path=/")], text.encode())

    def page(name: str, wait: threading.Event) -> Any:
        def get(request: Any) -> Any:
            if not dead:
                dead.append(alive.clear())  # the server forgets its sessions
            if request.cookies.get("sid") in alive:
                renewed.set()
                return f'<h1>{name}</h1><a class="logout">x</a>'
            if name == "b":
                b_asked.set()
            wait.wait(5)
            return answer("<h1>log in</h1>", member=False)

        return get

    site.route("/login", ("POST",))(lambda request: answer('<a class="logout">x</a>', member=True))
    site.route("/a")(page("a", b_asked))
    site.route("/b")(page("b", renewed))
    job = {
        "login": [{"post": "{{ base }}/login"}],
        "polite": {"per_host": 2},
        "start": ["{{ base }}/a", "{{ base }}/b"],
        "rules": {"p": {"item": {"t": "h1"}, "expect": {"has": "a.logout"}}},
    }
    ended = run_job(serve(site), job)
    assert (ended.code, ended.failures, ended.fields("t")) == (0, [], ["a", "b"])
