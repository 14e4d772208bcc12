"""What looks like a secret among the settings of a job, blanked before anybody sees them. Pure.

Secrets come by `env` and `secret_file`; their templates and marks only name them, and stand. What was written out,
against advice, is known by the name of its key, as the second of the pair below `basic` and `digest`, by its place in
a URL, and as the address of a webhook. Keys tell of secrets where they are settings, variables, or what a request
sends: what an item calls its fields is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scraper import secrets
from scraper.job.fields import is_template
from scraper.job.places import Path

BLANK = "***"
_KEY = re.compile(
    r"pass(?:w|phrase|$)|^pwd$|secret|token|(?:api|access|private)[-_]*key|credential|authori[sz]ation|^auth$|cookie"
    r"|^bearer$|^session|signature",
    re.IGNORECASE,
)
_QUERY = re.compile(
    r"([?&](?:[^=&#\s]*(?:password|passwd|secret|token|api[-_]?key|signature)|key|sig)=)[^&#\s{]+", re.IGNORECASE
)
_USERINFO = re.compile(r"(?<=://)[^/?#\s@]*(?:@[^/?#\s@]*)*@")
_WEBHOOK = re.compile(r"(https?://[^/?#\s]*).+|([^/?#\s]*://).+", re.IGNORECASE | re.DOTALL)
_READ = frozenset({"start", "login", "rules", "tests"})
"""Sections in which a key tells of a secret only below one of SENT."""
_SENT = frozenset({"headers", "cookies", "auth", "params", "data", "json"})
_PAIRS = frozenset({("auth", "basic"), ("auth", "digest")})
_NO_SECRET = frozenset({("http", "cookies"), ("http", "save_cookies"), ("http", "cookies_from_browser")})
"""Where a text names a file or a browser, though its key sounds of secrets."""


def blanked(value: Any, path: Path = ()) -> Any:
    """The value without what looks like a secret.

    Args:
        path: the keys by which it stands in the job; those of lists may be left out.
    """
    if isinstance(value, Mapping):
        return {key: blanked(inner, (*path, str(key))) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        if tuple(path[-2:]) in _PAIRS and len(value) == 2:
            return [value[0], blanked(value[1], (*path, "password"))]
        return [blanked(inner, path) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    if _is_secret(path) and not _is_named(value) and not (isinstance(value, str) and path in _NO_SECRET):
        return BLANK
    return _without(value, path) if isinstance(value, str) else value


def without_password(text: str) -> str:
    """The text with what stands before the `@` of URLs left out."""
    return _USERINFO.sub(f"{BLANK}@", text) if "@" in text else text


def _is_secret(path: Path) -> bool:
    return any(_KEY.search(str(key)) for key in _telling(path))


def _telling(path: Path) -> Path:
    """The keys whose names may sound of secrets."""
    if path[:1] and path[0] in _READ:
        return next((path[at:] for at, key in enumerate(path) if key in _SENT), ())
    return path[1:]


def _is_named(value: Any) -> bool:
    """Whether a value only names a secret."""
    return is_template(value) or (isinstance(value, str) and bool(secrets.names(value)))


def _without(text: str, path: Path) -> str:
    """A text without what a URL in it tells."""
    if path[:1] == ("notify",) and path[-1] in ("notify", "url") and not _is_named(text):
        return _WEBHOOK.sub(lambda at: f"{at[1]}/{BLANK}" if at[1] else f"{at[2]}{BLANK}", without_password(text))
    shown = _USERINFO.sub(lambda at: at[0] if _is_named(at[0]) else f"{BLANK}@", text)
    return _QUERY.sub(rf"\g<1>{BLANK}", shown)
