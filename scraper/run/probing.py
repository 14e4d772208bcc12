"""What a probe takes of a job: what its requests carry, its patience, and by which name robots.txt is read.

settings, patience = settings_of(load(job), url, is_job=True)
settings, patience = settings_of(bare(url, overrides), url, is_job=False)       of nothing but a URL
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scraper import secrets, urls
from scraper.job.fields import base_names
from scraper.model import State
from scraper.net.courier import wall_clock
from scraper.net.outgoing import Outgoing
from scraper.probe import Settings
from scraper.probe.patience import Patience
from scraper.run import kit

if TYPE_CHECKING:
    from scraper.job.layers import Layers
    from scraper.job.loaded import Loaded

BARE = {"connect": 5, "read": 10}
"""Seconds of a probe without a job: a person waits for it."""
_NOWHERE = "http://probe.invalid/"
"""A job has to start somewhere; RFC 2606 section 2 keeps this name for nobody."""


def bare(url: str, overrides: Sequence[str] = (), layers: Layers | None = None) -> Loaded:
    """A job that is no file, within the layers of this machine: the URL's own origin may see what `-o` adds.

    Raises:
        JobError: an override is wrong.
    """
    from scraper.job.load import from_data

    origins = [urls.origin(urls.fixed(url))] if urls.is_http(urls.fixed(url)) else []
    start = [{"url": _NOWHERE, "as": "files"}]
    data = {"name": "probe", "start": start, "http": {"origins": origins, "timeout": BARE}}
    return from_data(data, overrides=overrides, layers=layers)


def settings_of(loaded: Loaded, url: str, *, is_job: bool) -> tuple[Settings, Patience]:
    """The settings of a job as a probe of this URL has them.

    Raises:
        JobError: a secret that is not set, a file that cannot be read.
    """
    job, known = kit.settle(loaded)
    names = base_names(variables=loaded.variables, date=wall_clock())
    live = kit.outgoing_for(job, loaded.folder, names, State(), known)
    kit.fill_from_browser(loaded, live)
    shown = Outgoing(job.http, secrets.stand_in, kit.home_origins(job, names), loaded.folder)
    robots = kit.robots_for(job)
    settings = Settings(
        live, shown, known, robots.agent, robots.obeyed_by is not None, wall_clock,
        loaded.file if is_job else None, tuple(_notes(loaded, live, url)) if is_job else (),
    )  # fmt: skip
    return settings, Patience(job.http.timeout.connect, job.http.timeout.read)


def _notes(loaded: Loaded, live: Outgoing, url: str) -> list[str]:
    notes = []
    if loaded.job.login:
        notes.append("its login is not performed: what stands behind it is asked as a stranger")
    if urls.is_http(url) and not live.is_home(url):
        notes.append("this origin is none of the job's: its headers, cookies and auth stay home (http.origins)")
    return notes
