"""Limits take the first in record order, and are never complete; dry runs write nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scraper.server import Site

RULE = {
    "read": "json", "each": "rows", "item": {"n": "n", "t": "t"}, "key": "n",
    "files": {"select": "u", "path": "{{ filename }}"}, "next": {"page": "page"},
}  # fmt: skip
JOB = {"start": ["{{ base }}/api"], "rules": {"api": RULE}}


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_a_limit_takes_the_first_items_with_their_files(
    limit: int, site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any
) -> None:
    rows_site(site, numbered(20))
    ended = run_job(serve(site), JOB, limit=limit)
    assert (ended.code, ended.fields("n")) == (0, list(range(limit)))
    assert sorted(ended.files) == sorted(f"{at}.png" for at in range(limit))
    assert ended.summary.pages.ok == (limit + 1) // 2
    assert [row["complete"] for row in ended.view("v_runs")] == [0]


def test_a_limit_takes_files_where_there_are_no_items(
    site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any
) -> None:
    rows_site(site, numbered(20))
    rule = {name: value for name, value in RULE.items() if name not in ("item", "key")}
    ended = run_job(serve(site), {**JOB, "rules": {"api": rule}}, limit=3)
    assert (ended.code, sorted(ended.files)) == (0, ["0.png", "1.png", "2.png"])


def tree(site: Site, *names: str) -> None:
    """`/NAME` links `/NAME/1` and `/NAME/2`, each an item."""
    for name in names:
        site.route(f"/{name}")(lambda request, name=name: f'<a href="/{name}/1">1</a><a href="/{name}/2">2</a>')
    site.route("/<name>/<number>")(lambda request, name, number: f"<h1>{name}{number}</h1>")


TREE = {"list": {"follow": {"item": "a"}}, "item": {"item": {"t": "h1"}}}


@pytest.mark.parametrize(("limit", "titles"), [(1, ["a1"]), (3, ["a1", "a2", "b1"]), (4, ["a1", "a2", "b1", "b2"])])
def test_a_limit_takes_items_in_record_order_across_pages(
    limit: int, titles: list[str], site: Site, serve: Any, run_job: Any
) -> None:
    tree(site, "a", "b")
    server = serve(site)
    ended = run_job(server, {"start": ["{{ base }}/a", "{{ base }}/b"], "rules": TREE}, limit=limit)
    assert (ended.code, ended.fields("t")) == (0, titles)
    assert {row["ending"] for row in ended.view("v_pages")} <= {"ok", "skipped:limit"}


@pytest.mark.parametrize(("limit", "titles"), [(1, ["a1"]), (2, ["a1", "a2"]), (3, ["a1", "a2", "b1"])])
def test_a_limit_takes_items_in_record_order_across_hosts(
    limit: int, titles: list[str], serve: Any, run_job: Any, asked: Any
) -> None:
    sites = Site(), Site()
    tree(sites[0], "a")
    tree(sites[1], "b")
    first, second = map(serve, sites)
    ended = run_job(first, {"start": ["{{ base }}/a", f"{second.url}/b"], "rules": TREE}, limit=limit)
    assert (ended.code, ended.fields("t")) == (0, titles)
    assert ("/b" in asked(second)) == (limit > 2)


def test_a_limit_counts_items_that_were_met_before_once(site: Site, serve: Any, run_job: Any) -> None:
    pages = {1: [0, 1], 2: [1, 2], 3: [3, 4]}
    site.route("/api")(lambda request: {"rows": [{"n": n} for n in pages.get(request.query.number("page", 1), [])]})
    job = {
        "start": ["{{ base }}/api"],
        "rules": {"api": {"read": "json", "each": "rows", "item": {"n": "n"}, "key": "n", "next": {"page": "page"}}},
    }
    assert run_job(serve(site), job, limit=3).fields("n") == [0, 1, 2]


def test_a_limited_run_makes_nothing_gone_and_moves_no_watermark(
    site: Site, serve: Any, run_job: Any, rows_site: Any, numbered: Any
) -> None:
    rows_site(site, numbered(6))
    server = serve(site)
    run_job(server, JOB)
    limited = run_job(server, JOB, limit=1)
    assert (limited.summary.items.as_dict(), limited.fields("n")) == (
        {"total": 1, "new": 0, "changed": 0, "gone": 0, "failed": 0}, list(range(6)),
    )  # fmt: skip
    assert [row["complete"] for row in limited.view("v_runs", whole=True)] == [1, 0]


# -- dry runs ------------------------------------------------------------------------------------------------


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_dry_run_tells_paths_and_writes_nothing(
    site: Site, serve: Any, run_job: Any, heard: Any, tmp_path: Path, asked: Any, rows_site: Any, numbered: Any
) -> None:
    rows_site(site, numbered(3))
    server = serve(site)
    ended = run_job(server, JOB, dry=True, events=(events := heard()))
    assert (events.paths, ended.code, list(tmp_path.iterdir())) == (["0.png", "1.png", "2.png"], 0, [])
    assert [target for target in asked(server) if target.startswith("/file")] == []


def test_a_dry_run_changes_nothing_of_an_earlier_run(
    site: Site, serve: Any, run_job: Any, heard: Any, tmp_path: Path, rows_site: Any, numbered: Any
) -> None:
    rows = rows_site(site, numbered(3))
    server = serve(site)
    run_job(server, JOB)
    before = listing(tmp_path)
    rows.append({"n": 9, "t": "new", "u": "/file/9.png"})
    run_job(server, JOB, dry=True, events=(events := heard()))
    assert (events.paths, listing(tmp_path)) == (["9.png"], before)


def test_a_dry_run_leaves_the_state_folder_alone(run_job: Any, drained: Any, tmp_path: Path) -> None:
    """Even one that is named, and holds an open run."""
    state = tmp_path / "state"
    server, _ = drained(JOB, state=state)
    before = listing(tmp_path)
    run_job(server, JOB, dry=True, state=state, fresh=True)
    assert listing(tmp_path) == before


def test_a_dry_run_tells_the_names_that_files_have(
    site: Site, serve: Any, run_job: Any, heard: Any, rows_site: Any, numbered: Any
) -> None:
    """A file that has a name keeps it, though its title changed; so the run would leave it alone."""
    rows = rows_site(site, numbered(2))
    server = serve(site)
    job = {**JOB, "rules": {"api": {**RULE, "files": {"select": "u", "path": "{{ item.t }}{{ ext }}"}}}}
    run_job(server, job)
    rows[0]["t"] = "renamed"
    run_job(server, job, dry=True, events=(events := heard()))
    assert events.paths == []


def test_a_dry_run_into_a_missing_folder_does_not_make_it(
    site: Site, serve: Any, run_job: Any, tmp_path: Path, rows_site: Any, numbered: Any
) -> None:
    rows_site(site, numbered(1))
    run_job(serve(site), JOB, dry=True, dest=tmp_path / "a" / "b", state=tmp_path / "c" / "d")
    assert list(tmp_path.iterdir()) == []
