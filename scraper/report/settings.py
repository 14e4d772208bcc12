"""The settings a run used, as text: what the job says, not the defaults; secrets blanked.

A secret that came by `env()`, `file()` or a login is a mark and shown as one. What was written into the job as it
is, against advice, is blanked by the name of its key, and a password in a URL by its place; a text in which the value
of a known secret stands is shown with its mark.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scraper import secrets
from scraper.report.markup import without_password

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded

BLANK = "(blanked)"
_SECRET = re.compile(
    r"pass(?:word|wd|phrase)?$|^pwd$|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|authori[sz]ation"
    r"|^auth$|^cookies?$|session[-_]?id|signature",
    re.IGNORECASE,
)
_QUERY = re.compile(
    r"([?&](?:[^=&#\s]*(?:password|passwd|secret|token|api[-_]?key|signature)|key|sig)=)[^&#\s{]+", re.I
)


def text(loaded: Loaded, known: Mapping[str, str]) -> str:
    """The settings as JSON, indented: the file with what the command line laid over it, and the variables as they were.

    Args:
        known: name of a mark -> value of the secret.
    """
    data = {**loaded.data, "vars": loaded.variables}
    shown = secrets.each_text(_blanked(data), lambda each: _shown(each, known))
    kept = {key: value for key, value in shown.items() if value not in ({}, [])}
    return json.dumps(kept, ensure_ascii=False, indent=2, default=str)


def _shown(each: str, known: Mapping[str, str]) -> str:
    return _QUERY.sub(rf"\g<1>{BLANK}", without_password(secrets.display(secrets.conceal(each, known))))


def _blanked(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        is_jar = key.lower() in ("cookie", "cookies")  # each of them is one
        return {name: _blanked(inner, "cookie" if is_jar else str(name)) for name, inner in value.items()}
    if _SECRET.search(key) and value is not None and not isinstance(value, bool):
        return _blank(value)
    return [_blanked(each) for each in value] if isinstance(value, (list, tuple)) else value


def _blank(value: Any) -> Any:
    """Blanked, but for marks and templates, which hold no secret themselves."""
    if isinstance(value, (list, tuple)):
        return [_blank(each) for each in value]
    if isinstance(value, str) and (secrets.names(value) or "{{" in value):
        return value
    return BLANK
