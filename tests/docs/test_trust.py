"""The table of docs/trust.md is the one that the injections are judged by."""

from __future__ import annotations

import re
from pathlib import Path

from tests.faults.injected import JUDGED, Judged

TEXT = (Path(__file__).parents[2] / "docs" / "trust.md").read_text("utf-8")


def row(name: str, judged: Judged) -> str:
    kind = "another answer" if judged.other else "final" if judged.final else "tried again"
    return f"| `{name}` | {kind} | {' '.join(f'`{each}`' for each in sorted(judged.classes))} |"


def test_the_table_of_faults_is_the_one_that_injections_are_judged_by() -> None:
    rows = re.findall(r"^\| `\w+` \| .*$", TEXT, re.M)
    assert sorted(rows) == sorted(row(name, judged) for name, judged in JUDGED.items())
