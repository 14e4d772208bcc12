"""The walk of a plan: a dry run in a scratch folder, asked before that folder is gone.

    with planned(loaded, options, events, control) as walked: walked.facts, walked.names, walked.summary

The names of the files stand in the scratch folder, one JSON object a line; they can be read as long as the context
lasts, and take no memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper.model import Summary
from scraper.run import kit as kits
from scraper.run.control import Control
from scraper.run.events import Events
from scraper.run.kit import Options
from scraper.run.opening import STATE
from scraper.run.plan.facts import Facts
from scraper.run.plan.gather import Gathering, Wish
from scraper.run.plan.sizes import Survey
from scraper.run.runner import Runner
from scraper.run.sources import dest_of
from scraper.state import plans
from scraper.state.lock import hold

if TYPE_CHECKING:
    from scraper.job.loaded import Loaded

SAMPLE = 20
"""Files that are asked for their size."""


@dataclass(frozen=True)
class Walked:
    """A walk that ended.

    Attributes:
        facts: None: the scratch folder took nothing more before anything could be told.
        summary: of the dry run, with its exit code.
        path: of the names.
    """

    facts: Facts | None
    summary: Summary
    path: Path

    @property
    def names(self) -> Iterator[dict[str, Any]]:
        """The files, nearest first: `path`, `whole` (else the response tells its extension), `url`, `rule`, `ending`
        (None: it would be fetched), `message`, and of a collision `instead_of` (the name it wanted) and `borne_by`
        (the key of the file that has it; None: a folder does).
        """
        if self.path.exists():
            with self.path.open(encoding="utf-8") as lines:
                yield from map(json.loads, lines)


@contextmanager
def planned(
    loaded: Loaded, options: Options, events: Events, control: Control, sample: int = SAMPLE
) -> Iterator[Walked]:
    """Walks.

    Args:
        options: of a dry run.
        sample: how many files are asked for their size.

    Raises:
        JobError, LedgerError: as `runner.run`.
    """
    job, known = kits.settle(loaded)
    dest = options.dest or dest_of(loaded, job)
    with hold(dest, dry=True) as scratch:
        planner = Planner(loaded, job, known, dest, scratch / STATE, options, events, control)
        planner.sample, planner.names = sample, scratch / "names.jsonl"
        summary = planner.run()
        yield Walked(planner.facts, summary, planner.names)


class Planner(Runner):
    """A dry run that tells what it found.

    Attributes:
        sample, names: as `gather.Wish`.
        facts: what was found, once the walk has ended.
    """

    sample = SAMPLE
    names = Path()
    facts: Facts | None = None

    def _to_the_end(self) -> None:
        self._wish = Wish(self.sample, self.names, plans.requests(self.kit.ledger.db, self.kit.run.id))
        super()._to_the_end()
        if self.facts is None and self._control.error is None:  # the login failed, and nothing was walked
            self.facts = Gathering(self.kit, self._control, self._wish, None).facts()

    def _walked(self) -> None:
        if self._control.error is not None:
            return
        survey = Survey(self.kit, self._control)
        try:
            self.facts = Gathering(self.kit, self._control, self._wish, survey).facts()
        finally:
            self.kit.scheduler.close()
            self._join(survey.threads)
