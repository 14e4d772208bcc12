"""The job of a `get` without options has the values that the models would give it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from pydantic import BaseModel

from scraper.job.load import from_data
from scraper.job.plain import plain_job


def values(thing: Any) -> Any:
    if isinstance(thing, BaseModel):
        return {name: values(getattr(thing, name)) for name in type(thing).model_fields}
    if hasattr(thing, "__dict__"):
        return {name: values(value) for name, value in vars(thing).items() if name != "model_fields_set"}
    return tuple(map(values, thing)) if isinstance(thing, (tuple, list)) else thing


def test_a_plain_job_has_every_value_that_a_checked_one_has() -> None:
    entry = {"list": "urls.txt", "column": "url", "as": "files"}
    data = {"name": "get", "start": [entry], "polite": {"per_host": 7}, "files": {"jobs": 7}}
    checked = from_data(data, overrides=[], variables={}).job
    assert values(plain_job([("urls.txt", "url")], 7)) == values(checked)


def test_it_answers_what_a_job_is_asked() -> None:
    entry = {"list": "urls.txt", "column": "url", "as": "files"}
    checked = from_data({"name": "get", "start": [entry]}, overrides=[], variables={}).job
    plain = plain_job([("urls.txt", "url")], 16)
    for job in (checked, plain):
        assert (job.entry(0).source("list"), job.entry(0).source("feed")) == ("urls.txt", None)
        assert (job.rule_of(job.entry(0)), job.files.accept.asked(), list(job.expect.model_fields_set)) == (
            None,
            {},
            [],
        )


def test_a_get_loads_nothing_that_checks_jobs() -> None:
    code = """
import sys, scraper.cli.run, scraper.run.runner, scraper.net.curl, scraper.cli.show
print([name for name in ("pydantic", "requests", "jinja2", "http.client", "email.message") if name in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"
