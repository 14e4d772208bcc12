"""HTTP: HEAD hop by hop, one byte of a range, the clock, robots.txt; all through the project's own Session.

    web = Web(settings, report, patience)
    web.walk(url); web.look_at_ranges(); web.look_at_robots(url)

What a hop is sent is put together a second time by an Outgoing for which each secret's value is its own mark as
people read it, so that names and texts come from the same code as the bytes, and no secret comes near the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from scraper import errors, secrets, urls
from scraper.files import resume as resuming
from scraper.net import robots, robotstxt
from scraper.net.courier import Courier, decoded, redirected
from scraper.net.head import length_of
from scraper.net.outgoing import OPEN_HEADERS, Outgoing, UnsendableError, Wire
from scraper.net.pace import Pace
from scraper.net.redirect import STATUSES
from scraper.net.redirect import Hop as Step
from scraper.probe import words
from scraper.probe.patience import Patience
from scraper.probe.report import Answer, Clock, Hop, Ranges, Report, Robots, Sent

if TYPE_CHECKING:
    from scraper.net.session import Reply
    from scraper.probe.settings import Settings

_ASKED_AGAIN = frozenset(range(400, 600)) - {401, 407, 429, 503}
"""What HEAD may be answered where GET is not: then a byte is asked for by GET, as a run would ask for all of them."""
FIRST_BYTE = {"Range": "bytes=0-0"}


class Web:
    """One URL, asked over HTTP.

    Attributes:
        asked: whether the last answer was to a GET that asked for one byte.
    """

    def __init__(self, settings: Settings, report: Report, patience: Patience) -> None:
        self._settings = settings
        self._report = report
        self._patience = patience
        self._words = settings.words
        self._courier = Courier(settings.outgoing, settings.known)
        self._session = self._courier.session  # loaded now, so that no request's time has it
        self._cookies: dict[str, None] = {}
        self._step: Step | None = None
        self._headers: dict[str, str] = {}
        self.asked = False
        settings.outgoing.on_cookies = self._note_cookies

    def _note_cookies(self, _: str, given: Sequence[str]) -> None:
        names = (each.partition(";")[0].partition("=")[0].strip() for each in given)
        self._cookies.update(dict.fromkeys(map(self._words, names)))

    # -- hops ------------------------------------------------------------------------------------------

    def walk(self, url: str) -> None:
        """Asks for the head of the URL and of whatever it redirects to."""
        step: Step | None = Step("HEAD", url)
        while step is not None:
            try:
                step = self._hop(step)
            except errors.RequestError as error:
                self._report.failures.append(words.of_request(error))
                return

    def _hop(self, step: Step) -> Step | None:
        """One hop; where it leads, or None: that was the last one."""
        try:
            reply = self._exchange(step, FIRST_BYTE if step.method == "GET" else {})
        except errors.ProtocolError:
            if step.method != "HEAD":
                raise
            return self._hop(replace(step, method="GET"))
        with_get = step.method == "HEAD" and reply.status in _ASKED_AGAIN
        self._step, self._headers, self.asked = step, dict(reply.headers), step.method == "GET"
        try:
            target = None if with_get else redirected(self._courier, step, reply)
        finally:
            reply.abort()
        if with_get:
            return self._hop(replace(step, method="GET"))
        if target is None:
            self._ended(reply)
        return target

    def _exchange(self, step: Step, added: dict[str, str]) -> Reply:
        """Asks, and notes it as a hop of the report."""
        wire = self._wire(step, added)
        shown = self._words(urls.without_userinfo(step.url))
        hop = Hop(step.method, shown, sent_at(self._settings.outgoing, self._settings.shown, wire))
        self._report.hops.append(hop)
        self._report.requests += 1
        began = self._patience.clock()
        if self._patience.is_over:
            told = f"the {self._patience.total:g} s of a probe were over"
            raise errors.TimeoutError(shown, told, sent=False)
        try:
            reply = self._session.exchange(wire)
        finally:
            seconds = self._patience.clock() - began
            self._report.hops[-1] = hop = replace(hop, seconds=seconds)
        location = reply.headers.get("location") if reply.status in STATUSES else None
        self._report.hops[-1] = replace(
            hop,
            status=reply.status,
            reason=self._words(reply.reason),
            location=None if location is None else self._words(location),
            address=reply.address,
        )
        self._look_at_clock(reply, seconds)
        return reply

    def _wire(self, step: Step, added: dict[str, str]) -> Wire:
        return Wire(
            step.method, step.url, added=dict(added), encodings="identity", deadline=self._patience.left,
            guarded=step.guarded,
        )  # fmt: skip

    def _ended(self, reply: Reply) -> None:
        report, headers = self._report, reply.headers
        etag = headers.get("etag")
        said = None if etag is None and "last-modified" not in headers else "weak"
        report.answer = Answer(
            status=reply.status,
            url=self._words(urls.without_userinfo(reply.url)),
            content_type=self._header("content-type"),
            content_length=self._whole_length(reply.status),
            content_encoding=self._header("content-encoding"),
            last_modified=self._header("last-modified"),
            etag=self._header("etag"),
            validator="strong" if resuming.validator_of(headers) is not None else said,
            accept_ranges=self._header("accept-ranges"),
            cache_control=self._header("cache-control"),
            retry_after=self._header("retry-after"),
            set_cookie=tuple(self._cookies),
        )
        if reply.status >= 400 and not (self.asked and reply.status == 416):
            report.failures.append(words.of_status(reply.status, self._words(reply.reason)))
            if report.hops[-1].sent.withheld and reply.status in (401, 403):
                report.notes.append("what stays home may be what it wants: http.origins names who may see it")

    def _header(self, name: str) -> str | None:
        value = self._headers.get(name)
        return None if value is None else self._words(value)

    def _whole_length(self, status: int) -> int | None:
        """Bytes of the whole, also where only its first one was asked for."""
        if status == 206:
            found = resuming.content_range(self._headers)
            return None if found is None else found[2]
        return length_of(self._headers["content-length"]) if "content-length" in self._headers else None

    # -- ranges ----------------------------------------------------------------------------------------

    def look_at_ranges(self) -> None:
        """Asks for one byte, under the condition that a run would set, and says what a run could do with it."""
        answer, step = self._report.answer, self._step
        assert answer is not None
        assert step is not None
        validator = resuming.validator_of(self._headers)
        if answer.content_length == 0:
            self._report.ranges = Ranges(None, None, False, "it is empty: there is nothing to continue")
            return
        part = resuming.Resume(0, validator or "", answer.content_length, end=1)
        status, headers = answer.status, self._headers
        if not self.asked:
            try:
                status, headers = self._got(replace(step, method="GET"), part.headers() if validator else FIRST_BYTE)
            except errors.RequestError as error:
                self._report.failures.append(words.of_request(error))
                return
        self._report.ranges = self._judged(part, status, headers)

    def _got(self, step: Step, added: dict[str, str]) -> tuple[int, dict[str, str]]:
        """What GET is answered to a range; where it is refused, it is asked without, as a run asks at first.

        Raises:
            RequestError: GET is not answered as HEAD was.
        """
        reply = self._exchange(step, added)
        reply.abort()
        if reply.status >= 400 and reply.status != 416:
            whole = self._exchange(step, {})
            whole.abort()
            if whole.status >= 400:
                raise errors.StatusError(whole.url, whole.status, whole.reason)
        return reply.status, dict(reply.headers)

    def _judged(self, part: resuming.Resume, status: int, headers: dict[str, str]) -> Ranges:
        served = status == 206
        if not part.validator:
            has_weak = self._report.answer is not None and self._report.answer.validator is not None
            what = "only a weak validator tells" if has_weak else "no validator tells"
            return Ranges(status, served, False, f"a part starts again: {what} whether it is still the same file")
        trouble = resuming.fits(part, status, headers)
        if trouble is not None:
            return Ranges(status, served, False, f"a part starts again: {self._words(trouble)}")
        kind = "ETag" if part.validator.startswith('"') else "Last-Modified"
        return Ranges(status, True, True, f"a part is continued, by If-Range on its {kind}")

    # -- clock and robots.txt --------------------------------------------------------------------------

    def _look_at_clock(self, reply: Reply, seconds: float) -> None:
        said = reply.headers.get("date")
        if said is None:
            return
        try:
            date = parsedate_to_datetime(said)
            ahead = date.timestamp() - (self._settings.now().timestamp() - seconds / 2)
        except (ValueError, TypeError, OverflowError):
            return
        self._report.clock = Clock(self._words(said), ahead)

    def look_at_robots(self, url: str) -> None:
        """What robots.txt would say to the URL as a link; asked for as a run asks for it (run/admission.py)."""
        agent = self._settings.agent
        if not self._settings.obey:
            why = "polite.robots is ignore: a run does not ask for it either"
            self._report.robots = Robots(False, agent, None, why)
            return
        if self._patience.is_over:
            self._report.robots = Robots(False, agent, None, "no time was left")
            return
        step = Step("GET", urls.join(urls.without_userinfo(url), "/robots.txt"))
        first = step.url
        try:
            while True:
                found = self._robots_hop(step)
                if isinstance(found, bytes):
                    self._report.robots = self._verdict(url, first, robots.text_of(found))
                    return
                if found.count > robots.REDIRECTS:
                    raise errors.RedirectError(first, f"more than {robots.REDIRECTS} redirects")
                step = found
        except errors.RequestError as error:
            status = error.status if isinstance(error, errors.StatusError) else None
            allowed = robots.allows(error)
            rest = "there are no rules then" if allowed else "then nothing of this host that pages link is fetched"
            why = f"{self._words(error.message)}: {rest}"
            self._report.robots = Robots(True, agent, allowed, why, self._words(first), status)

    def _robots_hop(self, step: Step) -> bytes | Step:
        self._report.requests += 1
        patience, http = self._patience, self._settings.outgoing.http
        pace = Pace(http.timeout, secrets.display(step.url), patience.clock, deadline=patience.left)
        wire = Wire("GET", step.url, deadline=pace.left, guarded=step.guarded)
        reply = self._session.exchange(wire)
        try:
            target = redirected(self._courier, step, reply)
            if target is not None:
                return target
            if not 200 <= reply.status < 300:
                raise errors.StatusError(reply.url, reply.status, reply.reason)
            body = bytearray()
            for piece in decoded(reply, pace, robots.LONGEST * 8):
                body += piece
                if len(body) > robots.LONGEST:
                    break
            return bytes(body[: robots.LONGEST])
        finally:
            reply.abort()

    def _verdict(self, url: str, first: str, text: str) -> Robots:
        agent = self._settings.agent
        rules = robotstxt.parse(text)
        canonical = urls.canonical(urls.without_userinfo(url))
        rule = rules.deciding(canonical, agent)
        group = f"the group of {agent}" if rules.names(agent) else "the group of *"
        why = f"no line of {group} speaks of it" if rules.groups else "it has no rules"
        line = None
        if rule is not None:
            line, why = rule.line, f"by line {rule.line}, in {group}"
        return Robots(
            True,
            agent,
            rule is None or rule.is_allow,
            why,
            self._words(first),
            200,
            line,
            None if line is None else self._words(robotstxt.line_of(text, line)),
            rules.crawl_delay(agent),
        )


def sent_at(live: Outgoing, shown: Outgoing, wire: Wire) -> Sent:
    """What a request carries, and what of the job it does not, by the rules of net/outgoing.py.

    Args:
        live: sends it, and has the jar. shown: the same with marks for values.
    """
    http, home = shown.http, shown.is_home(wire.url)
    secret = {
        name.lower(): secrets.display(str(value))
        for name, value in http.headers.items()
        if value is not None and secrets.names(str(value))
    }
    try:
        url = shown.url(wire)
        names = [name for name, value in shown.headers(wire).items() if value is not None]
        auth = shown.auth(wire, url)
        cookies = [*_cookie_names(shown.cookie_header(wire, url)), *_cookie_names(live.cookies.header_for(url))]
    except UnsendableError:  # the exchange itself tells it
        return Sent(())
    withheld = [] if home else _withheld(shown)
    return Sent(
        tuple(f"{name}: {secret[name.lower()]}" if name.lower() in secret else name for name in names),
        tuple(dict.fromkeys(cookies)),
        None if auth is None else auth.kind if auth.kind == "bearer" else f"{auth.kind} as {auth.user}",
        home and shown.cert is not None and url.startswith("https:"),
        tuple(withheld),
    )


def _withheld(shown: Outgoing) -> list[str]:
    """What the job sends to its own origins alone."""
    http = shown.http
    withheld = [name for name, value in http.headers.items() if value is not None and name.lower() not in OPEN_HEADERS]
    if not isinstance(http.cookies, str) and http.cookies:
        withheld.append(f"cookies {', '.join(http.cookies)}")
    if http.auth is not None:
        withheld.append("auth")
    if http.cert is not None:
        withheld.append("certificate")
    return withheld


def _cookie_names(header: str) -> list[str]:
    return [each.partition("=")[0].strip() for each in header.split(";") if each.strip()]
