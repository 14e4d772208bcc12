"""Whether a page or file is tried again, and by what. Pure."""

from __future__ import annotations

from scraper.run.advice import Advice
from scraper.state.story import Met
from scraper.values import dataclass


@dataclass(frozen=True, slots=True)
class Again:
    """Whether the next run asks for it, whether `retry` takes it, and that in words."""

    next_run: bool
    retry: bool
    told: str


def again(now: Met, advice: Advice, *, stands: bool, is_open: bool, run: str = "run") -> Again:
    """What is going to happen with it.

    Args:
        stands: whether the file is there, as the ledger knows it.
        is_open: whether its run is; run: what kind of run that is.
    """
    if now.state == 0:
        return Again(True, False, "It waits: the run is open, and goes on with it.")
    if now.state == 2:
        return Again(True, False, "Its run was given up before; the next run asks for it if it is still found.")
    kind, _, name = (now.ending or "").partition(":")
    if kind == "failed":
        return _failed(name, advice, is_open=is_open)
    if now.kind == "page":
        return _PAGE.get(kind, _LEFT_OUT)
    return _NOT_ADOPTED if (run, name) == ("adopt", "limit") else _file(kind, name, stands=stands)


def _failed(name: str, advice: Advice, *, is_open: bool) -> Again:
    told = "The next run tries it again, if it is still found."
    if is_open:
        told = "The run is open and goes on without it; the one after tries it again, if it is still found."
    elif advice.again:
        told += " So does scraper retry, now."
    else:
        told += " scraper retry does so now; that helps once the cause is mended."
    return Again(True, not is_open, told)


def _file(kind: str, name: str, *, stands: bool) -> Again:
    if kind in ("saved", "unchanged") or name == "exists":
        return _STANDS if stands else _MISSING
    return _LEFT_OUT


_READ = Again(True, False, "The next run reads the page again.")
_PAGE = {"ok": _READ, "unchanged": _READ}
_LEFT_OUT = Again(True, False, "The next run judges it anew, if it is still found; a retry does not take it.")
_NOT_ADOPTED = Again(True, False, "The next run fetches it, if it is still found; a retry does not take it.")
_STANDS = Again(
    False, False, "The next run leaves it as it is while it stands there (files.existing: skip, which is the default)."
)
_MISSING = Again(
    True, False, "It is not there as it was saved: the next run fetches it if it is missing and still found."
)
