"""Several processes at one host: its limits are kept by all of them together, as the server sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scraper.server import Site

WAIT = 60


@pytest.fixture(autouse=True)
def _own_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Runs that other tests of this process let die keep their seats at the session's table."""
    monkeypatch.setenv("SCRAPER_SHARE", str(tmp_path / "hosts"))


class Seen:
    """What a site saw: who asked when, and how many of whom were in flight after each change."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.lock = threading.Lock()
        self.flying: Counter[str] = Counter()
        self.moments: list[dict[str, int]] = []
        self.came: list[tuple[str, float]] = []
        self.both = threading.Event()
        self.held = threading.Event()
        self.full = threading.Event()

    def begin(self, who: str) -> bool:
        """Whether it is the first of this one."""
        with self.lock:
            is_first = all(name != who for name, _ in self.came)
            self.came.append((who, time.monotonic()))
            self.flying[who] += 1
            self.moments.append({name: count for name, count in self.flying.items() if count})
            if len({name for name, _ in self.came}) > 1:
                self.both.set()
            if self.flying["held"] == 4:
                self.full.set()
            return is_first

    def end(self, who: str) -> None:
        with self.lock:
            self.flying[who] -= 1

    @property
    def most(self) -> int:
        return max(sum(moment.values()) for moment in self.moments)

    @property
    def together(self) -> bool:
        """Whether two were in flight at the same time."""
        return any(len(moment) > 1 for moment in self.moments)


def site_of(seen: Seen) -> Site:
    """`/<who>/<n>`; the first of each waits until another process is there, and those of `held` for ever."""
    site = Site()

    @site.route("/<who>/<name>")
    def file(request: Any, who: str, name: str) -> bytes:
        is_first = seen.begin(who)
        if who == "held":
            seen.held.wait(WAIT)
        elif is_first and who == "a":
            seen.both.wait(WAIT)
        threading.Event().wait(seen.seconds)
        seen.end(who)
        return name.encode()

    return site


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """`start(server, who, files, per_host=, delay=)`: a process that fetches so many files."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(server: Any, who: str, files: int, **polite: Any) -> subprocess.Popen[bytes]:
        urls = tmp_path / f"{who}.txt"
        urls.write_text("".join(f"{server.url}/{who}/{at}\n" for at in range(files)))
        set_ = [f"-opolite.{key}={json.dumps(value)}" for key, value in polite.items()]
        argv = [
            sys.executable,
            "-m",
            "scraper",
            "get",
            "-i",
            str(urls),
            "-d",
            str(tmp_path / f"{who}-out"),
            "-q",
            *set_,
        ]
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


def test_two_jobs_at_once_never_exceed_the_hosts_slots(serve: Any, start: Any) -> None:
    seen = Seen(0.01)
    server = serve(site_of(seen))
    jobs = [start(server, who, 60, per_host=4) for who in "ab"]
    assert [job.wait(WAIT) for job in jobs] == [0, 0]
    assert (len(seen.came), seen.most, seen.together) == (120, 4, True)


@pytest.mark.slow
def test_the_smallest_limit_counts_among_those_in_flight(serve: Any, start: Any) -> None:
    limits = {"a": 8, "b": 5, "c": 2}
    seen = Seen(0.02)
    server = serve(site_of(seen))
    jobs = [start(server, who, 150, per_host=limit) for who, limit in limits.items()]
    assert [job.wait(WAIT) for job in jobs] == [0, 0, 0]
    assert len(seen.came) == 450
    assert [moment for moment in seen.moments if sum(moment.values()) > min(limits[who] for who in moment)] == []
    assert seen.together


@pytest.mark.slow
def test_one_slot_for_three_is_taken_by_turns(serve: Any, start: Any) -> None:
    seen = Seen(0.005)
    server = serve(site_of(seen))
    seen.both.set()
    jobs = [start(server, who, 150, per_host=1) for who in "abc"]
    assert [job.wait(WAIT) for job in jobs] == [0, 0, 0]
    assert (len(seen.came), seen.most) == (450, 1)
    turns = [who for at, (who, _) in enumerate(seen.came) if at == 0 or seen.came[at - 1][0] != who]
    assert len(turns) > 3, "nobody waited for the end of another"


@pytest.mark.slow
def test_a_delay_of_one_is_kept_by_both(serve: Any, start: Any) -> None:
    seen = Seen(0)
    seen.both.set()
    server = serve(site_of(seen))
    jobs = [start(server, "a", 25, per_host=4, delay=0.1), start(server, "b", 25, per_host=4, delay=0.1)]
    assert [job.wait(WAIT) for job in jobs] == [0, 0]
    times = sorted(when for _, when in seen.came)
    assert len(times) == 50
    assert times[-1] - times[0] >= 49 * 0.1 - 0.05, "as many delays as there are gaps"


@pytest.mark.slow
@pytest.mark.parametrize("files", [40, pytest.param(400, id="400, by a crew")])
def test_the_slots_of_a_killed_one_are_free_at_once(files: int, serve: Any, start: Any) -> None:
    seen = Seen(0.01)
    server = serve(site_of(seen))
    killed = start(server, "held", files, per_host=4)
    assert seen.full.wait(WAIT)
    other = start(server, "b", 40, per_host=4)
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(3)
    assert {who for who, _ in seen.came} == {"held"}, "it waits for a slot"
    killed.kill()
    killed.wait()
    assert other.wait(WAIT) == 0
    assert Counter(who for who, _ in seen.came) == {"held": 4, "b": 40}
    seen.held.set()
