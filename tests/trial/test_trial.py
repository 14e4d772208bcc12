"""Eighteen ordinary jobs against imitations of their sources: all that is there, under its right name, and once.

The jobs are in `jobs/`, the imitations in `scraper/server/fixture/sources/`, and what must be found in `expected.py`,
told from the data of the imitations. Each imitation refuses who asks wrongly (tests/server/test_sources.py).
"""

from __future__ import annotations

import csv
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.trial.expected import EXPECTED

JOBS = sorted(path.stem for path in (Path(__file__).parent / "jobs").glob("*.yaml"))
AS_TABLE = {"rates"}  # whose records are CSV
ONLY_NEW = {"apod": 14}  # whose second run asks only for what is new: so many items


def digests(files: dict[str, bytes]) -> dict[str, str]:
    return {name: sha256(data).hexdigest() for name, data in files.items()}


def records(ended: Any, name: str) -> list[dict[str, Any]]:
    """What the records say, without the keys; of a table the numbers as numbers."""
    if name not in AS_TABLE:
        return [{key: value for key, value in record.items() if key != "_key"} for record in ended.records]
    with (ended.dest / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = [{key: value for key, value in row.items() if key != "_key"} for row in csv.DictReader(file)]
    return [{**row, "rate": float(row["rate"]), "_files": json.loads(row["_files"])} for row in rows]


def test_there_is_an_expectation_for_each_of_the_eighteen_jobs() -> None:
    assert (len(JOBS), sorted(EXPECTED)) == (18, JOBS)


@pytest.mark.parametrize("name", JOBS)
def test_a_job_finds_all_that_its_source_has_under_the_keys_that_it_gives(name: str, trial: Any) -> None:
    one = trial(name)
    ended = one.run()
    found = list(EXPECTED[name](one.server.url))
    assert (ended.code, ended.failures) == (0, [])
    assert records(ended, name) == [each.record() for each in found]
    files = {path: data for each in found for path, data in each.files.items()}
    assert digests(one.files(ended)) == digests(files)
    assert ended.summary.items.total == len(found)
    assert ended.summary.files.saved == len(files)
    keys = [row["key"] for row in ended.view("v_items")]
    given = [each.key for each in found if each.key is not None]
    assert len(set(keys)) == len(found)
    assert sorted(keys) == sorted(given or keys)


@pytest.mark.parametrize("name", JOBS)
def test_a_second_run_changes_nothing_and_fetches_no_file_again(name: str, trial: Any) -> None:
    one = trial(name)
    first = one.run()
    before = one.snapshot()
    second = one.run()
    assert (second.code, second.failures, second.summary.files.saved) == (0, [], 0)
    assert one.snapshot() == before
    assert {kind: getattr(second.summary.items, kind) for kind in ("new", "changed", "failed")} == {
        "new": 0, "changed": 0, "failed": 0,
    }  # fmt: skip
    assert second.summary.items.total == ONLY_NEW.get(name, first.summary.items.total)
    files = one.urls_of_files()
    assert [target for method, target in one.asked[1] if target.partition("?")[0] in files] == []
