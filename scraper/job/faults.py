"""Whether the faults of `tests:` are such as the bundled server knows: each key is judged where it stands."""

from __future__ import annotations

from collections.abc import Iterator

from scraper.job.casechecks import each_case
from scraper.job.model import Job
from scraper.job.places import Finding
from scraper.server.faults.entries import judge


def check(job: Job) -> Iterator[Finding]:
    """Everything that is wrong with the faults of all cases."""
    for path, case in each_case(job):
        for at, fault in enumerate(case.faults):
            for wrong in judge(fault.given()):
                key = () if wrong.key is None else (wrong.key,)
                yield Finding((*path, "faults", at, *key), wrong.message, wrong.on_key)
