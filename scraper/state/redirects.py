"""Redirects of pages in the ledger: a page is read once a run, also where it is linked and reached by a redirect too.

A page asks, before it follows a redirect, what the run knows of the URL it leads to (`lead`):

    nothing               the page goes on, and stands for that URL from now on (an alias): who links it finds this page
    a page that is, or    what found the page that was redirected finds that one instead, which is read for it; the
    will be, read         page ends, and its identity is an alias of the other one
    a page that failed    the page goes on as if it were alone, for it may fare better

Either is one transaction, so that a run that is cut off finds a page's findings with it or with the other one. If a
page goes on and fails, what came with its aliases has its ending. A redirect back to the page itself says that those
between are no pages but a way to it, by a cookie: they are forgotten, and who went with them goes by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scraper import secrets
from scraper.model import Request
from scraper.state import codec
from scraper.state.db import Row
from scraper.state.pages import ELSEWHERE, LEFT_OUT, PAGE, READ, PageBook, PageTask, finding, led_to


class RedirectBook(PageBook):
    """Pages that lead to others."""

    def lead(
        self, task: PageTask, url: str, may_leave: Callable[[Request], bool], *, is_public: bool, attempts: int = 1,
        seconds: float = 0.0,
    ) -> str | None:  # fmt: skip
        """A page is redirected to `url`. Why it ended, where what is there is read for it; None: it goes on.

        Args:
            may_leave: whether a finding may take what stands there for the page that it asked for.
            is_public: whether the redirect came from a public address.
        """
        with self.db.transaction():
            page, reads = self.db.row(f"{PAGE} WHERE id = ?", task.id), self.open_reads(task.id)
            assert page is not None, "a page that was handed out"
            if page["state"] != 0 or not all(may_leave(request) for _, request in reads):
                return None
            identity = Request("GET", url).identity
            if identity == page["identity"]:
                self._forget_way(page, task)
                return None
            known = self._where(identity)
            if known is None:
                self._stand_for(page, task, identity)
                return None
            goal, url = known[0], known[1] or url
            if goal["id"] == page["id"] or (goal["state"] == 1 and goal["ending"] not in READ):
                return None
            for _, request in reads:
                led = replace(led_to(request, url), via_public=request.via_public or is_public)
                self._find_again(goal, finding(led))
            self.db.execute("UPDATE aliases SET page = ?, url = ? WHERE page = ?", goal["id"], url, page["id"])
            self.db.execute(_ALIAS, page["identity"], self.run, goal["id"], url)
            why = f"it leads to {secrets.display(url)}"
            self.end_page(
                task.id, ELSEWHERE, why=why, attempts=attempts, seconds=seconds, final=secrets.display(url)
            )  # fmt: skip
            return why

    def _where(self, identity: str) -> tuple[Row, str | None] | None:
        """The page as which this run reads what has this identity, and the URL that leads there from it, if one does.

        None: this run has not asked for it, nor will it.
        """
        alias = self._alias(identity)
        if alias is not None:
            page = self.db.row(f"{PAGE} WHERE id = ?", alias["page"])
            assert page is not None, "an alias is of a page"
            return page, alias["url"]
        page = self._page(identity)
        return None if page is None or page["ending"] == LEFT_OUT else (page, None)

    def _stand_for(self, page: Row, task: PageTask, identity: str) -> None:
        """From now on who finds this identity has found the page, which is still asked for as it was."""
        self.db.execute(_ALIAS, identity, self.run, page["id"], None)
        self.db.execute(
            "UPDATE pages SET asked = ? WHERE id = ? AND asked IS NULL", codec.dump_request(task.request), page["id"]
        )

    def _forget_way(self, page: Row, task: PageTask) -> None:
        """What led back to the page is no alias of it, and what came to it by that is found anew."""
        rows = self.db.rows(_BY_ALIAS, page["id"], ELSEWHERE)
        self.db.execute("DELETE FROM aliases WHERE page = ?", page["id"])
        for row in rows:
            self.db.execute(
                "UPDATE pages SET state = 0, ending = NULL, why = NULL, final = NULL WHERE id = ?", row["id"]
            )
            self.db.execute("UPDATE reads SET state = 0 WHERE page = ?", row["id"])
            self._more("page", row["host"])
        if rows:
            strange = [(read,) for read, request in self.open_reads(page["id"]) if request.identity != page["identity"]]
            self.db.many("DELETE FROM reads WHERE id = ?", strange)
            self._find_again(page, finding(task.request))


_ALIAS = "INSERT INTO aliases (identity, run, page, url) VALUES (?, ?, ?, ?)"
_BY_ALIAS = (
    "SELECT p.id, p.host FROM aliases a JOIN pages p ON p.run = a.run AND p.identity = a.identity"
    " WHERE a.page = ? AND p.ending = ?"
)
