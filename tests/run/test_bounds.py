"""`limits:` of a job: the run ends with 5 and stays open, and the same command brings the rest."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scraper.errors import Exit
from scraper.job.after import Limits
from scraper.model import Outcome
from scraper.run import limits as bounds
from scraper.run.control import Control
from scraper.run.runner import Runner
from scraper.server import Response, Site

FILES = 60
SIZE = 1000


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def made(control: Control, clock: Clock, free: Any = lambda folder: 10**12, **limits: Any) -> bounds.Bounds:
    return bounds.Bounds(Limits(**limits), control, Path("out"), lambda: 0, clock=clock, began=clock.now, free=free)


def files_site(site: Site) -> dict[str, Any]:
    site.route("/f/<name>")(lambda request, name: Response(200, {"Content-Type": "image/png"}, name.encode() * SIZE))
    links = "".join(f'<a href="/f/{at:03}.png">x</a>' for at in range(FILES))
    site.route("/")(lambda request: links)
    return {"start": ["{{ base }}/"], "rules": {"r": {"files": "a"}}}


def job_with(job: dict[str, Any], **limits: Any) -> dict[str, Any]:
    return {**job, "limits": limits}


def messages(ended: Any) -> list[str]:
    return [line["message"] for line in ended.log if line.get("level", "").lower() == "error"]


def test_a_deadline_is_reached_when_its_time_is_over() -> None:
    control, clock = Control(), Clock()
    limit = made(control, clock, deadline="1m")
    clock.now += 59
    limit.look({})
    assert (control.limit, control.stopping) == (None, False)
    clock.now += 1
    limit.look({})
    assert (str(control.limit).startswith("limits.deadline: "), control.stopping) == (True, True)


def test_the_disk_is_asked_a_few_times_a_second() -> None:
    asked: list[Path] = []
    control, clock = Control(), Clock()
    free = iter([5000, 900])

    def ask(folder: Path) -> int:
        asked.append(folder)
        return next(free)

    limit = made(control, clock, ask, min_free="1k")
    for _ in range(10):
        limit.look({})
    assert (len(asked), control.limit) == (1, None)
    clock.now += 1
    limit.look({})
    assert str(control.limit).startswith("limits.min_free: 900 B are free on the disk of out")


def test_a_quota_counts_what_is_on_its_way_as_far_as_it_came_in_this_process() -> None:
    control, clock = Control(), Clock()
    limit = made(control, clock, quota=1000)
    fresh = SimpleNamespace(task=SimpleNamespace(noted=None), received=300)
    resumed = SimpleNamespace(task=SimpleNamespace(noted="a part"), received=5000)
    limit.ended(Outcome("saved", bytes=500))
    limit.look({1: fresh, 2: resumed})
    assert control.limit is None
    resumed.received += 200
    limit.look({1: fresh, 2: resumed})
    assert control.limit == "limits.quota: 1000 B have come"


@pytest.mark.parametrize(("size", "is_reached"), [(None, False), (4000, False), (4001 + 76, True)])
def test_a_file_for_whose_rest_there_is_no_room_is_known_by_its_size(size: int | None, is_reached: bool) -> None:
    control = Control()
    limit = made(control, Clock(), lambda folder: 5000, min_free="1k")
    other = SimpleNamespace(size=3000, received=0)
    limit.look({1: SimpleNamespace(size=size, received=100), 2: other})
    assert (control.limit is not None) is is_reached
    if is_reached:
        assert "3.9 kB of a file are yet to come, 1.0 kB are to be" in str(control.limit)


def test_a_large_file_that_leaves_too_little_room_stays_open_and_comes_when_there_is_some(
    site: Site, serve: Any, run_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, body = threading.Event(), b"x" * (6 << 20)

    def pieces() -> Iterator[bytes]:
        yield body[: 2 << 20]
        go.wait(30)
        yield body[2 << 20 :]

    site.route("/big.bin")(
        lambda request: Response(200, {"Content-Length": str(len(body)), "ETag": '"a"'}, stream=pieces())
    )
    site.route("/")(lambda request: '<a href="/big.bin">x</a>')
    job, server = {"start": ["{{ base }}/"], "rules": {"r": {"files": "a"}}}, serve(site)
    monkeypatch.setattr(bounds.shutil, "disk_usage", lambda folder: SimpleNamespace(free=5 << 20))
    ended = run_job(server, job_with(job, min_free="2M"))
    go.set()
    assert (ended.code, "big.bin" in ended.files) == (5, False)
    assert "of a file are yet to come" in messages(ended)[0]
    assert run_job(server, job).files["big.bin"] == body


def test_a_login_that_waits_is_ended_by_the_deadline_and_the_run_stays_open(
    site: Site, serve: Any, run_job: Any
) -> None:
    answers = [Response(503, {"Retry-After": "3600"})]
    site.route("/login")(lambda request: answers.pop() if answers else "<p>in</p>")
    job = {**files_site(site), "login": [{"get": "{{ base }}/login"}]}
    server = serve(site)
    ended = run_job(server, job_with(job, deadline="300s"), control=(late := Late()))
    assert (ended.code, late.asked, ended.files) == (5, True, {})
    assert messages(ended)[0].startswith("limits.deadline: 5")
    assert run_job(server, job).summary.run == ended.summary.run


class Late(Control):
    """Five minutes are over as soon as the login waits."""

    asked = False

    def is_over(self) -> bool:
        if self.bounds is not None and self.asked:
            self.bounds._clock = lambda: self.bounds._began + 300  # type: ignore[attr-defined]
        self.asked = True
        return super().is_over()


def test_failures_count_pages_and_files() -> None:
    control = Control()
    limit = made(control, Clock(), failures=2)
    limit.ended(Outcome("failed:type"))
    limit.ended(Outcome("saved"))
    limit.page_ended("ok")
    assert control.limit is None
    limit.page_ended("failed:http:404")
    assert control.limit == "limits.failures: 2 pages, items and files failed"


def test_a_run_stops_at_its_quota_and_goes_on_with_the_same_command(site: Site, serve: Any, run_job: Any) -> None:
    job, server = job_with(files_site(site), quota="150k"), serve(site)
    first = run_job(server, job)
    assert first.code == 5
    assert 20 <= first.summary.files.saved < FILES
    assert any("limits.quota" in message and "stays open" in message for message in messages(first))
    codes = [run_job(server, job).code for _ in range(3)]
    last = run_job(server, job)
    assert codes[-1] == last.code == 0
    assert len(last.files) == FILES
    asked = [seen.target for seen in server.log if seen.target.startswith("/f/")]
    assert len(asked) == len(set(asked)) == FILES, "nothing was fetched twice"


def test_a_quota_that_the_last_file_reaches_leaves_nothing_open(site: Site, serve: Any, run_job: Any) -> None:
    site.route("/")(lambda request: '<a href="/f.png">x</a>')
    site.route("/f.png")(lambda request: Response(200, {"Content-Type": "image/png"}, b"\x89PNG\r\n\x1a\n" * 10))
    job = {"start": ["{{ base }}/"], "rules": {"r": {"files": "a"}}, "limits": {"quota": 50}}
    ended = run_job(serve(site), job)
    assert (ended.code, ended.view("v_runs")[0]["complete"]) == (0, 1)


def test_a_run_stops_after_so_many_failures(site: Site, serve: Any, run_job: Any) -> None:
    site.route("/p/<name>")(lambda request, name: Response(404))
    site.route("/")(lambda request: "".join(f'<a href="/p/{at}">x</a>' for at in range(24)))
    job = {
        "start": ["{{ base }}/"], "rules": {"i": {"follow": {"p": "a"}}, "p": {"item": {"t": "h1"}}},
        "limits": {"failures": 5},
    }  # fmt: skip
    server = serve(site)
    first = run_job(server, job)
    assert (first.code, 5 <= first.summary.pages.failed < 24) == (5, True)
    ended = [run_job(server, job) for _ in range(5)][-1]
    assert (ended.code, ended.summary.pages.failed) == (4, 24)


def test_items_that_fail_count_too(site: Site, serve: Any, run_job: Any) -> None:
    @site.route("/<page>")
    def page(request: Any, page: str) -> str:
        return (
            f'<li><b></b></li><a class=next href="/{int(page) + 1}">n</a>' if int(page) < 300 else "<li><b>x</b></li>"
        )

    rule = {"each": "li", "item": {"t": {"css": "b", "required": True}}, "next": {"css": "a.next", "root": True}}
    job = {"start": ["{{ base }}/1"], "rules": {"r": rule}, "limits": {"failures": 2}}
    ended = run_job(serve(site), job)
    assert (ended.code, ended.summary.items.failed < 299) == (5, True)


@pytest.mark.parametrize("limits", [{"deadline": 1e-9}, {"min_free": "900000G"}])
def test_a_limit_that_is_reached_at_the_start_lets_nothing_begin(
    limits: dict[str, Any], site: Site, serve: Any, run_job: Any, asked: Any
) -> None:
    job, server = files_site(site), serve(site)
    ended = run_job(server, job_with(job, **limits))
    assert (ended.code, ended.files) == (5, {})
    assert messages(ended)[0].startswith(f"limits.{next(iter(limits))}: ")
    assert run_job(server, job_with(job)).code == 0, "the run was open"
    assert len(asked(server)) == FILES + 1


@pytest.mark.parametrize(("stop", "code"), [(Exit.FAILURES, 5), (Exit.SIGINT, 130)])
def test_a_limit_outweighs_a_login_that_failed_and_a_signal_a_limit(
    stop: int, code: int, site: Site, serve: Any, run_job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def turn(self: Any, seeded: bool) -> None:
        self._control.stop(stop)
        self._control.reach("limits.quota: reached")

    monkeypatch.setattr(Runner, "_turn", turn)
    assert run_job(serve(site), files_site(site)).code == code


def test_a_dry_run_has_no_limits(site: Site, serve: Any, run_job: Any) -> None:
    job = job_with(files_site(site), deadline=1e-9)
    assert run_job(serve(site), job, dry=True).code == 0
