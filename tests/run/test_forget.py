"""What the ledger forgets, the next run takes for new."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scraper.errors import UsageError
from scraper.job.load import from_data
from scraper.run.errands.retry import Retry
from scraper.run.forget import Forgotten, Wanted, forget
from scraper.server import Response
from scraper.state.db import Database

RULE = {"each": "li", "item": {"title": "b"}, "key": "title", "files": "img"}
JOB = {"start": ["{{ base }}/"], "rules": {"r": RULE}, "files": {"path": "{{ filename }}"}}
ROWS = (("one", "/1.txt"), ("two", "/2.txt"))


def _tagged(request: Any, body: bytes, tag: str, kind: str = "text/plain") -> Response:
    """A body with an ETag, or 304 where the request has it."""
    if request.headers.get("If-None-Match") == f'"{tag}"':
        return Response(304)
    return Response(200, {"ETag": f'"{tag}"', "Content-Type": kind}, body)


@pytest.fixture
def server(site: Any, serve: Any, items_page: Any) -> Any:
    """A page of two items, each with a file; the page and the files have validators."""
    site.route("/")(lambda request: _tagged(request, items_page(*ROWS).encode(), "page", "text/html"))
    site.route("/missing.txt")(lambda request: Response(404))
    site.route("/<name>")(lambda request, name: _tagged(request, name.encode(), name))
    return serve(site)


@pytest.fixture
def forgets(tmp_path: Path) -> Callable[..., Forgotten]:
    """`forgets(*what, job=, **more)`: of what the runs of `run_job` know."""

    def call(*what: str, job: Any = JOB, **more: Any) -> Forgotten:
        made = None if job is None else from_data({"name": "job", **job, "vars": {"base": "http://x"}}).job
        dest = tmp_path / "out"
        return forget(Wanted(dest, dest / ".scraper" / "ledger.db", made, what, **more))

    return call


def asked_with(server: Any, target: str) -> list[str | None]:
    """What each request for a target said in If-None-Match."""
    return [dict(seen.headers).get("If-None-Match") for seen in server.log if seen.target == target]


def test_a_page_is_asked_for_without_conditions_again(server: Any, run_job: Any, forgets: Any) -> None:
    run_job(server, JOB)
    run_job(server, JOB)
    told = forgets(f"{server.url}/")
    assert (told.pages, told.files, told.items) == ([f"{server.url}/"], [], [])
    ran = run_job(server, JOB)
    assert asked_with(server, "/") == [None, '"page"', None]
    assert [row["ending"] for row in ran.view("v_pages", whole=True)] == ["ok", "unchanged", "ok"]


def test_until_seen_does_not_stop_at_items_of_a_forgotten_page(
    site: Any, serve: Any, run_job: Any, rows_site: Any, numbered: Any, forgets: Any
) -> None:
    rows_site(site, numbered(6))
    rule = {"read": "json", "each": "rows", "item": {"n": "n"}, "key": "n", "next": {"page": "page", "until": "seen"}}
    job, server = {"start": ["{{ base }}/api"], "rules": {"api": rule}}, serve(site)
    first = run_job(server, job).summary.pages.ok
    assert run_job(server, job).summary.pages.ok == 1
    forgets(f"{server.url}/api*", job=job)
    assert run_job(server, job).summary.pages.ok == first


def test_a_file_loses_its_validators_and_is_fetched_where_it_is_not_there(
    server: Any, run_job: Any, forgets: Any
) -> None:
    job = {**JOB, "files": {**JOB["files"], "existing": "check"}}
    run_job(server, job)
    told = forgets("1.txt", job=job)
    assert told.files == [("1.txt", f"{server.url}/1.txt")]
    ran = run_job(server, job)
    assert (asked_with(server, "/1.txt"), asked_with(server, "/2.txt")) == ([None, None], [None, '"2.txt"'])
    assert ran.endings("v_files", server.url) == {"/1.txt": "saved", "/2.txt": "unchanged"}


def test_a_file_is_deleted_where_that_is_asked_and_it_is_as_it_was_saved(
    server: Any, run_job: Any, forgets: Any
) -> None:
    ran = run_job(server, JOB)
    (ran.dest / "2.txt").write_bytes(b"mine!")
    assert forgets("*.txt", delete=True, dry=True).deleted == ["1.txt"]
    told = forgets("*.txt", delete=True)
    assert (told.deleted, told.kept) == (["1.txt"], {"2.txt": "it was changed since it was saved"})
    assert ran.files == {"2.txt": b"mine!"}
    assert run_job(server, JOB).files == {"1.txt": b"1.txt", "2.txt": b"mine!"}


def test_an_item_leaves_the_records_and_is_new_when_it_is_met_again(server: Any, run_job: Any, forgets: Any) -> None:
    ran = run_job(server, JOB)
    told = forgets("one")
    assert (told.items, told.records, ran.fields("title")) == ([("r", "one")], "records.jsonl", ["two"])
    again = run_job(server, JOB)
    assert (again.summary.items.new, again.fields("title")) == (1, ["one", "two"])


def test_without_a_job_the_records_are_left_to_the_next_run(server: Any, run_job: Any, forgets: Any) -> None:
    ran = run_job(server, JOB)
    assert (forgets("one", job=None).records, ran.fields("title")) == (None, ["one", "two"])


def test_a_name_stays_reserved_unless_it_is_to_be_free(
    site: Any, serve: Any, run_job: Any, html: Any, forgets: Any
) -> None:
    shown = ["/a/x.txt"]
    site.route("/")(lambda request: html(extra="".join(f'<img src="{each}">' for each in shown)))
    site.route("/<path:rest>")(lambda request, rest: rest.encode())
    job, server = {**JOB, "rules": {"r": {"files": "img"}}}, serve(site)
    run_job(server, job)
    forgets("x.txt", job=job, delete=True)
    shown[:] = ["/b/x.txt"]
    [name] = run_job(server, job).files
    assert name.startswith("x~")
    forgets(f"{server.url}/*/x.txt", job=job, delete=True, free_names=True)
    shown[:] = ["/c/x.txt", "/a/x.txt"]
    assert run_job(server, job).files["x.txt"] == b"c/x.txt"


def test_what_failed_is_chosen_by_its_class(site: Any, serve: Any, run_job: Any, html: Any, forgets: Any) -> None:
    site.route("/")(lambda request: html("/gone", extra='<img src="/1.txt"><img src="/broken.txt">'))
    site.route("/1.txt")(lambda request: b"1")
    site.route("/gone")(lambda request: Response(410))
    site.route("/broken.txt")(lambda request: Response(404))
    job = {**JOB, "rules": {"r": {"files": "img", "follow": {"r": "a"}}}}
    server = serve(site)
    run_job(server, job)
    assert forgets(job=job, classes=["http:404"], dry=True).files == [("broken.txt", f"{server.url}/broken.txt")]
    every = forgets(job=job, classes=["http:4[0-9][0-9]"], dry=True)
    assert (every.pages, len(every.files)) == ([f"{server.url}/gone"], 1)
    assert forgets(job=job, classes=["http:*"], dry=True) == every
    assert forgets(job=job, classes=["*"], dry=True) == every
    assert forgets(job=job, classes=["timeout"], dry=True) == Forgotten([], [], [])


def test_what_failed_and_was_forgotten_is_offered_by_no_retry_until_it_fails_again(
    site: Any, serve: Any, run_job: Any, html: Any, forgets: Any
) -> None:
    site.route("/")(lambda request: html("/gone", extra='<img src="/1.txt"><img src="/2.txt">'))
    site.route("/gone")(lambda request: Response(410))
    site.route("/s")(lambda request: "<b>1</b>")
    rules = {
        "r": {"files": "img", "follow": {"r": "a"}},
        "s": {"each": "b", "item": {"n": {"css": "i", "required": True}}},
    }
    job = {**JOB, "start": [{"url": "{{ base }}/", "rule": "r"}, {"url": "{{ base }}/s", "rule": "s"}], "rules": rules}
    server = serve(site)
    ran = run_job(server, job)

    def offered() -> list[int]:
        errand = Retry()
        with Database.reading(ran.dest / ".scraper" / "ledger.db") as db:
            errand.job(from_data({"name": "job", **job, "vars": {"base": server.url}}).job)
            errand.choose(db, "job")
        return [len(errand.taken.pages), errand.taken.items, len(errand.taken.files)]

    assert offered() == [1, 1, 2]
    forgets(f"{server.url}/gone", "1.txt", job=job)
    assert offered() == [0, 1, 1]
    forgets(f"{server.url}/s", job=job)
    assert forgets(job=job, classes=["*"]).files == [("2.txt", f"{server.url}/2.txt")]
    assert offered() == [0, 0, 0]
    assert forgets(job=job, classes=["*"]) == Forgotten([], [], [])
    run_job(server, job)
    assert offered() == [1, 1, 2]


def test_items_that_are_gone_leave_the_ledger(
    site: Any, serve: Any, run_job: Any, items_page: Any, forgets: Any
) -> None:
    rows = list(ROWS)
    site.route("/")(lambda request: items_page(*rows))
    site.route("/<name>")(lambda request, name: name.encode())
    job, server = {**JOB, "records": {"path": "records.jsonl", "gone": "keep"}}, serve(site)
    run_job(server, job)
    rows.pop()
    ran = run_job(server, job)
    assert ran.fields("title") == ["one", "two"]
    assert (forgets(job=job, gone=True).items, ran.fields("title")) == ([("r", "two")], ["one"])


def test_what_is_not_known_is_told_with_what_may_be_meant(server: Any, run_job: Any, forgets: Any) -> None:
    run_job(server, JOB)
    with pytest.raises(UsageError, match=r'knows no "1.text"; did you mean "1.txt"\?'):
        forgets("1.text")
    with pytest.raises(UsageError, match=r'knows no "127.0"; "\*127.0\*" fits \d+ of the names that it knows'):
        forgets("127.0")
    with pytest.raises(UsageError, match="knows no"):
        forgets("2.txt", "nothing/*")
    assert forgets("2.txt", dry=True).files == [("2.txt", f"{server.url}/2.txt")]


def test_while_a_retry_is_open_it_is_told_what_goes_on_with_it(server: Any, run_job: Any, forgets: Any) -> None:
    ran = run_job(server, JOB)
    with closing(Database(ran.dest / ".scraper" / "ledger.db")) as db:
        db.execute("UPDATE runs SET open = 1, kind = 'retry'")
    with pytest.raises(UsageError, match="the same scraper retry goes on with it; a new scraper run drops it"):
        forgets("*")


def test_nothing_is_forgotten_while_a_run_is_open(server: Any, run_job: Any, forgets: Any, stop_after: Any) -> None:
    events, control = stop_after(1, "ok")
    run_job(server, JOB, events=events, control=control)
    with pytest.raises(UsageError, match="is not finished"):
        forgets("1.txt")
