"""What servers and networks do wrong, on purpose: a layer over any site, for tests.

    from scraper.server.faults import Faults, Rule, cut, read_faults

    site.lay(read_faults([{"url": "*/3.jpg", "do": "reset", "at": "50%", "times": 1}]))
    site.route("/a")(cut(at=100).over(b"..."))

`fault` says what a fault is; `bodies`, `framing`, `coded`, `heads`, `ranges` and `replies` hold one small function
for each; `catalogue` has them by name; `layer` chooses by rules which request is struck; `entries` reads rules.
"""

from scraper.server.faults.catalogue import FAULTS
from scraper.server.faults.entries import Wrong, judge, load_faults, make, meant_by, read_faults
from scraper.server.faults.fault import Fault
from scraper.server.faults.layer import Faults, Rule, Strike
from scraper.server.faults.ranges import changed
from scraper.server.faults.replies import digest_field

__all__ = [
    "FAULTS",
    "Fault",
    "Faults",
    "Rule",
    "Strike",
    "Wrong",
    "changed",
    "digest_field",
    "judge",
    "load_faults",
    "make",
    "meant_by",
    "read_faults",
]
