"""Files that were refused and wait until their page is read again for a new URL (JOBS.md, Files).

A keyed file whose URL has expired (401, 403, 404, 410) does not fail at once. The first of a page puts the page to
the scheduler once more; whoever is refused meanwhile waits with it. When the page was read, a new URL for the same
key takes over, in one transaction, and the file is handed out again by the ledger, with the name and the part that it
had; for a file without one the failure stands. Nothing else of that reading is kept: items and links were.

What waits is open in the ledger all the time: a run that is cut off here asks for the old URL again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from scraper import errors, secrets
from scraper.model import Download
from scraper.run.control import Control
from scraper.run.files import FileWorker
from scraper.run.kit import Kit
from scraper.run.work import Work
from scraper.state.ledger import FileTask, PageTask

log = logging.getLogger("scraper")


def renew(kit: Kit, control: Control, page: PageTask, downloads: Sequence[Download], why: str) -> None:
    """What becomes of the files that waited for a page.

    Args:
        downloads: what was read on it; none, where it could not be read.
        why: what to say of a file without a new URL.
    """
    assert page.read is not None, "a page that is read again"
    files = FileWorker(kit, control)
    while waiting := kit.renewals.take(page.read):
        renewed, in_flight = kit.ledger.renew(downloads, {work.task.id for work, _ in waiting})
        kit.renewals.tell(in_flight)
        url = secrets.display(page.request.full_url)
        log.info("%s: read again: %d of %d files that were refused have a new URL", url, len(renewed), len(waiting))
        for work, error in waiting:
            if work.task.id in renewed:
                kit.window.discard(files.kind, work.home, (work.task.id,))
            else:
                _end(files, work, error, why)
        control.changed.set()


def _end(files: FileWorker, work: Work[FileTask], error: errors.RequestError, why: str) -> None:
    error.message = f"{error.message}; {why}"
    files.ended(work, error)
