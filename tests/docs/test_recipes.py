"""docs/recipes.md: its jobs load, and run where the fixture site can serve them; SQL and Python are real.

Its commands are run by test_commands.py.
"""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from scraper.cli.main import cli
from scraper.server import Server
from scraper.server.fixture import fixture_site

DOCUMENT = Path(__file__).parents[2] / "docs" / "recipes.md"
TEXT = DOCUMENT.read_text("utf-8")
_JOB = re.compile(r"```yaml\nname: (\S+)\n(.*?)```\n([^\n`]*)\n", re.DOTALL)
JOBS = {name: (f"name: {name}\n{body}", told) for name, body, told in _JOB.findall(TEXT)}
_COUNTS = re.compile(r"(\d+) records?(?:, (\d+) files?)?")
_SLOW = ("api", "members", "mirror", "nightly")
RUN = [
    pytest.param(name, marks=pytest.mark.slow) if name in _SLOW else name
    for name, (_, told) in JOBS.items()
    if told != "Validated."
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    for name, value in (("API_SECRET", "demo-secret"), ("MEMBERS_PASSWORD", "demo-password"), ("PROXY_PASSWORD", "x")):
        monkeypatch.setenv(name, value)
    for name, (job, _) in JOBS.items():
        (tmp_path / f"{name}.yaml").write_text(job, "utf-8")
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    with Server(fixture_site()) as server:
        rows = "".join(f"{server.url}/pictures/{number}.png,{100 * number}\n" for number in (1, 3, 4))
        (folder / "urls.csv").write_text(f"url,width\n{rows}")
        yield server


def test_there_are_ten_tasks() -> None:
    assert len(re.findall(r"(?m)^## ", TEXT)) == 10


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_valid_and_says_nothing_against_itself(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli(["validate", "-q", f"{name}.yaml"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", RUN)
def test_a_job_gives_what_the_document_says(name: str, folder: Path, server: Server) -> None:
    job, told = JOBS[name]
    variables = ["--var", f"base={server.url}"] if "base:" in job else []
    assert cli(["run", "-q", f"{name}.yaml", *variables]) == 0
    output, expected = folder / "output" / name, _COUNTS.match(told)
    assert expected is not None
    ledger = sqlite3.connect(output / ".scraper" / "ledger.db")
    (items,) = ledger.execute("SELECT count(*) FROM v_items WHERE NOT gone").fetchone()
    (files,) = ledger.execute("SELECT count(*) FROM v_files WHERE ending = 'saved'").fetchone()
    ledger.close()
    assert (items, files) == (int(expected[1]), int(expected[2] or 0))


def test_the_questions_in_sql_have_answers(folder: Path, server: Server) -> None:
    assert cli(["run", "-q", "tested.yaml", "--var", f"base={server.url}"]) == 0
    (text,) = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
    questions = [each.strip() for each in text.split(";") if each.strip()]
    ledger = sqlite3.connect("file:output/tested/.scraper/ledger.db?mode=ro", uri=True)
    answers = [ledger.execute(each).fetchall() for each in questions]
    ledger.close()
    assert [len(rows) for rows in answers[:4]] == [1, 0, 9, 8]


@pytest.mark.slow
def test_the_tape_of_the_recipe_meets_its_tests(folder: Path) -> None:
    with Server(fixture_site()) as server:
        assert cli(["record", "-q", "tested.yaml", "--var", f"base={server.url}"]) == 0
    assert cli(["test", "tested.yaml"]) == 0


def test_the_python_parses() -> None:
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        ast.parse(block)
