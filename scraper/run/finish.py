"""The end of a run as its commands hear of it: `on_finish` always, `on_failure` where the exit code is not 0.

They are called when records and summary stand, one after the other, those of `on_failure` last. A run that a bug
ended has no summary on the disk; what the ledger says of it is told to `on_failure` (and notify) all the same, for
nobody else would.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from scraper import secrets
from scraper.job.fields import Fields
from scraper.model import Summary
from scraper.run import hooks
from scraper.run.kit import Kit


def call(kit: Kit, summary: Summary, folder: Path, is_stopped: Callable[[], bool], *, is_whole: bool = True) -> None:
    """Runs the commands whose `when` holds.

    Args:
        folder: of the run, where its summary is.
        is_stopped: whether the run was stopped since it ended: then its commands are ended too.
        is_whole: whether it came to its end; False: a bug ended it, and only `on_failure` hears of it.
    """
    told = secrets.display_all(summary.as_dict())
    names = {**kit.names, "summary": Fields(told, name="summary")}
    path = folder.absolute() / "summary.json" if is_whole else None
    said = hooks.environment(kit, exit_code=int(summary.exit_code), summary=path, **_flat(told))
    keys = (("on_finish",) if is_whole else ()) + (("on_failure",) if summary.exit_code else ())
    for key in keys:
        for each in hooks.calls(kit, key, names, said):
            if is_stopped():
                return
            hooks.perform(kit, each, is_stopped)


def _flat(summary: dict[str, Any]) -> dict[str, Any]:
    """The counts of a summary, each under a name of its own: `files_saved`."""
    flat = {f"{kind}_{name}": count for kind in ("pages", "items", "files") for name, count in summary[kind].items()}
    return {**flat, "bytes": summary["bytes"], "seconds": summary["seconds"]}
