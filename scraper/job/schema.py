"""The JSON Schema of a job file, for editors: what job/model.py allows, in draft 2020-12.

`jobs/job.schema.json` holds what `schema()` gives; editors find it by the comment
`# yaml-language-server: $schema=job.schema.json` on the first line of a job.
"""

from __future__ import annotations

import json
from typing import Any

from scraper.job.model import Job

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_ABOUT = {
    "name": "The job's name: a-z, 0-9, _ and -.",
    "about": "What the job is for, in a sentence.",
    "dest": "Folder for files and records, relative to the job file; default output/<name> where it is run.",
    "vars": "Variables: {{ base }} in templates, --var base=... on the command line.",
    "http": "How every request is made, in the words of requests.",
    "polite": "What the hosts may expect: robots.txt, requests in flight, delays, rate.",
    "login": "Requests before the start; their cookies stay in the session.",
    "start": "What is read first: URLs, requests, lists, ranges, sitemaps, feeds.",
    "rules": "How each kind of page is read; the first rule reads what `start` does not give to another.",
    "files": "How files are named, checked and fetched.",
    "records": "The records file, .jsonl, .csv, .sqlite, .db or .parquet; what becomes of items that are gone.",
    "archive": "Every exchange of the job's runs, as a WARC below dest: pages.warc.gz.",
    "expect": 'What a run must bring, as in items: ">= 20"; else exit code 7.',
    "schedule": 'When to run: a cron line such as "0 3 * * *".',
    "timezone": "The time zone of the schedule, such as Europe/Berlin.",
    "limits": "What ends a run early (exit 5); it stays open: min_free, deadline, quota, failures.",
    "on_finish": "Commands to run at the end, each an argument list.",
    "on_failure": "Commands to run at the end of a run whose exit code is not 0.",
    "on_file": "Commands to run for each file that was saved.",
    "notify": "Where the end of a run is told: a URL that gets the summary as JSON, or one of Apprise's.",
    "metrics": "Where figures of a run go: a Prometheus textfile, a StatsD.",
    "tests": "Offline tests: cases that are replayed from a tape (`scraper record`, `scraper test`, pytest).",
}


def schema() -> str:
    """The schema as JSON text that ends in a newline."""
    made = Job.model_json_schema(by_alias=True, mode="validation")
    for name, about in _ABOUT.items():
        made["properties"][name]["description"] = about
    head = {"$schema": DRAFT, "title": "scraper job", "description": "A job file of scraper (docs/jobs.md)."}
    whole = {**head, **{key: value for key, value in made.items() if key not in head}}
    return json.dumps({**head, **_tidied(whole)}, indent=2, ensure_ascii=False) + "\n"


def _tidied(value: Any) -> Any:
    """The schema without generated titles, and with `anyOf` for `oneOf`: some shapes of one key overlap."""
    if isinstance(value, dict):
        kept = {key: inner for key, inner in value.items() if key != "title" or isinstance(inner, dict)}
        return {("anyOf" if key == "oneOf" else key): _tidied(inner) for key, inner in kept.items()}
    return [_tidied(inner) for inner in value] if isinstance(value, list) else value
