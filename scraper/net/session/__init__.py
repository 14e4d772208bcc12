"""The Session: one exchange with one host, as the job's `http:` says. Owns requests.

    Session(settings).exchange(Wire(...)) -> Reply      raises a RequestError

Each hop of a redirect is an exchange of its own, so headers are put together anew for
each origin. Marks are replaced by their values here and nowhere else; what comes in
passes the other way: no forged mark, and a mark for each secret that is echoed.
"""

from scraper.net.session.faults import exchange_trouble
from scraper.net.session.reply import Reply
from scraper.net.session.session import OPEN_HEADERS, USER_AGENT, Session, Wire

__all__ = ["OPEN_HEADERS", "USER_AGENT", "Reply", "Session", "Wire", "exchange_trouble"]
