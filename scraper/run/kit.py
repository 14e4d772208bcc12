"""What a run works with, put together once: settings settled, doors opened.

Past this point nobody reads a default, the environment or the job's text of `http:`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper import errors, secrets, units, urls
from scraper.download.engine import Engine
from scraper.files.parts import OutputFolder
from scraper.job.fields import Fields, is_template
from scraper.model import State
from scraper.net import proxylist
from scraper.net.courier import Courier, wall_clock
from scraper.net.hosts import LocalGate, Policy, Scheduler, gate_for, policy_for
from scraper.net.outgoing import USER_AGENT, Outgoing
from scraper.net.rate import Rate
from scraper.net.robots import Robots
from scraper.run import sheets, sources, transports
from scraper.run.control import Logins, Renewals, Tokens, Window
from scraper.run.errand import Errand
from scraper.run.events import Events
from scraper.state.bodies import Bodies
from scraper.state.ledger import Ledger
from scraper.state.runs import Run

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded
    from scraper.job.model import Job
    from scraper.job.parts import Http
    from scraper.run.replayed import Replay

log = logging.getLogger("scraper")
BEFORE = "@before"
"""Behind the name of a saved value: the one that stood there before. What still echoes it gets today's in its place."""


@dataclass(frozen=True)
class Options:
    """How a run is wanted.

    Attributes:
        dest: overrules the job's; state: where ledger and runs live, default `<dest>/.scraper`.
        limit: items, or files where there are no items.
        fresh: begin anew even where a run is open.
        dry: read pages, name files, write nothing.
        bare: whether it is a `get`: rows are files alone, without items and records.
        replay: where it is answered from, if it is answered from a tape.
        tape_to: the tape on which all exchanges are put down; tape_vars: the variables that were given, for its info.
        errand: what the run is for, where it is no ordinary one.
        wait: seconds to wait while another run holds the output folder.
    """

    dest: Path | None = None
    state: Path | None = None
    limit: int | None = None
    fresh: bool = False
    dry: bool = False
    bare: bool = False
    now: Callable[[], datetime] = wall_clock
    replay: Replay | None = None
    tape_to: Path | None = None
    tape_vars: Mapping[str, str] = field(default_factory=dict)
    errand: Errand | None = None
    wait: float = 0.0


@dataclass
class Kit:
    """Everything the workers share; `is_over` is asked by the main thread where it waits: whether the run is to end."""

    job: Job
    loaded: Loaded
    run: Run
    options: Options
    ledger: Ledger
    disk: OutputFolder
    courier: Courier
    engine: Engine
    scheduler: Scheduler[Any]
    robots: Robots
    bodies: Bodies
    events: Events
    names: Mapping[str, Any]
    state: State = field(default_factory=State)
    window: Window = field(default_factory=Window)
    logins: Logins = field(default_factory=Logins)
    tokens: Tokens = field(default_factory=Tokens)
    renewals: Renewals = field(default_factory=Renewals)
    is_over: Callable[[], bool] = lambda: False

    @property
    def folder(self) -> Path:
        """What relative paths of the job are relative to."""
        return self.loaded.folder

    def save(self, name: str, value: str) -> None:
        """Keeps a value of the login; templates see its mark as `saved.<name>`."""
        self.state.saved[name] = value
        marks = {each: secrets.mark("saved", each) for each in self.state.saved}
        self.names = {**self.names, "saved": Fields(marks, name="saved")}
        self.courier.learn(f"saved:{name}", value)

    @property
    def records_path(self) -> str:
        """The records file, below dest."""
        return self.job.records.path

    @property
    def own_names(self) -> tuple[str, ...]:
        """Our own files below dest, whose names no other file gets."""
        return own_names(self.job)

    @property
    def has_pages(self) -> bool:
        """Whether any page is read: by a rule, or because it lists rows."""
        entries = map(self.job.entry, range(len(self.job.start)))
        return bool(self.job.rules) or any(entry.source("sitemap", "feed") is not None for entry in entries)

    @property
    def met(self) -> int:
        """How many of what `--limit` counts the run has met: items, or files where the job has none."""
        return self.ledger.items_met() if self.has_items else self.ledger.files_met()

    @property
    def has_items(self) -> bool:
        """Whether any rule of the job gives items, or rows are items."""
        entries = map(self.job.entry, range(len(self.job.start)))
        rows = not self.options.bare and any(entry.as_ == "files" for entry in entries)
        return rows or any(rule.item for rule in self.job.rules.values())


def own_names(job: Job) -> tuple[str, ...]:
    """The records file, and the archive where there is one."""
    return (job.records.path,) if job.archive is None else (job.records.path, job.archive)


def settle(loaded: Loaded, replay: Replay | None = None) -> tuple[Job, dict[str, str]]:
    """The job with its settings rendered, and its secrets; in a replay nothing of this machine is read for them.

    Raises:
        JobError: a secret that is not set, a file or list that cannot be read, what this machine cannot do.
    """
    if replay is not None:
        from scraper.run import replayed

        loaded = replace(loaded, job=replayed.job_for(loaded.job, replay))
    wrong = list(_unreadable(loaded.job.http, loaded.folder))
    wrong += _wrong_cookies(loaded.job.http, loaded.folder)
    wrong += transports.mistakes(loaded.job)
    wrong += sheets.mistakes(loaded.job)
    if loaded.job.notify:
        from scraper.run import services

        wrong += services.mistakes(loaded.job)
    wrong += sources.mistakes(loaded.job, loaded.folder, loaded.variables)
    if wrong:
        raise errors.JobError(loaded.mistake(where, message) for where, message in wrong)
    if replay is not None:
        return loaded.job, replayed.known_secrets(loaded)
    if not loaded.has_secrets:
        return loaded.job, {}
    from scraper.job.load import settle_secrets, settled

    known = settle_secrets(loaded)
    if wrong := list(_wrong_proxies(loaded.job.http, known)):
        raise errors.JobError(loaded.mistake(where, message) for where, message in wrong)
    return settled(loaded), known


def _wrong_cookies(http: Http, folder: Path) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Cookies that cannot be had from a browser, or not be saved."""
    if http.save_cookies is not None and not (folder / http.save_cookies).parent.is_dir():
        yield ("http", "save_cookies"), f"{http.save_cookies}: its folder does not exist"
    if http.cookies_from_browser is not None:
        from scraper.net import cookiefile

        try:
            cookiefile.check_browser()
        except cookiefile.BrowserError as error:
            yield ("http", "cookies_from_browser"), str(error)


def fill_from_browser(loaded: Loaded, outgoing: Outgoing) -> None:
    """Puts the cookies of the browser that the job names into the jar, those of the job's own hosts.

    Raises:
        JobError: they cannot be read.
    """
    browser = outgoing.http.cookies_from_browser
    if browser is None:
        return
    from scraper.net import cookiefile

    try:
        outgoing.cookies.fill(cookiefile.of_browser(browser, outgoing.home_hosts))
    except cookiefile.BrowserError as error:
        raise errors.JobError([loaded.mistake(("http", "cookies_from_browser"), str(error))]) from error


def save_cookies(kit: Kit) -> None:
    """Writes the jar where the job says; what does not succeed is told, and the run is what it was."""
    name = kit.job.http.save_cookies
    if name is None or kit.options.dry or kit.options.tape_to is not None:
        return
    from scraper.net import cookiefile

    try:
        cookiefile.write_cookies_txt(kit.folder / name, kit.courier.outgoing.cookies)
    except OSError as error:
        log.error("http.save_cookies: %s cannot be written: %s", name, error.strerror)


def _wrong_proxies(http: Http, known: Mapping[str, str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The proxies whose URLs turn out to be none, now that the secrets in them are known."""
    for key, url in proxylist.urls_of(http.proxies).items():
        told = proxylist.mistake(secrets.reveal(url, known.__getitem__)) if secrets.names(url) else None
        if told is not None:
            yield ("http", "proxies", key), secrets.display(secrets.conceal(told, known))


def _unreadable(http: Http, folder: Path) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The files that `http:` names and that cannot be read."""
    cert = http.cert if isinstance(http.cert, tuple) else (http.cert,)
    named: dict[tuple[str | int, ...], Any] = {("http", "cookies"): http.cookies, ("http", "verify"): http.verify}
    named |= {("http", "cert", *([at] if len(cert) > 1 else [])): path for at, path in enumerate(cert)}
    for where, path in named.items():
        if not isinstance(path, str):
            continue
        try:
            if where[-1] == "cookies":
                if http.save_cookies and Path(path) == Path(http.save_cookies) and not (folder / path).exists():
                    continue  # the run makes it
                from scraper.net.cookies import read_cookies_txt

                read_cookies_txt(folder / path)
            elif not (folder / path).is_dir():
                (folder / path).open("rb").close()
        except OSError as error:
            yield where, f"{path} cannot be read: {error.strerror}"
        except ValueError as error:
            yield where, str(error)


def fingerprint(loaded: Loaded, limit: int | None, lists: Mapping[str, str], errand: Any = None) -> str:
    """By what an open run is recognised: start (a list by its content), rules, vars, limit (DESIGN 2), and errand."""
    start = [_by_content(entry, lists) if isinstance(entry, dict) else entry for entry in loaded.data["start"]]
    parts = [start, loaded.data.get("rules"), dict(loaded.variables), limit]
    parts += [] if errand is None else [errand]
    # Not sorted: the order of rules and fields says something too.
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


def _by_content(entry: dict[str, Any], lists: Mapping[str, str]) -> dict[str, Any]:
    return {key: lists[value] if key in ("list", "records") else value for key, value in entry.items()}


def home_origins(job: Job, names: Mapping[str, Any]) -> set[str]:
    """The origins of the URLs written in start, login and http.origins, not of rows."""
    texts = [getattr(step, step.verb) for step in job.login if step.form is None]
    entries = [job.entry(at) for at in range(len(job.start))]
    texts += [text for entry in entries for text in (entry.url, entry.source("sitemap", "feed")) if text is not None]
    found = {urls.origin(origin) for origin in job.http.origins}
    for text in texts:
        url = _rendered(origin_part(text), names) if is_template(text) else text
        if urls.is_http(url):
            found.add(urls.origin(url))
    return found


def _rendered(head: str, names: Mapping[str, Any]) -> str:
    """The beginning of a URL; "" where it depends on a row."""
    from scraper.job import template

    if any(name[0] in ("row", "row_index") for name in template.used_names(head)):
        return ""
    return str(template.render(head, names))


def origin_part(text: str) -> str:
    """As much of a URL's template as tells its origin: up to the first slash of its path outside of `{{ }}`.

    Where no `//` stands outside, as in `{{ base }}/x`, the origin is one of the values.
    """
    before = 2 if "//" in re.sub(r"\{\{.*?\}\}", "", text) else 0
    depth, slashes = 0, 0
    for at, char in enumerate(text):
        depth += text.startswith("{{", at) - text.startswith("}}", at)
        if depth == 0 and char == "/":
            slashes += 1
            if slashes > before:
                return text[: at + 1]
    return text


def outgoing_for(
    job: Job, folder: Path, names: Mapping[str, Any], state: State, known: dict[str, str], replay: Replay | None = None
) -> Outgoing:
    """What the requests of the run carry; `saved` marks are looked up in the login's state."""

    def lookup(name: str) -> str:
        kind, _, rest = name.partition(":")
        if kind != "saved":
            return known[name]
        value = state.saved[rest.removesuffix(BEFORE)]
        return secrets.stand_in(name) if replay is not None and replay.stand_ins else value

    outgoing = Outgoing(job.http, lookup, home_origins(job, names), folder)
    outgoing.detour = None if replay is None else replay.detour
    return outgoing


def rate_for(job: Job) -> Rate:
    """The byte rate of the run."""
    return Rate(None if job.polite.rate is None else units.rate(job.polite.rate))


def scheduler_for(job: Job, kinds: tuple[str, ...], replay: Replay | None = None) -> Scheduler[Any]:
    """Who may be asked when, as the job says, and other jobs at the same time; in a replay nobody waits."""

    def policy(host: str) -> Policy:
        return policy_for(host, job.polite)

    if replay is None:
        return Scheduler(gate_for(policy, LocalGate(policy), time.monotonic), kinds)
    from scraper.run import replayed

    gate = LocalGate(policy, patience=replayed.NO_PAUSE, holds=False)
    return Scheduler(gate, kinds, longest=replayed.LONGEST_WAIT)


def warn_of(job: Job) -> None:
    """Says once what a job does against custom."""
    if job.http.verify is False:
        log.warning("http.verify is false: certificates are not checked, anybody on the way can read and change all")
    if job.polite.robots == "ignore":
        log.warning("polite.robots is ignore: robots.txt is not asked")


def robots_for(job: Job) -> Robots:
    """robots.txt as the job says, by the User-Agent it sends."""
    headers = {name.lower(): value for name, value in job.http.headers.items()}
    agent = headers.get("user-agent") or USER_AGENT
    return Robots(str(agent), obey=job.polite.robots == "obey")
