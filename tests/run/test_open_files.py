"""How many files may be open, and so how many downloads may be in flight (getrlimit(2))."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.run.open_files import AMPLE, EACH, RESERVE, Plan, planned
from scraper.server import Site

ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("jobs", "soft", "hard", "plan"),
    [
        (16, 1024, 1_048_576, Plan(AMPLE, 16)),
        (16, 1024, 4096, Plan(4096, 16)),
        (16, 1024, 1024, Plan(1024, 16)),
        (1000, 1024, 4096, Plan(4096, 1000)),
        (1000, 256, 3256, Plan(3256, 1000)),
        (1000, 256, 3255, Plan(3255, 999)),
        (1000, 1024, 1024, Plan(1024, 256)),
        (100_000, 1024, ENDLESS, Plan(300_256, 100_000)),
        (16, 65_536, 1_048_576, Plan(65_536, 16)),
        (1000, ENDLESS, ENDLESS, Plan(ENDLESS, 1000)),
        (16, 64, 64, Plan(64, 1)),
    ],
)
def test_what_is_planned(jobs: int, soft: int, hard: int, plan: Plan) -> None:
    assert planned(jobs, soft, hard) == plan


@given(st.integers(1, 100_000), st.integers(0, 1 << 20), st.integers(0, 1 << 20))
def test_a_plan_keeps_to_the_hard_limit_and_lowers_nothing(jobs: int, soft: int, more: int) -> None:
    plan = planned(jobs, soft, soft + more)
    assert soft <= plan.limit <= soft + more
    assert 1 <= plan.jobs <= jobs
    assert plan.jobs == jobs or plan.jobs == 1 or plan.jobs * EACH + RESERVE <= plan.limit


WITHIN = """\
import resource, sys
soft, hard = map(int, sys.argv[1:3])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
from scraper.cli.main import cli
sys.exit(cli(sys.argv[3:]))
"""


@pytest.fixture
def get_within(tmp_path: Path) -> Callable[..., Any]:
    """`get_within(soft, hard, jobs, urls, transport)`: what a `get` of a process with such limits answered."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1024:
        pytest.skip("the tests themselves have too few open files here")

    def get(soft: int, hard: int, jobs: int, urls: list[str], transport: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "urls.txt").write_text("\n".join(urls))
        options = ["-j", str(jobs), "-o", f"files.transport={transport}", "-o", "http.retry.attempts=1", "--json"]
        command = [sys.executable, "-c", WITHIN, str(soft), str(hard), "get", "-i", "urls.txt", *options]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    return get


class Together:
    """A site that answers nobody before so many ask at the same time. `most` is how many did."""

    def __init__(self, count: int) -> None:
        self.site = Site()
        self.most = 0
        self._now = 0
        self._count = count
        self._changed = threading.Condition()
        self.site.route("/<name>")(self._answer)

    def _answer(self, request: Any, name: str) -> bytes:
        with self._changed:
            self._now += 1
            self.most = max(self.most, self._now)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most >= self._count, timeout=30)
            self._now -= 1
        return name.encode()


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["curl", "requests"])
def test_many_downloads_at_once_raise_the_limit(transport: str, get_within: Any, serve: Any) -> None:
    """More connections than the soft limit would let there be."""
    together = Together(100)
    server = serve(together.site)
    told = get_within(64, 556, 100, [f"{server.url}/{at}" for at in range(100)], transport)
    assert (told.returncode, json.loads(told.stdout)["files"]["saved"]) == (0, 100), told.stderr
    assert (together.most, "ulimit" in told.stderr) == (100, False)


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["curl", "requests"])
def test_where_the_hard_limit_is_too_low_there_are_fewer(transport: str, get_within: Any, serve: Any) -> None:
    together = Together(20)
    server = serve(together.site)
    told = get_within(64, 316, 60, [f"{server.url}/{at}" for at in range(60)], transport)
    assert (told.returncode, json.loads(told.stdout)["files"]["saved"]) == (0, 60), told.stderr
    assert together.most == 20
    warned = "files.jobs is 60, but a process may have no more than 316 files open here (ulimit -n): 20 at once"
    assert told.stderr.count(warned) == 1
