"""Download -> Outcome, an exchange at a time.

    Engine.landing(task, hop, flight) -> Landing      an exchange for a transport

Each file's own way is in landing.py, and in split.py where several exchanges bring it; what all share in ground.py.
"""

from __future__ import annotations

from scraper.download.flight import Flight
from scraper.download.ground import Ground
from scraper.download.landing import Landing
from scraper.net.redirect import Hop
from scraper.state.ledger import FileTask


def first_hop(task: FileTask) -> Hop:
    """Where the fetching of a file begins."""
    return Hop("GET", task.download.url, body=False)


class Engine(Ground):
    """Fetches files of one run into its output folder. May be used from many threads."""

    def landing(self, task: FileTask, hop: Hop, flight: Flight) -> Landing:
        """An exchange for a file; `flight.over(landing, result)` is called once, by some thread."""
        return Landing(self, task, hop, flight)
