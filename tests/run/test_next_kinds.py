"""Every kind of `next` against a stream of notes that grows while it is read."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest

from scraper.server.fixture.notes import COUNT

KINDS: dict[str, Any] = {
    "page": {"page": "page"},
    "page, last by a header": {"page": "page", "last": "{{ page.headers['X-Total-Pages'] }}"},
    "page, last by a selector": {"page": "page", "last": "pages"},
    "offset": {"offset": "offset", "step": 10},
    "offset, total": {"offset": "offset", "step": 10, "total": "count"},
    "cursor": {"cursor": "next", "param": "before"},
    "cursors by name": {"cursor": {"before": "next"}},
    "a mapping of parameters": {"cursor": "more"},
    "link": {"link": "next"},
}
STEADY = ("cursor", "cursors by name", "a mapping of parameters", "link")
RULE = {"read": "json", "each": "notes", "item": {"id": "id", "text": "text"}, "key": "id"}


def job_of(turn: Any) -> Any:
    return {
        "start": [{"url": "{{ base }}/api/notes", "params": {"size": 10}}],
        "rules": {"notes": {**RULE, "next": turn}},
    }


def put_one_in_front(base: str) -> None:
    with urllib.request.urlopen(urllib.request.Request(f"{base}/api/notes", method="POST"), timeout=10):
        pass


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reads_the_whole_stream(kind: str, fixture_server: Any, run_job: Any) -> None:
    ended = run_job(fixture_server, job_of(KINDS[kind]))
    assert (ended.code, ended.fields("id")) == (0, list(range(COUNT, 0, -1)))


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind in (*STEADY, "offset, total", "page, last by a selector")]
)
def test_no_page_is_asked_that_the_source_says_is_not_there(
    kind: str, fixture_server: Any, run_job: Any, asked: Any
) -> None:
    run_job(fixture_server, job_of(KINDS[kind]))
    assert len(asked(fixture_server)) == 5


@pytest.mark.parametrize("kind", STEADY)
def test_what_comes_between_two_requests_loses_and_doubles_nothing(
    kind: str, fixture_server: Any, run_job: Any, heard: Any
) -> None:
    events = heard(lambda url, ending: put_one_in_front(fixture_server.url))
    ended = run_job(fixture_server, job_of(KINDS[kind]), events=events)
    read = [row["url"] for row in ended.view("v_pages")]
    assert (ended.code, ended.fields("id"), len(read)) == (0, list(range(COUNT, 0, -1)), 5)


@pytest.mark.parametrize("kind", ["page", "offset, total"])
def test_what_counts_meets_a_note_again_and_keeps_it_once(
    kind: str, fixture_server: Any, run_job: Any, heard: Any
) -> None:
    events = heard(lambda url, ending: put_one_in_front(fixture_server.url))
    ended = run_job(fixture_server, job_of(KINDS[kind]), events=events)
    ids = ended.fields("id")
    assert (ended.code, sorted(ids), len(set(ids))) == (0, list(range(1, COUNT + 1)), len(ids))


@pytest.mark.parametrize("kind", ["offset", "cursor", "link"])
def test_a_bound_on_pages_holds(kind: str, fixture_server: Any, run_job: Any, asked: Any) -> None:
    ended = run_job(fixture_server, job_of({**KINDS[kind], "max_pages": 2}))
    assert (ended.code, len(asked(fixture_server)), len(ended.records)) == (0, 2, 20)


def test_a_cursor_may_go_deeper_into_a_body_of_json(site: Any, serve: Any, run_job: Any) -> None:
    sent: list[Any] = []

    @site.route("/_search", ("POST",))
    def search(request: Any) -> Any:
        sent.append(request.json())
        after = (sent[-1].get("search_after") or [0])[0]
        hits = [{"_id": n, "sort": [n]} for n in range(after + 1, min(after + 3, 6))]
        return {"pit_id": f"pit-{after}", "hits": hits}

    turn = {"cursor": {"search_after": "hits[-1].sort", "pit.id": "pit_id"}, "in": "json"}
    job = {
        "http": {"retry": {"methods": ["GET", "POST"]}},
        "start": [
            {"url": "{{ base }}/_search", "method": "POST", "json": {"size": 2, "pit": {"id": "", "keep": "5m"}}}
        ],
        "rules": {"hits": {"read": "json", "each": "hits", "item": {"id": "_id"}, "key": "id", "next": turn}},
    }
    ended = run_job(serve(site), job)
    assert (ended.code, ended.fields("id")) == (0, [1, 2, 3, 4, 5])
    assert sent[1:] == [
        {"size": 2, "pit": {"id": "pit-0", "keep": "5m"}, "search_after": [2]},
        {"size": 2, "pit": {"id": "pit-2", "keep": "5m"}, "search_after": [4]},
        {"size": 2, "pit": {"id": "pit-4", "keep": "5m"}, "search_after": [5]},
    ]
