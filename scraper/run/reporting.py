"""report.html of a run, made when it has ended. A page that cannot be made is told; the run is what it was."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path

from scraper.errors import Exit, ScraperError
from scraper.job.loaded import Loaded
from scraper.model import Summary
from scraper.report import make, settings
from scraper.report.pictures import SECONDS
from scraper.run.kit import Kit
from scraper.run.sources import dest_of

log = logging.getLogger("scraper")
_HURRIED = (Exit.SIGINT, Exit.SIGTERM)
"""Whoever stopped the run does not wait for thumbnails."""


def tell(kit: Kit, state: Path, summary: Summary) -> None:
    """Writes the page beside the summary. A bug in it is told with its traceback, and does not end the run as one."""
    try:
        make.make(kit.ledger.db, kit.run.id, _wanted(kit, state, summary), summary)
    except (ScraperError, OSError) as error:
        log.error("the report was not written: %s", error)
    except Exception:
        log.exception("the report was not written; this is a bug in scraper, please report it")


def _wanted(kit: Kit, state: Path, summary: Summary) -> make.Wanted:
    return make.Wanted(
        dest=kit.disk.root,
        state=state,
        goal=make.place(state, kit.run.id),
        job=name_of(kit.loaded, kit.disk.root),
        settings=settings.text(kit.loaded, kit.courier.known),
        seconds=0.0 if summary.exit_code in _HURRIED else SECONDS,
        is_timed=kit.options.replay is None,
    )


def name_of(loaded: Loaded, dest: Path) -> str:
    """How a job is named on a command line, with the folder where that is not its own; of no file by its folder."""
    if loaded.file.startswith("<") or loaded.file == "-":
        return folder_of(dest)
    own = dest_of(loaded, loaded.job).absolute() == dest.absolute()
    return shlex.quote(loaded.file) + ("" if own else f" {folder_of(dest)}")


def folder_of(dest: Path) -> str:
    """How a job is named whose file is not known."""
    return f"-d {shlex.quote(str(dest))}"
