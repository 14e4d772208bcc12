"""The figures that published cases reach, told at the end of a run of `make conformance`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FOLDER = os.environ.get("CONFORMANCE")


@pytest.fixture
def published() -> Callable[[str], list[Any]]:
    """The cases of a file in the folder that CONFORMANCE names; without one the test is skipped."""
    if not FOLDER:
        pytest.skip("CONFORMANCE does not name the folder of the published cases")

    def cases(name: str) -> list[Any]:
        loaded: list[Any] = json.loads(Path(FOLDER, name).read_text(encoding="utf-8"))
        return loaded

    return cases


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Notes what is to be told: `figure("robots.json: 69 of 72")`."""

    def note(text: str) -> None:
        record_property("figure", text)

    return note


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Also of tests elsewhere that record a `figure`."""
    reports = [report for found in terminalreporter.stats.values() for report in found if hasattr(report, "when")]
    figures = [
        str(value)
        for report in reports
        for name, value in report.user_properties
        if report.when == "call" and name == "figure"
    ]
    if figures:
        terminalreporter.section("published cases")
    for line in sorted(set(figures)):
        terminalreporter.write_line(line)
