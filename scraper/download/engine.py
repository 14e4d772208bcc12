"""Download -> Outcome, an exchange at a time.

    Engine.landing(task, hop, over) -> Landing      an exchange for a transport

Each file's own way is in landing.py; what all share in ground.py.
"""

from __future__ import annotations

from scraper.download.ground import Ground
from scraper.download.landing import Landing, Over
from scraper.net.redirect import Hop
from scraper.state.ledger import FileTask


def first_hop(task: FileTask) -> Hop:
    """Where the fetching of a file begins."""
    return Hop("GET", task.download.url, body=False)


class Engine(Ground):
    """Fetches files of one run into its output folder. May be used from many threads."""

    def landing(self, task: FileTask, hop: Hop, over: Over) -> Landing:
        """An exchange for a file; `over(landing, result)` is called once, by some thread.

        The result is an Outcome, the Hop a redirect leads to, or what went wrong: a RequestError (nothing stands
        under the final name), a DiskError (the disk takes nothing more), or a bug.
        """
        return Landing(self, task, hop, over)
