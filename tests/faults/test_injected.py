"""Every fault of the catalogue, injected into replays of the sample jobs: the result is the undisturbed one, or what
failed is classified as `injected.JUDGED` says, and nothing else changed.

`make faults` runs all of it: each fault by SEEDS seeds. The jobs take turns; a seed chooses URL, parameters, how often
and transport. The figure stands in docs/trust.md. `make slow` runs two seeds of each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from sqlite3 import Row, connect
from typing import Any

import pytest

from scraper.job.load import load
from scraper.run.replay import replay
from scraper.samples import sample_jobs
from scraper.server.faults import FAULTS
from scraper.tape.warc import Tape
from tests.faults.injected import JUDGED, Judged

SEEDS = int(os.environ.get("SEEDS", "2"))
NAMES = sorted(JUDGED)
TIMES = (1, 2)


@dataclass(frozen=True)
class Result:
    """What a replay left: the ending of each page and file, digests, names, items."""

    exit_code: int
    pages: dict[str, str]
    files: dict[tuple[str, str], tuple[str, str | None, str | None]]
    items: dict[tuple[str, str], str]

    @property
    def endings(self) -> dict[str, str]:
        """By URL."""
        return {**self.pages, **{url: ending for (url, _), (ending, _, _) in self.files.items()}}


def test_the_table_has_every_fault_of_the_catalogue() -> None:
    assert set(JUDGED) == set(FAULTS)


def tape_of(job: Path) -> Path:
    return job.parent / "tapes" / f"{job.stem}.warc.gz"


def jobs() -> list[Path]:
    return [job for job in sample_jobs() if tape_of(job).exists()]


def replayed(job: Path, dest: Path, transport: str, faults: list[dict[str, Any]]) -> Result:
    loaded = load(job, overrides=[f"files.transport={transport}"])
    summary = replay(loaded, tape_of(job), dest=dest, faults=faults)
    return result_of(dest, summary.run, int(summary.exit_code))


def result_of(dest: Path, run: str, exit_code: int) -> Result:
    with closing(connect(dest / ".scraper" / "ledger.db")) as db:
        db.row_factory = Row
        pages = {row["url"]: row["ending"] for row in db.execute("SELECT * FROM v_pages WHERE run = ?", (run,))}
        files = {
            (row["url"], row["item_key"]): (row["ending"], row["path"], row["sha256"])
            for row in db.execute("SELECT * FROM v_files WHERE run = ?", (run,))
        }
        items = {(row["rule"], row["key"]): row["fields"] for row in db.execute("SELECT * FROM v_items")}
    return Result(exit_code, pages, files, items)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    @cache
    def result(job: Path) -> Result:
        return replayed(job, tmp_path_factory.mktemp(job.stem), "curl", [])

    return result


def asked(job: Path) -> list[tuple[str, str]]:
    """Method and URL of every request on the tape."""
    with Tape.open(tape_of(job)) as tape:
        return [(taken.asked.method, taken.asked.url) for taken in tape.takes]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("name", NAMES)
def test_a_fault_leaves_no_trace_or_is_told(name: str, seed: int, tmp_path: Path, undisturbed: Any) -> None:
    rng = Random(f"{name} {seed}")  # a text: the same numbers in every process
    job = jobs()[(seed + NAMES.index(name)) % len(jobs())]
    judged, usual = JUDGED[name], undisturbed(job)
    method, url = chosen(rng, job, judged, usual)
    times = 1 if judged.final else rng.choice(TIMES)
    entry = {"do": name, "times": times, **judged.parameters(rng)} | ({} if name == "refuse" else {"url": url})
    entries = [{"do": "cut", "url": url, "times": 1, "at": "50%"}, {**entry, "after": 1}] if judged.ranged else [entry]
    transport = rng.choice(["curl", "requests"])
    found = replayed(job, tmp_path / "out", transport, entries)
    told = f"{job.stem}, {transport}, {method} {entries}"
    if found == usual:
        return
    may = judged.final or judged.other or method not in ("GET", "HEAD")
    assert may, f"{told}: {list(differences(usual, found))[:3]}"
    judge(usual, found, url, judged, told)


def chosen(rng: Random, job: Path, judged: Judged, usual: Result) -> tuple[str, str]:
    """The request that is struck; what is final hits no login and no robots.txt, which would end all."""
    found = asked(job)
    if judged.final or judged.other:
        found = [one for one in found if one[1] in usual.endings and found.count(one) == 1]
    return rng.choice(found)


def judge(usual: Result, found: Result, url: str, judged: Judged, told: str) -> None:
    """Nothing but the struck URL, and what only it led to, may differ."""
    ending = found.endings.get(url, "")
    kind, _, detail = ending.partition(":")
    right = (kind == "failed" and detail in judged.classes) or (judged.other and kind in ("ok", "saved", "skipped"))
    assert right, f"{told}: ends {ending!r}"
    assert found.exit_code in ({4, 7} if kind == "failed" else {0, 4, 7}), told
    for page, was in found.pages.items():
        if page != url and page in usual.pages:
            assert was == usual.pages[page], f"{told}: {page} ends {was}"
    for key, file in found.files.items():
        if key[0] != url and key in usual.files:
            assert file[0] == usual.files[key][0], f"{told}: {key[0]} ends {file[0]}"
            assert file[2] == usual.files[key][2], f"{told}: {key[0]} has another content"


def differences(usual: Result, found: Result) -> Iterator[str]:
    if usual.exit_code != found.exit_code:
        yield f"exit code {found.exit_code} instead of {usual.exit_code}"
    for kind in ("pages", "files", "items"):
        was, now = getattr(usual, kind), getattr(found, kind)
        for key in was.keys() | now.keys():
            if was.get(key) != now.get(key):
                yield f"{key}: {now.get(key)} instead of {was.get(key)}"
