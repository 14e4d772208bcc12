"""`next: {..., until: seen}`: later runs read what is new, and never leave a gap."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.job.load import from_data
from scraper.run.control import Control
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.runner import run
from scraper.server import Server, Site

SIZE = 3


@dataclass
class Stream:
    """Notes, newest first; `broken` are pages (by how many notes lie before them) that answer 500."""

    ids: list[int] = field(default_factory=list)
    broken: set[int] = field(default_factory=set)

    def grow(self, count: int) -> None:
        begin = self.ids[0] if self.ids else 0
        self.ids[:0] = range(begin + count, begin, -1)

    def site(self) -> Site:
        site = Site()

        @site.route("/notes")
        def notes(request: Any) -> Any:
            before = request.query.number("before", 10**6)
            left = [each for each in self.ids if each < before]
            if len(self.ids) - len(left) in self.broken:
                return 500, [], b""
            found = left[:SIZE]
            more = found[-1] if len(left) > SIZE else None
            return {"notes": [{"id": each} for each in found], "next": more}

        return site


def job_of(base: str, **turn: Any) -> Any:
    rule = {
        "read": "json", "each": "notes", "item": {"id": "id"}, "key": "id",
        "next": {"cursor": "next", "param": "before", "until": "seen", **turn},
    }  # fmt: skip
    return {
        "name": "job",
        "http": {"retry": {"attempts": 1}},
        "start": [f"{base}/notes"],
        "rules": {"notes": rule},
    }


@pytest.fixture
def stream() -> Stream:
    """Ten notes."""
    made = Stream()
    made.grow(10)
    return made


def pages(server: Any, since: int) -> list[str]:
    return [seen.target for seen in server.log[since:]]


def test_a_later_run_reads_down_to_what_is_known_and_no_further(stream: Stream, serve: Any, run_job: Any) -> None:
    server = serve(stream.site())
    run_job(server, job_of(server.url))
    asked = len(server.log)
    stream.grow(4)
    ended = run_job(server, job_of(server.url))
    assert pages(server, asked) == ["/notes", "/notes?before=12"]
    assert (ended.code, ended.fields("id")) == (0, [14, 13, 12, 11, *range(10, 0, -1)])
    assert ended.summary.items.as_dict() == {"total": 6, "new": 4, "changed": 0, "gone": 0, "failed": 0}


def test_nothing_new_takes_one_page(stream: Stream, serve: Any, run_job: Any) -> None:
    server = serve(stream.site())
    run_job(server, job_of(server.url))
    asked = len(server.log)
    assert (run_job(server, job_of(server.url)).code, pages(server, asked)) == (0, ["/notes"])


def test_something_old_that_is_pinned_to_the_top_ends_nothing(stream: Stream, serve: Any, run_job: Any) -> None:
    server = serve(stream.site())
    run_job(server, job_of(server.url))
    stream.grow(5)
    stream.ids.insert(0, stream.ids.pop())  # note 1, in front of 15
    ended = run_job(server, job_of(server.url))
    assert sorted(ended.fields("id")) == list(range(1, 16))


def test_a_run_that_failed_moves_no_watermark(stream: Stream, serve: Any, run_job: Any) -> None:
    server = serve(stream.site())
    run_job(server, job_of(server.url))
    stream.grow(9)
    stream.broken = {3}
    assert run_job(server, job_of(server.url)).code == 4
    stream.broken, asked = set(), len(server.log)
    ended = run_job(server, job_of(server.url))
    assert sorted(ended.fields("id")) == list(range(1, 20))
    assert len(pages(server, asked)) == 4, "through what the failed run met, down to what was finished"


def test_a_limited_run_moves_no_watermark(stream: Stream, serve: Any, run_job: Any) -> None:
    server = serve(stream.site())
    run_job(server, job_of(server.url), limit=3)
    ended = run_job(server, job_of(server.url))
    assert (ended.code, ended.fields("id")) == (0, list(range(10, 0, -1)))


def test_a_bound_that_ends_the_list_before_what_is_known_is_told(
    stream: Stream, serve: Any, run_job: Any, caplog: Any
) -> None:
    server = serve(stream.site())
    run_job(server, job_of(server.url, max_pages=2))
    assert "max_pages" not in caplog.text
    stream.grow(9)
    run_job(server, job_of(server.url, max_pages=2))
    assert "max_pages ends this list before anything that is known" in caplog.text


def test_without_items_the_pages_that_are_followed_are_what_is_seen(site: Any, serve: Any, run_job: Any) -> None:
    last = [6]

    @site.route("/list")
    def listed(request: Any) -> str:
        page = request.query.number("p", 1)
        numbers = range(last[0] - 2 * page + 2, max(0, last[0] - 2 * page), -1)
        links = "".join(f'<a class="n" href="/n/{each}">{each}</a>' for each in numbers)
        return links + (f'<a rel="next" href="/list?p={page + 1}">more</a>' if numbers and numbers[-1] > 1 else "")

    site.route("/n/<number>")(lambda request, number: f"<h1>{number}</h1>")
    server = serve(site)
    rules = {
        "list": {"follow": {"note": "a.n"}, "next": {"select": "a[rel=next]", "until": "seen"}},
        "note": {"item": {"n": "h1"}, "key": "n"},
    }
    job = {"start": ["{{ base }}/list"], "rules": rules, "polite": {"robots": "ignore"}}
    first, asked = run_job(server, job).fields("n"), len(server.log)
    last[0] = 8
    second = run_job(server, job)
    assert sorted(first) == list("123456")
    assert sorted(pages(server, asked)) == ["/list", "/list?p=2", "/n/5", "/n/6", "/n/7", "/n/8"]
    assert (sorted(second.fields("n")), second.summary.items.gone) == (list("12345678"), 0)


Step = tuple[str, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(1, 7)),
        st.tuples(st.just("stop"), st.integers(1, 4)),
        st.tuples(st.just("fresh stop"), st.integers(1, 4)),
        st.tuples(st.just("fail"), st.sampled_from([0, 3, 6])),
        st.tuples(st.just("limit"), st.integers(1, 8)),
        st.tuples(st.just("run"), st.just(0)),
        st.tuples(st.just("fresh"), st.just(0)),
    ),
    max_size=9,
)


class Watcher(Events):
    """Stops the run behind so many pages, and lets the stream grow at each."""

    def __init__(self, control: Control, count: int) -> None:
        self._control, self._left = control, count

    def page_ended(self, url: str, ending: str, why: str) -> None:
        self._left -= 1
        if self._left == 0:
            self._control.stop(130)


def take(step: Step, stream: Stream, base: str, dest: Path) -> int:
    """One step; the exit code of the run that it was, or -1."""
    kind, number = step
    if kind == "grow":
        stream.grow(number)
        return -1
    stream.broken = {number} if kind == "fail" else set()
    control = Control()
    events = Watcher(control, number if "stop" in kind else 0)
    options = Options(dest=dest, fresh="fresh" in kind, limit=number if kind == "limit" else None)
    summary = run(from_data(job_of(base), file="job.yaml", folder=dest), options, events, control)
    stream.broken = set()
    return int(summary.exit_code)


@dataclass
class Told:
    """What the source held when the run began that is open now, or that ended last; `limit` is that run's."""

    held: set[int] = field(default_factory=set)
    limit: int | None = None
    is_open: bool = False

    def begin(self, step: Step, stream: Stream) -> None:
        limit = step[1] if step[0] == "limit" else None
        if not self.is_open or "fresh" in step[0] or limit != self.limit:
            self.held, self.limit = set(stream.ids), limit


def ids_in(folder: Path) -> list[int]:
    return [json.loads(line)["id"] for line in (folder / "records.jsonl").read_text("utf-8").splitlines()]


@given(STEPS)
@settings(max_examples=12, deadline=None)
def test_whatever_happens_a_run_that_ends_well_has_every_note_there_was_when_it_began(steps: list[Step]) -> None:
    stream, told = Stream(), Told()
    stream.grow(5)
    with Server(stream.site()) as server, TemporaryDirectory() as name:
        folder = Path(name)
        for step in [*steps, ("run", 0), ("run", 0)]:
            if step[0] != "grow":
                told.begin(step, stream)
            code = take(step, stream, server.url, folder)
            told.is_open = code == 130 or (code == -1 and told.is_open)
            if code == 0 and step[0] != "limit":
                ids = ids_in(folder)
                assert (told.held - set(ids), len(ids)) == (set(), len(set(ids)))
        assert set(ids_in(folder)) == set(stream.ids)
