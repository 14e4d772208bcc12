"""Tokens of OAuth: fetched by the login, renewed while the run goes on, seen by nobody else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from scraper.run.control import Tokens
from scraper.server import Raw, Response, Server, Site
from scraper.server.fixture import oauth

STEP = {"token": "{{ base }}/oauth/token", "auth": {"basic": [oauth.CLIENT, "{{ env('OAUTH_SECRET') }}"]}}
API: dict[str, Any] = {
    "login": [STEP],
    "start": [{"url": "{{ base }}/oauth/items", "rule": "api"}],
    "rules": {
        "api": {
            "read": "json", "each": "items[*]", "item": {"id": "id"}, "key": "id", "files": "file",
            "next": {"page": "page", "last": "pages"},
        }
    },
}  # fmt: skip
FILES = {f"{at}.bin": oauth.content(at) for at in range(1, oauth.PAGES * oauth.ROWS + 1)}


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTH_SECRET", oauth.SECRET)


def grants(server: Server) -> list[str]:
    bodies = [seen.body.decode() for seen in server.log if seen.target == "/oauth/token"]
    return [dict(parse_qsl(body))["grant_type"] for body in bodies]


@pytest.mark.parametrize("transport", ["curl", "requests"])
def test_a_token_that_ends_is_renewed_and_nothing_is_lost(transport: str, fixture_server: Server, run_job: Any) -> None:
    """28 pages and files at ten a token: three tokens at least, each one renewed by the one before."""
    ran = run_job(fixture_server, {**API, "files": {"transport": transport}})
    assert (ran.code, ran.files) == (0, FILES)
    assert sorted(ran.fields("id")) == [*range(1, oauth.PAGES * oauth.ROWS + 1)]
    given = grants(fixture_server)
    assert given[0] == "client_credentials"
    assert set(given[1:]) == {"refresh_token"}
    assert 3 <= len(given) <= 20


def test_no_token_stands_anywhere(fixture_server: Server, run_job: Any) -> None:
    ran = run_job(fixture_server, API)
    kept = b"".join(path.read_bytes() for path in ran.dest.rglob("*") if path.is_file())
    sent = {dict(seen.headers).get("Authorization", "").partition(" ")[2] for seen in fixture_server.log} - {""}
    assert len(sent) >= 4
    assert [each for each in sent if each.encode() in kept] == []


def test_client_and_secret_may_stand_in_the_form(fixture_server: Server, run_job: Any) -> None:
    data = {"client_id": oauth.CLIENT, "client_secret": "{{ env('OAUTH_SECRET') }}", "scope": "read"}
    ran = run_job(fixture_server, {**API, "login": [{"token": STEP["token"], "data": data}]})
    assert (ran.code, ran.files) == (0, FILES)


@pytest.mark.parametrize(
    ("step", "ending"),
    [
        ({"auth": {"basic": ["x", "y"]}}, ("http:401", "invalid_client: No such client, or its secret is wrong.")),
        (
            {**STEP, "data": {"grant_type": "password"}},
            ("http:400", "unsupported_grant_type: password is not known here."),
        ),
    ],
)
def test_an_error_of_oauth_is_told_in_its_words(
    step: Any, ending: tuple[str, str], fixture_server: Server, run_job: Any
) -> None:
    ran = run_job(fixture_server, {**API, "login": [{"token": STEP["token"], **step}]})
    assert (ran.code, ran.failures) == (4, [(ending[0], f"login step 1: no token: {ending[1]}")])


ANSWERS: dict[str, tuple[Any, str, str]] = {
    "no token": ({"scope": "read"}, "shape", "no token: the answer has no access_token"),
    "a list": ([1], "shape", "no token: the answer is no JSON object"),
    "another type": (
        {"access_token": "t", "token_type": "mac"},
        "shape",
        "no token: it is of type 'mac', and bearer is known",
    ),
    "an error with 200": ({"error": "bad_code"}, "http:400", "no token: bad_code"),
    "no json": ("<h1>busy</h1>", "type", "the page is not json"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_without_a_token_ends_the_run(case: str, site: Site, serve: Any, run_job: Any) -> None:
    answer, name, message = ANSWERS[case]
    site.route("/t", ("POST",))(lambda request: (200, [], answer) if not isinstance(answer, str) else answer)
    ran = run_job(serve(site), {**API, "login": [{"token": "{{ base }}/t"}]})
    assert (ran.code, ran.failures[0][0], message in ran.failures[0][1]) == (4, name, True)


def guarded(site: Site, *, forbidden: tuple[str, ...] = (), uses: int = 1000, **answer: Any) -> list[str]:
    """`/t` gives tokens t1, t2, ...; `/p/N` wants the newest, good for so many uses. What `/t` was asked for."""
    asked: list[str] = []
    left = {"uses": 0}

    def token(request: Any) -> dict[str, Any]:
        asked.append(request.body.decode())
        left["uses"] = uses
        return {"access_token": f"token-number-{len(asked)}", **answer}

    def page(request: Any, number: str) -> Any:
        left["uses"] -= 1
        is_good = request.headers.get("authorization") == f"Bearer token-number-{len(asked)}"
        if number in forbidden or not is_good or left["uses"] < 0:
            return Response(401, {}, b"")
        return f"<h1>{number}</h1>"

    site.route("/t", ("POST",))(token)
    site.route("/p/<number>")(page)
    return asked


def job(*numbers: int | str, **more: Any) -> dict[str, Any]:
    return {
        "login": [{"token": "{{ base }}/t"}],
        "start": [f"{{{{ base }}}}/p/{number}" for number in numbers],
        "rules": {"p": {"item": {"n": "h1"}}},
        **more,
    }


def test_without_a_refresh_token_the_first_grant_serves_again(site: Site, serve: Any, run_job: Any) -> None:
    asked = guarded(site, uses=7)
    ran = run_job(serve(site), job(*range(20)))
    assert (ran.code, len(ran.fields("n"))) == (0, 20)
    assert set(asked) == {"grant_type=client_credentials"}
    assert 3 <= len(asked) <= 20


def test_a_refresh_token_that_is_refused_gives_way_to_the_first_grant(site: Site, serve: Any, run_job: Any) -> None:
    asked: list[str] = []

    def token(request: Any) -> Any:
        asked.append(request.form().get("grant_type"))
        if asked[-1] == "refresh_token":
            return 400, [], {"error": "invalid_grant"}
        return {"access_token": f"token-{len(asked)}", "refresh_token": "once-only"}

    site.route("/t", ("POST",))(token)
    site.route("/p/<n>")(
        lambda request, n: f"<h1>{n}</h1>" if request.headers.get("authorization") == "Bearer token-3" else _refused()
    )
    ran = run_job(serve(site), job(1))
    assert (ran.code, asked) == (0, ["client_credentials", "refresh_token", "client_credentials"])


def _refused() -> Response:
    return Response(401, {}, b"")


def test_a_page_that_is_for_nobody_is_asked_for_twice_and_no_more(site: Site, serve: Any, run_job: Any) -> None:
    asked = guarded(site, forbidden=("7",))
    server = serve(site)
    ran = run_job(server, job(7))
    assert (ran.code, ran.failures[0][0]) == (4, "http:401")
    assert (len(asked), [seen.target for seen in server.log].count("/p/7")) == (2, 2)


def test_a_server_that_refuses_everything_is_not_asked_for_tokens_without_end(
    site: Site, serve: Any, run_job: Any
) -> None:
    asked = guarded(site, forbidden=tuple(map(str, range(30))))
    ran = run_job(serve(site), job(*range(30)))
    assert (ran.code, ran.summary.pages.failed) == (4, 30)
    assert len(asked) <= 12


def test_a_token_that_expires_soon_is_renewed_before_it_is_refused() -> None:
    tokens = Tokens()
    tokens.fetched((0, None), 100.0)
    assert [tokens.is_due(now) for now in (0.0, 99.9, 100.0)] == [False, False, True]
    tokens.fetched((0, None), None)
    assert not tokens.is_due(1e9)


def test_who_was_sent_with_an_older_token_needs_no_new_one() -> None:
    tokens, work = Tokens(), SimpleNamespace(token=1, asked_token=0, asks=0)
    tokens.fetched((0, None), None)
    tokens.fetched((0, None), None)
    assert (tokens.ask("page", work), tokens.is_due(0.0), tokens.take()) == (True, False, [("page", work)])


def test_three_refusals_of_new_tokens_are_believed_until_one_helps() -> None:
    tokens = Tokens()
    tokens.fetched((0, None), None)
    for _ in range(Tokens.VAIN):
        work = SimpleNamespace(token=tokens.number, asked_token=0, asks=0)
        assert tokens.ask("page", work)
        tokens.take()
        tokens.fetched((0, None), None)
        work.token = tokens.number
        assert not tokens.ask("page", work)
    late = SimpleNamespace(token=tokens.number, asked_token=0, asks=0)
    assert not tokens.ask("page", late)
    tokens.served(work)
    assert tokens.ask("page", late)


def test_a_new_token_that_served_others_may_have_ended_too_but_not_without_end() -> None:
    tokens, work = Tokens(), SimpleNamespace(token=1, asked_token=0, asks=0)
    tokens.fetched((0, None), None)
    asked = []
    for number in range(1, 9):
        work.token = number
        tokens.served(SimpleNamespace(token=number, asked_token=1))
        asked.append(tokens.ask("page", work))
        tokens.take()
        tokens.fetched((0, None), None)
    assert asked == [True] * Tokens.ASKS + [False] * 3


def test_the_token_goes_to_home_origins_alone(site: Site, serve: Any, run_job: Any) -> None:
    there = Site()
    there.route("/x")(lambda request: f"<h1>{request.headers.get('authorization')!r}</h1>")
    elsewhere = serve(there)
    site.route("/t", ("POST",))(lambda request: {"access_token": "token-number-1"})
    site.route("/p/1")(lambda request: f"<h1>1</h1><a href={elsewhere.url}/x>x</a>")
    rules = {"p": {"follow": {"q": {"select": "a", "same": "any"}}}, "q": {"item": {"n": "h1"}}}
    assert run_job(serve(site), job(1, rules=rules)).fields("n") == ["''"]


def test_the_token_takes_the_place_of_auth_but_where_it_is_given(site: Site, serve: Any, run_job: Any) -> None:
    seen: list[str] = []
    site.route("/t", ("POST",))(
        lambda request: seen.append(request.headers.get("authorization")) or {"access_token": "token-number-1"}
    )
    site.route("/p/<n>")(lambda request, n: f"<h1>{request.headers.get('authorization')}</h1>")
    ran = run_job(serve(site), job(1, http={"auth": {"bearer": "of-the-job"}}))
    assert (seen, ran.fields("n")) == (["Bearer of-the-job"], ["Bearer {saved:token}"])


def test_a_template_may_use_the_token(site: Site, serve: Any, run_job: Any) -> None:
    guarded(site)
    site.route("/q")(lambda request: f"<h1>{request.query.get('t') == 'token-number-1'}</h1>")
    given = job(start=[{"url": "{{ base }}/q", "params": {"t": "{{ saved.token }}"}}])
    ran = run_job(serve(site), given)
    assert (ran.code, ran.fields("n")) == (0, ["True"])


@pytest.mark.parametrize("transport", ["curl", "requests"])
def test_a_file_that_broke_off_goes_on_with_the_new_token(transport: str, site: Site, serve: Any, run_job: Any) -> None:
    """Its first attempt is cut, its second one refused: the token has ended meanwhile."""
    asked, seen = guarded(site), []

    def file(request: Any) -> Any:
        seen.append(request.headers.get("authorization").removeprefix("Bearer "))
        if len(seen) == 1:
            return Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst", status=200)
        return Response(401, {}, b"") if len(seen) == 2 else b"x" * 100

    site.route("/f.bin")(file)
    site.route("/p")(lambda request: "<a href=/f.bin>f</a>")
    rules = {"p": {"files": "a"}}
    given = {**job(rules=rules, start=["{{ base }}/p"]), "files": {"transport": transport}}
    ran = run_job(serve(site), given)
    assert (ran.code, ran.files, seen) == (0, {"f.bin": b"x" * 100}, ["token-number-1"] * 2 + ["token-number-2"])
    assert len(asked) == 2


def work_with(token: int, asked: int) -> Any:
    return SimpleNamespace(token=token, asked_token=asked, asks=1 if asked else 0)


def test_a_token_that_served_others_and_has_ended_was_not_asked_for_in_vain() -> None:
    tokens = Tokens()
    tokens.fetched((0, None), None)
    tokens.fetched((0, None), None)
    tokens.served(work_with(2, 0))
    late = [work_with(2, 1) for _ in range(5)]
    assert [tokens.ask("page", each) for each in late] == [True] * 5


def test_a_token_that_served_nobody_is_asked_for_in_vain() -> None:
    tokens = Tokens()
    tokens.fetched((0, None), None)
    tokens.fetched((0, None), None)
    assert [tokens.ask("page", work_with(2, 1)) for _ in range(3)] == [False] * 3
    assert tokens.ask("page", work_with(2, 0)) is False, "nobody asks any more"
