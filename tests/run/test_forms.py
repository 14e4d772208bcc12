"""Forms that a run sends: in the login, in `follow`, in `next`; and who may see what is filled in."""

from __future__ import annotations

from typing import Any

import pytest

from scraper.server import Response, Server, Site
from scraper.server.fixture import club, permits
from scraper.server.fixture.members import make_pdf

ENTER = {"user": club.USER, "password": "{{ env('CLUB_PASSWORD') }}", "act": "enter"}
CLUB = {
    "login": [
        {"get": "{{ base }}/club/login"},
        {"form": "form#login", "data": ENTER, "expect": {"status": 200, "has": "a.logout"}},
    ],
    "start": ["{{ base }}/club/1"],
    "rules": {
        "page": {"expect": {"has": "a.logout"}, "each": "li", "item": {"name": "::text"}, "next": "a.next"},
    },
}
PAGER = "#grid tr.pager td:has(> span) + td > a::attr(href)"
PERMITS = {
    "start": [{"url": "{{ base }}/permits", "rule": "form"}],
    "rules": {
        "form": {"follow": {"results": {"form": "#aspnetForm", "data": {"ctl$query": "garage", "ctl$find": "Search"}}}},
        "results": {
            "each": "#grid tr:has(td.permit)",
            "item": {"permit": "td.permit", "address": "td.address"},
            "key": "permit",
            "files": "a.document",
            "next": {
                "form": "#aspnetForm",
                "cursor": {
                    "__EVENTTARGET": {"css": PAGER, "match": r"'(.*?)','"},
                    "__EVENTARGUMENT": {"css": PAGER, "match": r"','(.*?)'"},
                },
            },
        },
    },
}


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUB_PASSWORD", club.PASSWORD)


def test_a_session_that_ends_is_begun_again_by_the_form_and_nothing_is_lost(
    fixture_server: Server, run_job: Any
) -> None:
    ran = run_job(fixture_server, CLUB)
    assert (ran.code, ran.fields("name")) == (0, [f"member {at}" for at in range(1, club.PAGES * club.ROWS + 1)])
    assert len([seen for seen in fixture_server.log if seen.method == "POST"]) == 3, (
        "five pages each, the one behind the door too"
    )


def test_what_is_filled_in_stands_nowhere(fixture_server: Server, run_job: Any) -> None:
    job = {**CLUB, "rules": {"page": {**CLUB["rules"]["page"], "expect": {"has": "a.none"}}}}
    ran = run_job(fixture_server, job, dest=None)
    kept = b"".join(path.read_bytes() for path in ran.dest.rglob("*") if path.is_file())
    assert (ran.code, club.PASSWORD.encode() in kept) == (4, False)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"form": "form#nothing", "data": {}}, '"form#nothing" finds no form on'),
        ({"form": "title", "data": {}}, "it finds <title>, which is no form and stands in none"),
        ({"form": "#login", "data": {"user": "x"}, "expect": {"has": "a.logout"}}, '"a.logout" found nothing on'),
    ],
)
def test_a_login_whose_form_is_not_there_or_not_taken_ends_the_run(
    step: Any, message: str, fixture_server: Server, run_job: Any
) -> None:
    ran = run_job(fixture_server, {**CLUB, "login": [CLUB["login"][0], step]})
    assert (ran.code, [name for name, _ in ran.failures]) == (4, ["shape"])
    assert ran.failures[0][1].startswith("login step 2: ")
    assert message in ran.failures[0][1]


def test_a_pager_of_asp_net_is_turned_to_its_end(fixture_server: Server, run_job: Any) -> None:
    ran = run_job(fixture_server, PERMITS)
    numbers = permits.found("garage")
    assert (ran.code, ran.fields("permit")) == (0, [str(at) for at in numbers])
    assert ran.files == {f"{at}.pdf": make_pdf(f"Permit {at}") for at in numbers}
    sent = [seen.method for seen in fixture_server.log if seen.target == "/permits"]
    assert sent == ["GET", "POST", "POST", "POST", "POST"]


def test_a_form_is_sent_once_where_two_pages_show_the_same(site: Site, serve: Any, run_job: Any) -> None:
    form = "<form method=post action=/s><input name=q value=1></form>"
    for path in ("/a", "/b"):
        site.route(path)(lambda request: form)
    site.route("/s", ("POST",))(lambda request: f"<h1>{request.form().get('q')}</h1>")
    rules = {"f": {"follow": {"r": {"form": "form"}}}, "r": {"item": {"t": "h1"}}}
    ran = run_job(server := serve(site), {"start": ["{{ base }}/a", "{{ base }}/b"], "rules": rules})
    assert (ran.code, ran.fields("t")) == (0, ["1"])
    assert [seen.target for seen in server.log].count("/s") == 1


def test_a_page_without_the_form_is_told(site: Site, serve: Any, run_job: Any) -> None:
    site.route("/")(lambda request: "<p>nothing")
    rules = {"f": {"follow": {"r": {"form": "#search"}}}, "r": {"item": {"t": "h1"}}}
    ran = run_job(server := serve(site), {"start": ["{{ base }}/"], "rules": rules})
    told = f'rules.f.follow.r: "#search" finds no form on {server.url}/'
    assert (ran.code, ran.failures) == (4, [("shape", told)])


def test_a_form_whose_action_robots_txt_forbids_is_not_sent(site: Site, serve: Any, run_job: Any) -> None:
    site.route("/robots.txt")(lambda request: "User-agent: *\nDisallow: /s")
    site.route("/")(lambda request: "<form action=/s><input name=q value=1></form>")
    rules = {"f": {"follow": {"r": {"form": "form"}}}, "r": {"item": {"t": "h1"}}}
    ran = run_job(server := serve(site), {"start": ["{{ base }}/"], "rules": rules})
    assert ran.endings("v_pages", server.url) == {"/": "ok", "/s?q=1": "skipped:robots"}


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_form_that_leads_elsewhere_is_sent_and_its_type_with_it(method: str, serve: Any, run_job: Any) -> None:
    here, there = Site(), Site()
    there.route("/s", ("GET", "POST"))(lambda request: f"<h1>{dict(request.form() or request.query)}</h1>")
    elsewhere = serve(there)
    here.route("/")(lambda request: f"<form method={method} action={elsewhere.url}/s><input name=q value=x></form>")
    rules = {"f": {"follow": {"r": {"form": "form"}}}, "r": {"item": {"t": "h1"}}}
    ran = run_job(serve(here), {"start": ["{{ base }}/"], "rules": rules})
    assert (ran.code, ran.fields("t")) == (0, ["{'q': 'x'}"])
    assert ["Referer" in dict(seen.headers) for seen in elsewhere.log if seen.target.startswith("/s")] == [False]


@pytest.mark.parametrize("where", ["follow", "next", "login"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_secret_goes_to_no_origin_that_a_form_leads_to(where: str, method: str, serve: Any, run_job: Any) -> None:
    here, there = Site(), Site()
    there.route("/s", ("GET", "POST"))(lambda request: "<h1>got it</h1>")
    elsewhere = serve(there)
    here.route("/")(lambda request: f"<form method={method} action={elsewhere.url}/s><input name=q></form>")
    form = {"form": "form", "data": {"q": "{{ env('CLUB_PASSWORD') }}"}}
    rules: Any = {"f": {"item": {"t": "form"}}, "r": {"item": {"t": "h1"}}}
    job: Any = {"start": ["{{ base }}/", {"url": "{{ base }}/", "rule": "r"}], "rules": rules}
    if where == "login":
        job["login"] = [{"get": "{{ base }}/"}, form]
    elif where == "follow":
        rules["f"] = {"follow": {"r": form}}
    else:
        rules["f"]["next"] = form
    ran = run_job(serve(here), job)
    assert [seen.target for seen in elsewhere.log if seen.target != "/robots.txt"] == []
    assert (ran.code, [name for name, _ in ran.failures]) == (4, ["protocol"])
    assert f"its form leads to {elsewhere.url}, which may not see the secret in it" in ran.failures[0][1]


def test_an_origin_that_the_job_names_may_see_the_secret(serve: Any, run_job: Any) -> None:
    here, there = Site(), Site()
    there.route("/s", ("POST",))(lambda request: f"<h1>{request.form().get('q') == club.PASSWORD}</h1>")
    elsewhere = serve(there)
    here.route("/")(lambda request: f"<form method=post action={elsewhere.url}/s><input name=q></form>")
    form = {"form": "form", "data": {"q": "{{ env('CLUB_PASSWORD') }}"}}
    rules = {"f": {"follow": {"r": form}}, "r": {"item": {"t": "h1"}}}
    job = {"start": ["{{ base }}/"], "rules": rules, "http": {"origins": [elsewhere.url]}}
    assert run_job(serve(here), job).fields("t") == ["True"]


def test_a_chain_of_forms_ends_where_its_cursor_finds_nothing(site: Site, serve: Any, run_job: Any) -> None:
    def answer(request: Any) -> str:
        at = int(request.form().get("at") or 1)
        more = f'<b data-at="{at + 1}">more</b>' if at < 3 else ""
        return f"<h1>{at} {request.form().get('by')}</h1><form method=post><input name=by value=me></form>{more}"

    site.route("/", ("GET", "POST"))(answer)
    turn = {"form": "form", "data": {"by": "{{ vars.who }}"}, "cursor": {"at": "b::attr(data-at)"}}
    rules = {"p": {"item": {"t": "h1"}, "next": turn}}
    ran = run_job(serve(site), {"vars": {"who": "you"}, "start": ["{{ base }}/"], "rules": rules})
    assert (ran.code, ran.fields("t")) == (0, ["1", "2 you", "3 you"])


def test_a_chain_of_forms_ends_where_the_same_request_was_made(site: Site, serve: Any, run_job: Any) -> None:
    """Its body is part of the request: the second page sends it again."""
    page = "<h1>same</h1><form method=post><input name=q value=1></form>"
    site.route("/", ("GET", "POST"))(lambda request: page)
    job = {"start": ["{{ base }}/"], "rules": {"p": {"item": {"t": "h1"}, "next": {"form": "form"}}}}
    ran = run_job(server := serve(site), job)
    assert (ran.code, [seen.method for seen in server.log]) == (0, ["GET", "POST"])


def test_a_login_step_sees_the_page_before_it(site: Site, serve: Any, run_job: Any) -> None:
    site.route("/in")(lambda request: Response(200, {"X-Door": "left", "Content-Type": "text/html"}, b"<form id=f>"))
    site.route("/out")(lambda request: f"<h1>{request.query.get('door')}</h1>")
    login = [{"get": "{{ base }}/in"}, {"get": "{{ base }}/out?door={{ page.headers['X-Door'] }}"}]
    job = {"login": login, "start": ["{{ base }}/out"], "rules": {"p": {"item": {"t": "h1"}}}}
    server = serve(site)
    assert run_job(server, job).code == 0
    assert "/out?door=left" in [seen.target for seen in server.log]
