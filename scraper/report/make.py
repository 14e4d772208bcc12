"""The page of a run, made and put beside its summary.

    ledger, log.jsonl, output folder, job  ->  Told  ->  page  ->  a part, renamed

What the job was is known while it runs. When a page is rebuilt later its settings are taken from the page that stood
there, as text: the job file may have changed since.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from scraper.files.parts import OutputFolder
from scraper.files.refusals import refuse_special
from scraper.model import FileCounts, ItemCounts, PageCounts, Summary
from scraper.report import changes, facts, failures, logs, page, pictures, saved
from scraper.state import runs
from scraper.state.db import Database
from scraper.values import dataclass

NAME = runs.REPORT


@dataclass(frozen=True, slots=True)
class Wanted:
    """What page is wanted.

    Attributes:
        dest: the output folder; state: the folder of the ledger.
        goal: where the page goes.
        job: how the job is named on a command line.
        settings: as text (settings.py); None: as the page says that stands there.
        seconds: for thumbnails.
        is_timed: see page.Told.
    """

    dest: Path
    state: Path
    goal: Path
    job: str
    settings: str | None = None
    seconds: float = pictures.SECONDS
    is_timed: bool = True


def place(state: Path, run: str) -> Path:
    """Where the page of a run stands."""
    return state / "runs" / run / NAME


def make(
    db: Database, run: str, wanted: Wanted, summary: Summary | None = None, clock: Callable[[], float] = time.monotonic
) -> Path:
    """Writes the page of a run, over the one that stood there.

    Args:
        summary: as the run told it; None: as it is kept.
        clock: seconds, going on.

    Raises:
        UsageError: no such run is in the ledger.
        OSError: it cannot be written; what stood there stands.
    """
    found = facts.run_of(db, run)
    settings = _kept_settings(wanted.state, run) if wanted.settings is None else wanted.settings
    came = saved.saved(db, found)
    with closing(OutputFolder(wanted.dest, create=False)) as disk:
        sheet = pictures.sheet(disk, came.pictures, clock, wanted.seconds)
    told = page.Told(
        run=found,
        summary=summary or summary_of(db, wanted.state, found),
        facts=facts.facts(db, found),
        changes=changes.changes(db, found, came),
        groups=failures.groups(db, run),
        log=logs.read(wanted.state / "runs" / run / "log.jsonl"),
        sheet=sheet,
        settings=settings,
        job=wanted.job,
        to_dest=relative(wanted.goal, wanted.dest) + "/",
        is_timed=wanted.is_timed,
    )
    write(wanted.goal, page.page(told))
    return wanted.goal


def relative(page_: Path, goal: Path) -> str:
    """The URL of a file or folder from where a page lies, each part of it encoded."""
    way = os.path.relpath(goal.resolve(), page_.parent.resolve())
    return "/".join(quote(part, safe="", errors="surrogateescape") for part in way.split(os.sep))


def write(goal: Path, text: str) -> None:
    """Writes a page whole: as a part beside it, then renamed.

    Raises:
        OSError: it cannot be written; what stood there stands.
    """
    refuse_special(goal)
    # That of a run has one name, by which the next run finds what a kill left (run/opening.py).
    part = goal.with_name(f"{goal.name}.part" if goal.name == runs.REPORT else f"{goal.name}.{os.getpid()}.part")
    try:
        part.write_bytes(text.encode("utf-8", "backslashreplace"))
        part.replace(goal)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def summary_of(db: Database, state: Path, run: facts.Run) -> Summary:
    """The counts of a run as its summary.json keeps them; where that is not there, as the ledger has them now."""
    try:
        kept = json.loads((state / "runs" / run.id / "summary.json").read_bytes())
        return Summary(
            run.job, run.id, int(kept["exit_code"]), PageCounts(**kept["pages"]), ItemCounts(**kept["items"]),
            FileCounts(**kept["files"]), int(kept["bytes"]), float(kept["seconds"]), kept["failures"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return runs.summary(db, run.job, run.id)


_SETTINGS = re.compile(rf'<pre id="{page.SETTINGS}">(.*?)</pre>', re.DOTALL)
_TAG = re.compile(r"</?span>")


def _kept_settings(state: Path, run: str) -> str:
    """The settings that the page of a run says; "" where none stands there."""
    import html

    try:
        found = _SETTINGS.search(place(state, run).read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
    return html.unescape(_TAG.sub("", found[1])).rstrip("\n") if found else ""
