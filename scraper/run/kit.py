"""What a run works with, put together once: settings settled, doors opened.

Past this point nobody reads a default, the environment or the job's text of `http:`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper import errors, secrets, units, urls
from scraper.download.engine import Engine
from scraper.files.parts import OutputFolder
from scraper.job.fields import Fields, is_template
from scraper.model import State
from scraper.net.courier import Courier, wall_clock
from scraper.net.hosts import LocalGate, Scheduler, policy_for
from scraper.net.outgoing import USER_AGENT, Outgoing
from scraper.net.rate import Rate
from scraper.net.robots import Robots
from scraper.run import sources, transports
from scraper.run.control import Logins, Renewals, Window
from scraper.run.events import Events
from scraper.run.unbuilt import unbuilt
from scraper.state.bodies import Bodies
from scraper.state.ledger import Ledger
from scraper.state.runs import Run

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded
    from scraper.job.model import Job
    from scraper.job.parts import Http

log = logging.getLogger("scraper")


@dataclass(frozen=True)
class Options:
    """How a run is wanted.

    Attributes:
        dest: overrules the job's; state: where ledger and runs live, default `<dest>/.scraper`.
        limit: items, or files where there are no items.
        fresh: begin anew even where a run is open.
        dry: read pages, name files, write nothing.
        bare: whether it is a `get`: rows are files alone, without items and records.
    """

    dest: Path | None = None
    state: Path | None = None
    limit: int | None = None
    fresh: bool = False
    dry: bool = False
    bare: bool = False
    now: Callable[[], datetime] = wall_clock


@dataclass
class Kit:
    """Everything the workers share."""

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
    renewals: Renewals = field(default_factory=Renewals)

    @property
    def folder(self) -> Path:
        """What relative paths of the job are relative to."""
        return self.loaded.folder

    def save(self, name: str, value: str) -> None:
        """Keeps a value of the login; templates see its mark as `saved.<name>`."""
        self.state.saved[name] = value
        marks = {each: secrets.mark("saved", each) for each in self.state.saved}
        self.names = {**self.names, "saved": Fields(marks, name="saved")}

    @property
    def records_path(self) -> str:
        """The records file, below dest."""
        return self.job.records.path

    @property
    def has_items(self) -> bool:
        """Whether any rule of the job gives items, or rows are items."""
        entries = map(self.job.entry, range(len(self.job.start)))
        rows = not self.options.bare and any(entry.as_ == "files" for entry in entries)
        return rows or any(rule.item for rule in self.job.rules.values())


def dest_of(loaded: Loaded, job: Job, options: Options) -> Path:
    """Where files go: the command line's, else the job's (relative to its file), else output/<name>."""
    if options.dest is not None:
        return options.dest
    return loaded.folder_of(("dest",)) / job.dest if job.dest is not None else Path("output") / job.name


def settle(loaded: Loaded) -> tuple[Job, dict[str, str]]:
    """The job with its settings rendered, and its secrets; refuses what is not built.

    Raises:
        JobError: a secret that is not set, a file or list that cannot be read, a key whose work is not built yet, or
            that this machine cannot do.
    """
    wrong = [(where, f"{name} is not built yet") for where, name in unbuilt(loaded.job)]
    wrong += _unreadable(loaded.job.http, loaded.folder)
    wrong += transports.mistakes(loaded.job)
    wrong += sources.mistakes(loaded.job, loaded.folder, loaded.variables)
    if wrong:
        raise errors.JobError(loaded.mistake(where, message) for where, message in wrong)
    if not loaded.has_secrets:
        return loaded.job, {}
    from scraper.job.load import settle_secrets, settled

    return settled(loaded), settle_secrets(loaded)


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
                from scraper.net.cookies import read_cookies_txt

                read_cookies_txt(folder / path)
            elif not (folder / path).is_dir():
                (folder / path).open("rb").close()
        except OSError as error:
            yield where, f"{path} cannot be read: {error.strerror}"
        except ValueError as error:
            yield where, str(error)


def fingerprint(loaded: Loaded, limit: int | None, lists: Mapping[str, str]) -> str:
    """By what an open run is recognised: start (a list by its content), rules, vars and limit (DESIGN 2)."""
    start = [
        {**entry, "list": lists[entry["list"]]} if isinstance(entry, dict) and "list" in entry else entry
        for entry in loaded.data["start"]
    ]
    parts = [start, loaded.data.get("rules"), dict(loaded.variables), limit]
    # Not sorted: the order of rules and fields says something too.
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


def home_origins(job: Job, names: Mapping[str, Any]) -> set[str]:
    """The origins of the URLs written in start, login and http.origins, not of rows."""
    texts = [getattr(step, step.verb) for step in job.login if step.form is None]
    texts += [entry.url or "" for entry in (job.entry(at) for at in range(len(job.start)))]
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
    """As much of a URL's template as tells its origin: up to the first slash of its path outside of `{{ }}`."""
    depth, slashes = 0, 0
    for at, char in enumerate(text):
        depth += text.startswith("{{", at) - text.startswith("}}", at)
        if depth == 0 and char == "/":
            slashes += 1
            if slashes == 3:
                return text[: at + 1]
    return text


def outgoing_for(job: Job, folder: Path, names: Mapping[str, Any], state: State, known: dict[str, str]) -> Outgoing:
    """What the requests of the run carry; `saved` marks are looked up in the login's state."""

    def lookup(name: str) -> str:
        kind, _, rest = name.partition(":")
        return state.saved[rest] if kind == "saved" else known[name]

    return Outgoing(job.http, lookup, home_origins(job, names), folder)


def rate_for(job: Job) -> Rate:
    """The byte rate of the run."""
    return Rate(None if job.polite.rate is None else units.rate(job.polite.rate))


def gate_for(job: Job) -> LocalGate:
    """Politeness as the job says."""
    return LocalGate(lambda host: policy_for(host, job.polite))


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
