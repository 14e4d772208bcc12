"""The Session: one exchange with one host, as the job's `http:` says. Owns requests.

    Session(outgoing).exchange(Wire(...)) -> Reply      raises a RequestError

Each hop of a redirect is an exchange of its own, so headers are put together anew for
each origin (net/outgoing.py); what comes in has no forged mark, and a mark for each
secret that is echoed.
"""

from scraper.net.session.faults import exchange_trouble
from scraper.net.session.reply import Reply
from scraper.net.session.session import Session

__all__ = ["Reply", "Session", "exchange_trouble"]
