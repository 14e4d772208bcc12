"""The JSON Schema of a job file, for editors: what job/model.py allows, in draft 2020-12.

The sentences that editors show are those of job/about.py.
`jobs/job.schema.json` holds what `schema()` gives; editors find it by the comment
`# yaml-language-server: $schema=job.schema.json` on the first line of a job.
"""

from __future__ import annotations

import json
from typing import Any

from scraper.job.about import abouts
from scraper.job.model import Job

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> str:
    """The schema as JSON text that ends in a newline."""
    made = Job.model_json_schema(by_alias=True, mode="validation")
    for model, keys in abouts().items():
        held = made if model == "Job" else made["$defs"].get(model, {})
        for name, value in held.get("properties", {}).items():
            value["description"] = keys[name].text
    made["$defs"]["NamedCase"]["properties"]["name"]["description"] = "The name of the case."
    head = {"$schema": DRAFT, "title": "scraper job", "description": "A job file of scraper (docs/jobs.md)."}
    whole = {**head, **{key: value for key, value in made.items() if key not in head}}
    return json.dumps({**head, **_tidied(whole)}, indent=2, ensure_ascii=False) + "\n"


def _tidied(value: Any) -> Any:
    """The schema without generated titles, and with `anyOf` for `oneOf`: some shapes of one key overlap."""
    if isinstance(value, dict):
        kept = {key: inner for key, inner in value.items() if key != "title" or isinstance(inner, dict)}
        return {("anyOf" if key == "oneOf" else key): _tidied(inner) for key, inner in kept.items()}
    return [_tidied(inner) for inner in value] if isinstance(value, list) else value
