"""Killed at any page of a paginated API: the next run ends as if nothing had happened, and asks again for no more
than was in flight.

Chains, one for each kind of `next`, are read side by side. The quick form plays the death in process
(test_crash.Death), before and after each commit of one page thread, over three kinds; the slow one is `kill -9` of a
real process with all its threads, by the server itself, in the middle of an answer, over all six.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scraper.job.load import from_data
from scraper.run import runner
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.server import Response, Server, Site
from tests.run.test_crash import Dead, Death
from tests.run.test_kill import Told, Trigger

pytestmark = pytest.mark.slow

ROWS = 2  # a page
KILLS = 10

NEXT: dict[str, Any] = {
    "page": {"page": "page"},
    "offset": {"offset": "from", "step": ROWS},
    "cursor": {"cursor": "after", "param": "c"},
    "link": {"link": "next"},
    "url": {"url": "following.url"},
    "select": "following.url",
}
"""A kind, which is also the path of its chain, and its `next`."""


def api(pages: int, pull: Callable[[], None] = lambda: None) -> Site:
    """`/KIND`: so many pages of rows for each kind; what lies beyond them is empty."""
    site = Site()

    @site.route("/<kind>")
    def chain(request: Any, kind: str) -> Response:
        pull()
        at = number(kind, request.query)
        rows = [{"kind": kind, "n": ROWS * at + one} for one in range(ROWS)] if at < pages else []
        more = at + 1 < pages
        url = f"/{kind}?p={at + 1}" if more else None
        body = {"rows": rows, "after": f"c-{at + 1}" if more else None, "following": {"url": url}}
        link = {"Link": f'<{url}>; rel="next"'} if more else {}
        return Response(200, {"Content-Type": "application/json", **link}, json.dumps(body).encode())

    return site


def number(kind: str, query: Any) -> int:
    """The number of the page that is asked for, from 0."""
    ways: dict[str, Callable[[], int]] = {
        "page": lambda: query.number("page", 1) - 1,
        "offset": lambda: query.number("from", 0) // ROWS,
        "cursor": lambda: int(query.get("c", "c-0").removeprefix("c-")),
    }
    return ways.get(kind, lambda: query.number("p", 0))()


def job_of(base: str, kinds: Sequence[str] = tuple(NEXT)) -> dict[str, Any]:
    return {
        "name": "api",
        "vars": {"base": base},
        "http": {"retry": {"first_wait": 0}},
        "polite": {"per_host": 8, "robots": "ignore"},
        "start": [{"url": f"{{{{ base }}}}/{kind}", "rule": kind} for kind in kinds],
        "rules": {
            kind: {
                "read": "json",
                "each": "rows",
                "item": {"kind": "kind", "n": "n"},
                "key": ["kind", "n"],
                "next": NEXT[kind],
            }
            for kind in kinds
        },
    }


def requests_of(pages: int, kinds: Sequence[str] = tuple(NEXT)) -> int:
    """Counted chains ask for one page more, which is empty."""
    return pages * len(kinds) + sum(kind in kinds for kind in ("page", "offset"))


@dataclass(frozen=True)
class Result:
    """What is there in the end."""

    code: int
    records: list[Any]
    pages: list[tuple[str, str]]
    items: list[Any]
    complete: list[Any]


def result(ended: Any) -> Result:
    return Result(
        ended.code,
        ended.records,
        sorted((row["url"], row["ending"]) for row in ended.view("v_pages")),
        sorted((row["key"], row["rule"], row["fields"]) for row in ended.view("v_items")),
        [row["complete"] for row in ended.view("v_runs")],
    )


def items_of(pages: int, kinds: Sequence[str] = tuple(NEXT)) -> list[tuple[str, int]]:
    """Of all records, in record order."""
    return [(kind, at) for kind in kinds for at in range(ROWS * pages)]


# -- in process ----------------------------------------------------------------------------------------------

FEW = 2  # pages of each chain
QUICK = ("page", "cursor", "link")
DEALS = 2
"""Into so many tests, which several processes may share, the deaths are dealt."""


@pytest.fixture
def api_run(serve: Any, ran: Any, tmp_path: Path, monkeypatch: Any) -> Callable[..., tuple[Any, list[str]]]:
    """Runs the job in a folder of its own by name, with one page thread; gives the run and what it asked for."""
    monkeypatch.setattr(runner, "PAGE_THREADS", 1)
    server: Server = serve(api(FEW))
    loaded = from_data(job_of(server.url, QUICK), folder=tmp_path)

    def run_it(name: str, death: Death | None = None) -> tuple[Any, list[str]]:
        before, dest, summary = len(server.log), tmp_path / name, None
        with suppress(Dead), (death or Death()).awaited():
            summary = runner.run(loaded, Options(dest=dest), Events())
        ended = ran(summary, dest) if summary is not None else None
        return ended, [seen.target for seen in server.log[before:]]

    return run_it


@pytest.mark.parametrize("deal", range(DEALS))
def test_killed_at_any_page_no_item_is_lost_or_there_twice(api_run: Any, deal: int) -> None:
    life = Death()
    undisturbed, asked = api_run("undisturbed", life)
    expected = result(undisturbed)
    assert (undisturbed.fields("kind", "n"), len(asked)) == (items_of(FEW, QUICK), requests_of(FEW, QUICK))
    commits = [at for at, step in enumerate(life.trace, 1) if step in ("before commit", "after commit")]
    assert len(commits) > 2 * requests_of(FEW, QUICK)
    for at in commits[deal::DEALS]:
        _, first = api_run(f"killed-{at}", Death(at))
        ended, second = api_run(f"killed-{at}")
        assert result(ended) == expected, f"killed at step {at}"
        if len(ended.view("v_runs", whole=True)) == 1:  # the last commit of all closes the run
            again = Counter([*first, *second]) - Counter(asked)
            assert sum(again.values()) <= 1, f"killed at step {at}: asked again for {again}"
            assert set(asked) == {*first, *second}


# -- real processes ------------------------------------------------------------------------------------------

MANY = 40


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_ten_times_only_pages_in_flight_are_fetched_again(
    seed: int, serve: Any, ran: Any, tmp_path: Path
) -> None:
    trigger, chance = Trigger(), random.Random(seed)
    server = serve(api(MANY, lambda: trigger.pull("request")))
    job = tmp_path / "job.yaml"
    job.write_text(json.dumps(job_of(server.url)))

    def start(dest: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "scraper", "run", str(job), "-d", str(dest), "--json", "-q"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finished(dest: Path) -> Any:
        process = start(dest)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
        return ran(Told(json.loads(out)["run"], process.returncode), dest)

    undisturbed, asked = finished(tmp_path / "undisturbed"), Counter(seen.target for seen in server.log)
    server.log.clear()
    codes = []
    for _ in range(KILLS):
        times = chance.randint(1, requests_of(MANY) // KILLS)
        process = trigger.aim(lambda: start(tmp_path / "killed"), "request", times)
        process.communicate(timeout=60)
        codes.append(process.returncode)
    ended = finished(tmp_path / "killed")

    assert codes == [-9] * KILLS
    assert ended.fields("kind", "n") == items_of(MANY)
    assert result(ended) == result(undisturbed)
    again = Counter(seen.target for seen in server.log) - asked
    assert asked == Counter(dict.fromkeys(asked, 1))
    assert sum(again.values()) <= KILLS * len(NEXT), again  # each chain has one page in flight
