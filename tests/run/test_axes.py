"""Start entries with `for` and `records`, as a run sees them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scraper.errors import JobError

TILES = {
    "start": [
        {
            "for": {"z": {"from": 0, "to": 2}, "x": {"from": 0, "to": "{{ 2 ** row.z - 1 }}"}},
            "url": "{{ base }}/{{ row.z }}/{{ row.x }}.png",
            "as": "files",
        }
    ],
    "files": {"path": "{{ row.z }}/{{ 2 ** row.z - 1 - row.x }}.png"},
}


@pytest.fixture
def tiles(site: Any, serve: Any) -> Any:
    """A server of tiles that say what they are."""
    site.route("/<z>/<x>.png")(lambda request, z, x: f"{z}-{x}".encode())
    return serve(site)


def test_each_combination_of_axes_is_a_file_and_the_row_its_item(tiles: Any, run_job: Any) -> None:
    ended = run_job(tiles, TILES)
    assert ended.code == 0
    assert ended.files == {f"{z}/{2**z - 1 - x}.png": f"{z}-{x}".encode() for z in range(3) for x in range(2**z)}
    assert ended.fields("z", "x") == [(z, x) for z in range(3) for x in range(2**z)]


def test_a_run_that_was_cut_off_continues_behind_the_rows_that_are_queued(
    tiles: Any, run_job: Any, stop_after: Any, asked: Any
) -> None:
    events, control = stop_after(2)
    assert run_job(tiles, TILES, events=events, control=control).code == 130
    ended = run_job(tiles, TILES)
    assert (ended.code, len(ended.files), len(asked(tiles))) == (0, 7, 7)


def test_months_of_an_api_are_pages_whose_rows_go_down_to_the_items(site: Any, serve: Any, run_job: Any) -> None:
    site.route("/days")(lambda request: [{"day": f"{request.query.get('month')}-{at:02}"} for at in (1, 2)])
    job = {
        "start": [
            {
                "for": {"month": {"from": "2026-01-01", "to": "2026-03-01", "step": "1 month"}},
                "url": "{{ base }}/days",
                "params": {"month": "{{ row.month | date('%Y-%m') }}"},
                "when": "{{ row.month | date('%m') != '02' }}",
            }
        ],
        "rules": {"day": {"read": "json", "each": "[*]", "item": {"day": "day", "n": "{{ row_index }}"}, "key": "day"}},
    }
    ended = run_job(serve(site), job)
    assert ended.fields("day", "n") == [("2026-01-01", 1), ("2026-01-02", 1), ("2026-03-01", 3), ("2026-03-02", 3)]


def test_the_records_of_another_job_are_rows(site: Any, serve: Any, run_job: Any, tmp_path: Any) -> None:
    site.route("/list")(lambda request: [{"id": 7, "url": "/seven"}, {"id": 8, "url": "/eight"}])
    site.route("/<name>")(lambda request, name: f"<h1>{name}</h1>")
    server = serve(site)
    first = {
        "name": "first",
        "start": ["{{ base }}/list"],
        "rules": {
            "l": {"read": "json", "each": "[*]", "item": {"id": "id", "url": {"jmespath": "url", "type": "url"}}}
        },
    }
    run_job(server, first, dest=tmp_path / "there")
    (tmp_path / "one.yaml").write_text(json.dumps({**first, "dest": "there", "vars": {"base": server.url}}))
    second = {
        "name": "second",
        "start": [{"records": "first", "column": "url", "when": "{{ row.id > 7 }}"}],
        "rules": {"p": {"item": {"title": "h1", "id": "{{ row.id }}", "n": "{{ row_index }}"}}},
    }
    ended = run_job(server, second)
    assert (ended.code, ended.fields("title", "id", "n")) == (0, [("eight", 8, 2)])


def test_records_in_csv_are_rows_without_what_guards_them(site: Any, serve: Any, run_job: Any, tmp_path: Any) -> None:
    site.route("/list")(lambda request: [{"n": "=1+1"}, {"n": "'=x"}, {"n": "plain"}])
    site.route("/p")(lambda request: "<h1>p</h1>")
    server = serve(site)
    rule = {"read": "json", "each": "[*]", "item": {"n": "n"}}
    first = {"name": "first", "start": ["{{ base }}/list"], "rules": {"l": rule}, "records": "r.csv"}
    run_job(server, first, dest=tmp_path / "there")
    (tmp_path / "first.yaml").write_text(json.dumps({**first, "dest": "there", "vars": {"base": server.url}}))
    entry = {"records": "first", "url": "{{ base }}/p", "params": {"n": "{{ row.n }}"}}
    ended = run_job(server, {"start": [entry], "rules": {"p": {"item": {"n": "{{ row.n }}"}}}})
    assert ended.fields("n") == ["=1+1", "'=x", "plain"]


def test_a_job_without_records_is_a_mistake_with_its_cure(serve: Any, run_job: Any, site: Any) -> None:
    with pytest.raises(JobError, match=r"start\.0\.records: other has left no records yet, there is no .*run it first"):
        run_job(serve(site), {"start": [{"records": "other", "column": "url"}], "rules": {"p": {"item": {"t": "h1"}}}})
