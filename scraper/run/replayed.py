"""What is otherwise in a run that is answered from a tape.

Nothing of this machine has a say in it: no environment, no secret, no proxy, no certificate, no file of cookies. Each
secret's value is its stand-in, the text by which people see it (`{env:API_KEY}`), which is what stands on the tape.
And nobody waits: what asked for patience then is on the tape already. Counts of attempts stay what they are.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from scraper.job.after import silent
from scraper.job.settle import secrets_used
from scraper.net.detour import Detour
from scraper.net.hosts import Patience
from scraper.secrets import stand_in
from scraper.values import dataclass

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded
    from scraper.job.model import Job
    from scraper.job.parts import Http, Polite

LONGEST_WAIT = 0.01
"""Seconds that work waits at most. Not none: who looks again whether somebody else is done must let them go on."""
NO_PAUSE = Patience(pause=0.0, stranger_pause=0.0, longest=0.0)
"""A host where nobody was is asked as often as then, without pauses between."""


@dataclass(frozen=True)
class Replay:
    """A run from a tape.

    Attributes:
        detour: the server that answers.
        now: the time of the run, which stands still; run: its id.
        timeout: seconds that connecting and reading may take at most.
        stand_ins: whether what a login saves is put down as stand-ins too, as on tapes of ours; on others its value
            went out.
    """

    detour: Detour
    now: datetime
    run: str
    timeout: float = 5.0
    stand_ins: bool = True


def known_secrets(loaded: Loaded) -> dict[str, str]:
    """Every secret of the job, by the name of its mark, as it is in a replay. Nothing is looked up."""
    return {name: stand_in(name) for name in secrets_used(loaded.data)} if loaded.has_secrets else {}


def job_for(job: Job, replay: Replay) -> Job:
    """The job as it is replayed: without what is of this machine, without waiting, without its commands."""
    return silent(job).model_copy(update={"http": _http(job.http, replay), "polite": _polite(job.polite)})


def _http(http: Http, replay: Replay) -> Http:
    timeout, longest = http.timeout, replay.timeout
    changed: dict[str, Any] = {
        "cookies": {} if isinstance(http.cookies, str) else http.cookies,
        "save_cookies": None,
        "cookies_from_browser": None,
        "proxies": {},
        "verify": True if isinstance(http.verify, str) else http.verify,
        "cert": None,
        "version": "1.1",
        "retry": http.retry.model_copy(update={"first_wait": 0, "max_wait": 0}),
        "timeout": timeout.model_copy(
            update={"connect": min(timeout.connect, longest), "read": min(timeout.read, longest)}
        ),
    }
    return http.model_copy(update=changed)


def _polite(polite: Polite) -> Polite:
    hosts = {
        pattern: own.model_copy(update={"delay": None if own.delay is None else 0})
        for pattern, own in polite.hosts.items()
    }
    return polite.model_copy(update={"delay": 0, "rate": None, "hosts": hosts})
