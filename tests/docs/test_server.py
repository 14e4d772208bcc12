"""docs/server.md: its table of faults is the catalogue, its options are the command's, its Python runs."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from scraper.job.yaml import scalar
from scraper.server.faults import FAULTS, load_faults
from scraper.server.services import SERVICES

DOCUMENT = Path(__file__).parents[2] / "docs" / "server.md"
BEGIN, END = "<!-- faults: begin -->\n", "<!-- faults: end -->"


@pytest.fixture(scope="module")
def text() -> str:
    return DOCUMENT.read_text("utf-8")


def shown(value: Any) -> str:
    """A default as it is written in YAML, in quotes where it would not be the same without."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    return value if re.fullmatch(r"[\w%/-]+", value) and scalar(value) == value else json.dumps(value)


def row(name: str) -> str:
    """A fault's line: its name, what it takes, what it does."""
    maker = FAULTS[name]
    takes = [f"`{one.name}: {shown(one.default)}`" for one in inspect.signature(maker).parameters.values()]
    does = " ".join(inspect.cleandoc(maker.__doc__ or "").split())
    return f"| `{name}` | {' '.join(takes)} | {does} |"


def table() -> str:
    """All faults, in the order of the catalogue."""
    head = ["| `do` | parameters, and what they are if not given | what happens |", "|---|---|---|"]
    return "\n".join([*head, *map(row, FAULTS), ""])


def test_the_table_of_faults_is_the_catalogue(text: str) -> None:
    """To write it anew: put what this expects between the marks."""
    assert text.partition(BEGIN)[2].partition(END)[0] == table()


def test_the_faults_that_are_shown_can_be_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "faults.yaml").write_text(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0])
    assert [rule.fault.name for rule in load_faults(tmp_path / "faults.yaml").rules] == ["reset", "status", "stall"]


def test_the_python_that_is_shown_runs(text: str) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", text.partition("## Faults")[0], re.DOTALL)
    exec(compile(code, DOCUMENT.name, "exec"), {})


def test_every_option_of_the_command_is_told(text: str) -> None:
    from scraper.cli.serve import serve

    options = {name for parameter in serve.params for name in parameter.opts if name.startswith("--")}
    told = text.partition("| option |")[2].partition("\n\n")[0]
    assert options - {"--help"} == set(re.findall(r"--[a-z0-9-]+", "".join(re.findall(r"(?m)^\| (.*?) \|", told))))


def test_every_service_is_told(text: str) -> None:
    told = text.partition("| service |")[2].partition("\n\n")[0]
    assert re.findall(r"(?m)^\| `(\w+)`", told) == list(SERVICES)
