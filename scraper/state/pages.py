"""Pages and their readings in the ledger.

A page is one row however many rules read it; each reading is a row of `reads`. Where
a page is found again by a nearer place (model.rank), that reading is done anew, so
that the result does not hang on which thread was faster.

A page may be known by further identities (`aliases`): what a redirect led it to, and pages that were left for it
since a redirect of theirs led to it (redirects.py). Who finds one of those has found the page. A page that has
aliases says in `asked` by which request it is asked for: that of a finding may be an alias.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from scraper import secrets, urls
from scraper.model import Request
from scraper.state import codec
from scraper.state.book import Book
from scraper.state.db import Row

_NEAREST = (
    "SELECT p.id, p.sent, coalesce(p.asked, r.request) AS request FROM pages p"
    " JOIN reads r ON r.id = (SELECT min(id) FROM reads WHERE page = p.id)"
    " WHERE p.run = ? AND p.host = ? AND p.state = 0 ORDER BY p.turn, p.rank LIMIT ?"
)
_IN_ORDER = _NEAREST.replace("p.turn, p.rank", "substr(p.rank, 3)")
"""By place alone: a rank without its length, which takes two bytes as long as a place has fewer than 256 numbers."""


_INSERT = (
    "INSERT INTO pages (id, run, identity, method, url, host, rule, rank, found_on, state, ending, why, turn)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
PAGE = "SELECT id, identity, url, state, ending, why FROM pages"
_KNOWN = (
    "SELECT p.identity, r.rule, r.rank, p.state = 0 OR p.ending IN ('ok', 'unchanged') FROM json_each(?) j"
    " CROSS JOIN pages p ON p.run = ? AND p.identity = j.value LEFT JOIN reads r ON r.page = p.id"
)
_ALIASES = "SELECT a.identity FROM json_each(?) j CROSS JOIN aliases a ON a.identity = j.value AND a.run = ?"

_WAS_READ = (
    "SELECT 1 FROM (SELECT run, ending FROM pages WHERE identity = ?1 AND ending IN ('ok', 'unchanged') UNION ALL"
    " SELECT p.run, p.ending FROM aliases a JOIN pages p ON p.id = a.page WHERE a.identity = ?1) p"
    " JOIN runs r ON r.run = p.run WHERE p.ending IN ('ok', 'unchanged') AND r.complete AND p.run <> ?2"
)

READ = ("ok", "unchanged")
"""The endings of pages that were read: as they came, or as they were kept and still are."""
ELSEWHERE = "skipped:duplicate"
"""The ending of a link whose page is read as another one."""
LEFT_OUT = "skipped:outside"
"""The ending of a link that this run has not asked for and may yet."""


@dataclass(frozen=True, slots=True)
class PageTask:
    """A page to be fetched.

    Attributes:
        was_sent: whether a killed run had sent it already.
        read: of a page that was read and is read again for new URLs of its files: the reading that gave them.
    """

    id: int
    request: Request
    was_sent: bool = False
    read: int | None = None


class Finding(NamedTuple):
    """A request, by what it is the same page as others, its rank, and the URL of the page that gave it."""

    request: Request
    identity: str
    rank: bytes
    found_on: str | None

    @property
    def rule(self) -> str:
        """The rule by which the page is to be read."""
        return self.request.rule or ""


def finding(request: Request, found_on: str | None = None) -> Finding:
    """A request as the ledger looks at it."""
    return Finding(request, request.identity, codec.encode_rank((*request.place, request.n)), found_on)


def _left(request: Request, found_on: str | None) -> Finding:
    """A link that is not asked for: it stands where it stands, and begins no chain of pages."""
    return Finding(request, request.identity, codec.encode_rank(request.place), found_on)


def _other_than(asked: str, final: str) -> str | None:
    """The URL from which a page came; None: that which was asked, maybe in another spelling."""
    is_same = not final or final == asked or urls.canonical(final) == urls.canonical(asked)
    return None if is_same else final


def led_to(request: Request, url: str) -> Request:
    """What a request that was redirected finds at `url`; the pages behind it (`next`) are still asked for as its."""
    return replace(request, url=url, params=None, first=request.first or request)


def _is_welcome_now(ending: str, why: str | None, request: Request) -> bool:
    """Whether what barred an earlier finding of a page does not bar this one."""
    return {
        "skipped:outside": True,
        "skipped:robots": not request.found or why == "nofollow",
        "skipped:private": not request.via_public,
    }.get(ending, False)


class PageBook(Book):
    """Pages."""

    # -- what is found ---------------------------------------------------------------------------------

    def add_requests(self, requests: Iterable[Request], found_on: str | None = None) -> None:
        """Queues requests; one that is there already keeps its nearest finding."""
        findings = [finding(request, found_on) for request in requests]
        if not findings:
            return
        with self.db.transaction():
            known, new = self._known(findings), list[Finding]()
            for each in findings:
                ranks = known.get(each.identity)
                if ranks is None:
                    known[each.identity] = {each.rule: each.rank}
                    new.append(each)
                elif each.rule not in ranks or each.rank < ranks[each.rule]:
                    self._insert_pages(new)
                    new.clear()
                    self._add(each)
            self._insert_pages(new)

    def _known(self, findings: Sequence[Finding]) -> dict[str, dict[str, bytes]]:
        """Of the pages that this run has: by identity, how near each rule has found those that are, or will be, read.

        Nothing stands there of a page that ended otherwise, or is known by another identity.
        """
        wanted, known = codec.dump([each.identity for each in findings]), dict[str, dict[str, bytes]]()
        for identity, rule, rank, is_read in self.db.tuples(_KNOWN, wanted, self.run):
            ranks = known.setdefault(identity, {})
            if is_read and rule is not None:
                ranks[rule] = rank
        for (identity,) in self.db.tuples(_ALIASES, wanted, self.run):
            known[identity] = {}
        return known

    def _add(self, found: Finding) -> None:
        """One finding, of whatever the run knows already."""
        alias = self._alias(found.identity)
        page = self._page(found.identity)
        if alias is not None:
            self._add_alias(alias, page, found)
        elif page is None:
            self._insert_pages([found])
        else:
            self._find_again(page, found)

    def _add_alias(self, alias: Row, page: Row | None, found: Finding) -> None:
        """A finding of what is read as another page. Its own row, where somebody links it, says just that."""
        other = self.db.row(f"{PAGE} WHERE id = ?", alias["page"])
        assert other is not None, "an alias is of a page"
        if other["state"] == 1 and _is_welcome_now(other["ending"], other["why"], found.request):
            self.db.execute("DELETE FROM aliases WHERE identity = ? AND run = ?", found.identity, self.run)
            self._insert_pages([found]) if page is None else self._reopen_skipped(page["id"], found)
            return
        if page is None:
            ids = self._insert_rows([found], ELSEWHERE, f"it is read as {other['url']}, which leads to it")
            self._insert_reads(zip(ids, [found], strict=True), 1)
        elif page["ending"] == LEFT_OUT:
            self.db.execute("UPDATE pages SET ending = ?, why = NULL WHERE id = ?", ELSEWHERE, page["id"])
            self._insert_reads([(page["id"], found)], 1)
        else:
            self._find_again(page, found)
        led = found if alias["url"] is None else found._replace(request=led_to(found.request, alias["url"]))
        self._find_again(other, led)

    def _find_again(self, page: Row, found: Finding) -> None:
        """A finding of a page that the run has."""
        request, rank = found.request, found.rank
        if page["state"] == 1 and _is_welcome_now(page["ending"], page["why"], request):
            self._reopen_skipped(page["id"], found)
            return
        state = 0 if page["state"] == 0 else 3 if page["ending"] in READ else 1
        self._has_again = self._has_again or state == 3
        read = self.db.row("SELECT id, rank FROM reads WHERE page = ? AND rule = ?", page["id"], found.rule)
        if read is None:
            self._insert_reads([(page["id"], found)], state)
        elif rank < read["rank"]:
            self.db.execute(
                "UPDATE reads SET request = ?, rank = ?, state = ? WHERE id = ?",
                codec.dump_request(request), rank, state, read["id"],
            )  # fmt: skip

    def _reopen_skipped(self, page_id: int, found: Finding) -> None:
        """A page that one finding left out, and another may have."""
        self.db.execute("DELETE FROM reads WHERE page = ?", page_id)
        self.db.execute(
            "UPDATE pages SET state = 0, ending = NULL, why = NULL, final = NULL, asked = NULL, rule = ?, rank = ?,"
            " found_on = ? WHERE id = ?",
            found.request.rule, found.rank, found.found_on, page_id,
        )  # fmt: skip
        self._insert_reads([(page_id, found)], 0)
        self._more("page", urls.host_key(found.request.url))

    def _insert_pages(self, new: Sequence[Finding]) -> None:
        """Pages that the run has not."""
        if new:
            self._insert_reads(zip(self._insert_rows(new), new, strict=True), 0)
            self._more_of("page", Counter(urls.host_key(each.request.url) for each in new))

    def _insert_rows(self, new: Sequence[Finding], ending: str | None = None, why: str | None = None) -> range:
        """Their rows, and the ids of these; with an ending, of links that are not asked for."""
        first = 1 + int(self.db.value("SELECT coalesce(max(id), 0) FROM pages"))
        ids, state = range(first, first + len(new)), 0 if ending is None else 1
        self.db.many(
            _INSERT,
            [
                (
                    page_id, self.run, identity, request.method, secrets.display(request.full_url),
                    urls.host_key(request.url), request.rule, rank, found_on, state, ending, why, -request.priority,
                )
                for page_id, (request, identity, rank, found_on) in zip(ids, new, strict=True)
            ],
        )  # fmt: skip
        return ids

    def _insert_reads(self, found: Iterable[tuple[int, Finding]], state: int) -> None:
        self.db.many(
            "INSERT INTO reads (page, rule, request, rank, state) VALUES (?, ?, ?, ?, ?)",
            [(page_id, each.rule, codec.dump_request(each.request), each.rank, state) for page_id, each in found],
        )

    def add_ended(self, request: Request, ending: str, why: str, found_on: str | None = None) -> None:
        """A page that is not even queued: a link that is not followed, a login step that failed."""
        with self.db.transaction():
            if self._page(request.identity) is None:
                self._insert_rows([_left(request, found_on)], ending, why)

    def add_skipped(self, skipped: Iterable[tuple[Request, str]], found_on: str | None = None) -> None:
        """As `add_ended` for many links that are not followed, each with what Reading.skipped says of it."""
        first: dict[str, tuple[Finding, str]] = {}
        for request, why in skipped:
            left = _left(request, found_on)
            first.setdefault(left.identity, (left, why))
        if not first:
            return
        with self.db.transaction():
            sql = "SELECT identity FROM pages WHERE run = ? AND identity IN (SELECT value FROM json_each(?))"
            known = {identity for (identity,) in self.db.tuples(sql, self.run, codec.dump(list(first)))}
            for why in dict.fromkeys(why for _, why in first.values()):
                ending, _, more = why.partition(":")
                new = [left for identity, (left, said) in first.items() if said == why and identity not in known]
                self._insert_rows(new, f"skipped:{ending}", more)

    def _page(self, identity: str) -> Row | None:
        return self.db.row(f"{PAGE} WHERE run = ? AND identity = ?", self.run, identity)

    def _alias(self, identity: str) -> Row | None:
        """As what other page this run reads it; `url`: where that was led to, None: it leads there itself."""
        return self.db.row("SELECT page, url FROM aliases WHERE identity = ? AND run = ?", identity, self.run)

    # -- what is fetched -------------------------------------------------------------------------------

    def next_pages(self, host: str, limit: int, skip: set[int], *, in_order: bool = False) -> list[PageTask]:
        """Open pages of a host, nearest first (`in_order`: in record order), without those in `skip`."""
        rows = self.db.rows(_IN_ORDER if in_order else _NEAREST, self.run, host, limit + len(skip))
        tasks = (PageTask(row["id"], codec.load_request(row["request"]), bool(row["sent"])) for row in rows)
        return [task for task in tasks if task.id not in skip][:limit]

    def mark_sent(self, page_id: int) -> None:
        """A request that must not be repeated lightly is about to go out."""
        self.db.execute("UPDATE pages SET sent = 1 WHERE id = ?", page_id)

    def open_reads(self, page_id: int) -> list[tuple[int, Request]]:
        """The readings of a page that are still to be done."""
        rows = self.db.rows("SELECT id, request FROM reads WHERE page = ? AND state IN (0, 3) ORDER BY rank", page_id)
        return [(row["id"], codec.load_request(row["request"])) for row in rows]

    def end_page(
        self, page_id: int, ending: str, *, why: str = "", status: int | None = None, attempts: int = 1,
        seconds: float = 0.0, digest: str | None = None, asked: Request | None = None, final: str = "",
    ) -> None:  # fmt: skip
        """How a page ended.

        Args:
            final: from which URL it came, as people see it; kept where that is another one than was asked.
            asked: the request of the PageTask, where that was skipped: what barred it may not bar another finding.
        """
        with self.db.transaction():
            barred = asked is not None and not _is_welcome_now(ending, why, asked)
            others = self.open_reads(page_id) if barred else []
            row = self.db.row("SELECT host, state, url FROM pages WHERE id = ?", page_id)
            assert row is not None, "a page that was handed out"
            self.db.execute(
                "UPDATE pages SET state = 1, ending = ?, why = ?, status = ?, attempts = ?, seconds = ?, digest = ?,"
                " final = ?, ended = ? WHERE id = ?",
                ending, why or None, status, attempts, round(seconds, 3), digest, _other_than(row["url"], final),
                round(self._now().timestamp() * 1000), page_id,
            )  # fmt: skip
            left = "state = 3 WHERE state = 0 AND" if ending in READ else "state = 1 WHERE"
            found = self.db.execute(f"UPDATE reads SET {left} page = ?", page_id)  # noqa: S608 - one of two texts
            self._has_again = self._has_again or (ending in READ and found.rowcount > 0)
            if row["state"] == 0:
                self._less("page", row["host"])
            for _, request in others:
                if _is_welcome_now(ending, why, request):
                    self._add(finding(request))

    def is_known(self, request: Request) -> bool:
        """Whether this run has the page already, whatever became of it."""
        identity = request.identity
        return self._page(identity) is not None or self._alias(identity) is not None

    def pages_of(self, rule: str) -> int:
        """How many pages this run reads, or is to read, by a rule; with those of the runs that it mends."""
        sql = (
            "SELECT count(DISTINCT identity) FROM pages WHERE run IN (SELECT value FROM json_each(?)) AND rule = ?"
            " AND coalesce(ending, '') NOT GLOB 'skipped:*'"
        )
        return int(self.db.value(sql, codec.dump([self.run, *self.beside]), rule))

    def was_read(self, request: Request) -> bool:
        """Whether a complete run before this one read the page."""
        return self.db.value(_WAS_READ, request.identity, self.run) is not None

    def asked(self, page_id: int) -> Request | None:
        """By what a page is asked for that its findings may call otherwise; None: by any of them."""
        asked = self.db.value("SELECT asked FROM pages WHERE id = ?", page_id)
        return None if asked is None else codec.load_request(asked)

    def claim_reread(self) -> tuple[int, str] | None:
        """A page that ended and has a reading still to be done, and its URL; each is claimed once at a time."""
        if not self._has_again:
            return None
        with self.db.transaction():
            rows = self.db.rows(
                "SELECT DISTINCT p.id, p.url FROM reads r JOIN pages p ON p.id = r.page"
                " WHERE r.state = 3 AND p.run = ? LIMIT ?",
                self.run, len(self._claimed) + 1,
            )  # fmt: skip
            for row in rows:
                if row["id"] not in self._claimed:
                    self._claimed.add(row["id"])
                    return row["id"], row["url"]
            self._has_again = bool(rows)
            return None

    def release_reread(self, page_id: int) -> None:
        """The claimed readings are done."""
        with self.db.transaction():
            self._claimed.discard(page_id)

    def reopen_page(self, page_id: int) -> None:
        """A page whose body is gone and must be read again is fetched again."""
        with self.db.transaction():
            host = self.db.value("SELECT host FROM pages WHERE id = ? AND state = 1", page_id)
            if host is not None:
                self.db.execute("UPDATE pages SET state = 0, ending = NULL WHERE id = ?", page_id)
                self.db.execute("UPDATE reads SET state = 0 WHERE page = ? AND state = 3", page_id)
                self._more("page", host)

    def rows_done(self, entry: int) -> tuple[int, bool]:
        """How many rows of a start entry are queued, and whether that is all."""
        row = self.db.row("SELECT position, whole FROM rows_done WHERE run = ? AND entry = ?", self.run, entry)
        return (0, False) if row is None else (row["position"], bool(row["whole"]))

    def note_rows(self, entry: int, position: int, *, whole: bool) -> None:
        """So many rows of a start entry are queued; part of the transaction that queues them."""
        self.db.execute("INSERT OR REPLACE INTO rows_done VALUES (?, ?, ?, ?)", self.run, entry, position, whole)
