"""What a run came to: whether that is what its job expects, its records and its summary.

misses -> exit code        only of a run that is closed: a part of one says nothing
write                      records, then summary.json
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from scraper import secrets
from scraper.files.refusals import refusal_told
from scraper.model import Summary
from scraper.records import expect
from scraper.run import sheets
from scraper.run.kit import Kit
from scraper.state import met

log = logging.getLogger("scraper")

# -- expect ------------------------------------------------------------------------------------------------


def misses(kit: Kit, state: Path, summary: Summary) -> list[str]:
    """What of `expect` a closed run has not met.

    Args:
        state: the folder of the ledger.
        summary: of the run.
    """
    return list(expect.misses(kit.job, _facts(kit, state, summary)))


def _facts(kit: Kit, state: Path, summary: Summary) -> expect.Facts:
    db, run = kit.ledger.db, kit.run.id
    files = met.files_by_ending(db, run)
    stand = sum(files.get(ending, 0) for ending in met.STANDS)
    pages, items = summary.pages, summary.items
    failed = pages.failed + items.failed + summary.files.failed
    return expect.Facts(
        items=items.total,
        files=stand,
        failed=failed,
        tried=failed + pages.ok + pages.unchanged + items.total + stand,
        filled=met.filled(db, run, _wanted(kit)) if kit.job.expect.filled else {},
        before=_items_before(kit, state),
        items_of=met.items_by_rule(db, run),
        pages_of=met.pages_by_rule(db, run),
        is_fileless=not files,
    )


def _wanted(kit: Kit) -> dict[str, set[str]]:
    """By field that `expect.filled` names, the rules whose items may have it."""
    rules, rows = kit.job.rules, sheets.rows_as_items(kit.job)
    return {field: {name for name in rules if field in rules[name].item} | rows for field in kit.job.expect.filled}


def _items_before(kit: Kit, state: Path) -> int | None:
    """How many items the last complete run met, by its summary; None where there is none, or it is gone."""
    run = met.last_complete(kit.ledger.db, kit.job.name, kit.run.id)
    if kit.job.expect.drop is None or run is None:
        return None
    path = state / "runs" / run / "summary.json"
    try:
        return int(json.loads(path.read_text("utf-8"))["items"]["total"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("expect.drop has nothing to compare with: %s cannot be read (%s)", path, error)
        return None


# -- files -------------------------------------------------------------------------------------------------


def write(kit: Kit, state: Path, summary: Summary) -> None:
    """Writes the records, where the job has items, and the summary.

    Raises:
        DiskError: the disk refuses; what stood there stands.
    """
    if kit.has_items:
        form, table = sheets.FORMS[Path(kit.records_path).suffix], sheets.items(kit.ledger, kit.job)
        kit.disk.write_whole(kit.records_path, sheets.pieces(form, table, state / "records.part"))
    text = secrets.display(json.dumps(summary.as_dict(), ensure_ascii=False, indent=1))
    part = state / "runs" / kit.run.id / "summary.json.part"
    with refusal_told(part):
        part.write_text(text + "\n", "utf-8")
        part.replace(part.with_suffix(""))
