"""What pyproject.toml asks for has a pin that fits, the extras too; and the wheel takes what the program reads."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
GROUPS = {
    "dependencies": PROJECT["project"]["dependencies"],
    **PROJECT["project"]["optional-dependencies"],
    "dev": PROJECT["dependency-groups"]["dev"],
}
PINS = {
    canonicalize_name(pin.name): next(iter(pin.specifier)).version
    for pin in map(Requirement, (ROOT / "constraints.txt").read_text("utf-8").splitlines())
}


@pytest.mark.parametrize("group", GROUPS)
def test_what_is_asked_for_has_a_pin_that_fits(group: str) -> None:
    asked = [Requirement(each) for each in GROUPS[group]]
    found = {each.name: PINS.get(canonicalize_name(each.name), "") for each in asked}
    assert [each.name for each in asked if not (found[each.name] and each.specifier.contains(found[each.name]))] == []


def test_every_extra_that_the_program_and_its_documents_name_is_one() -> None:
    places = [*(ROOT / "scraper").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    named = {name for path in places for name in re.findall(r"scraper-jobs\[(\w+)\]", path.read_text("utf-8"))}
    assert named == set(PROJECT["project"]["optional-dependencies"])


def test_every_sample_job_travels_in_the_wheel() -> None:
    taken = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert {f"jobs/{path.name}" for path in (ROOT / "jobs").glob("*.yaml")} | {"jobs/job.schema.json"} == set(taken)
