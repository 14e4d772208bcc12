"""What is told of a run when it has ended: records and summary stand, the ledger is still open, the folder is held.

A teller that fails says so in the log; the run is what it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from scraper.model import Summary
from scraper.run.kit import Kit

log = logging.getLogger("scraper")
Teller = Callable[[Kit, Path, Summary], None]
TELLERS: tuple[Teller, ...] = ()
"""In this order; each gets the kit, the folder of the ledger, and the summary."""


def tell(kit: Kit, state: Path, summary: Summary) -> None:
    """Has all of them tell; a dry run is told by nobody."""
    if kit.options.dry:
        return
    for teller in TELLERS:
        try:
            teller(kit, state, summary)
        except OSError as error:
            log.error("%s", error)
