"""The settings a run used, as text: what the job says, not the defaults; secrets blanked.

A secret that came by `env()`, `file()` or a login is a mark and shown as one. What was written into the job as it
is, against advice, is blanked by the name of its key, and a password in a URL by its place; a text in which the value
of a known secret stands is shown with its mark.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from scraper import secrets
from scraper.job.blanks import blanked

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded


def text(loaded: Loaded, known: Mapping[str, str]) -> str:
    """The settings as JSON, indented: the file with what the command line laid over it, and the variables as they were.

    Args:
        known: name of a mark -> value of the secret.
    """
    data = {**loaded.data, "vars": loaded.variables}
    shown = secrets.each_text(blanked(data), lambda each: secrets.display(secrets.conceal(each, known)))
    kept = {key: value for key, value in shown.items() if value not in ({}, [])}
    return json.dumps(kept, ensure_ascii=False, indent=2, default=str)
