"""From a job file to a Job, or to all its mistakes at once.

    text -> yaml.read        plain data, and where each key and value stands
         -> layers           defaults of the config file below it, SCRAPER_JOB__* over it (where the caller has them)
         -> options          -o and --var laid over it
         -> settle           vars, http, polite and dest rendered, marks for secrets
         -> model            keys and types; what is wrong is told in words.py's words
         -> checks           templates, selectors, rules, URLs

Each step notes what it finds and the next one goes on with what is left (repair.py), so
one look tells everything. Past this module nobody sees a dict of YAML, a default or
an environment variable.
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from scraper.errors import JobError, Mistake
from scraper.job import checks, options, repair, settle, words, yaml
from scraper.job.fields import setting_names
from scraper.job.layers import Layers
from scraper.job.loaded import Folders, Loaded, as_written
from scraper.job.model import Job
from scraper.job.places import Finding, Places, without_consequences

STDIN = "<stdin>"
_PASSES = 10


def load(
    path: str | Path, *, variables: Mapping[str, str] | None = None, overrides: Sequence[str] = (),
    recorded: Mapping[str, str] | None = None, secrets: bool = True, layers: Layers | None = None,
) -> Loaded:  # fmt: skip
    """Loads and checks a job file; `-` is stdin.

    Args:
        variables: `--var`, over the job's `vars`; a name that the job does not have is a mistake.
        overrides: `-o` texts such as `http.timeout.read=5`.
        recorded: variables of a tape, below `variables`; those that the job has no more are left out.
        secrets: whether to warn of those that are not set; without, none is looked up (a replay needs none).
        layers: what this machine lays around job files; None: the job file alone, as tests and replays have it.

    Raises:
        JobError: with every mistake of the file.
    """
    file = STDIN if str(path) == "-" else str(path)
    try:
        document = yaml.read(_bytes(path), file)
    except OSError as error:
        raise JobError([Mistake(file, 1, 1, "", f"cannot be read: {error.strerror}")]) from error
    except yaml.YamlError as error:
        raise JobError([Places(file).mistake(error.finding)]) from error
    folder = Path() if file == STDIN else Path(path).parent
    return _loaded(document, folder, variables or {}, overrides, recorded, secrets=secrets, layers=layers)


def _bytes(path: str | Path) -> bytes:
    """The file's bytes, not many more than are read anyway."""
    if str(path) == "-":
        return sys.stdin.buffer.read(yaml.LARGEST + 1)
    with open(path, "rb") as file:
        return file.read(yaml.LARGEST + 1)


def from_data(
    data: dict[str, Any],
    *,
    file: str = "<command line>",
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
    recorded: Mapping[str, str] | None = None,
    layers: Layers | None = None,
) -> Loaded:
    """A job from data that stands in no file; `variables` and the like as for `load`.

    Raises:
        JobError: with every mistake.
    """
    document = yaml.Document(copy.deepcopy(data), Places(file))
    return _loaded(document, folder or Path(), variables or {}, overrides, recorded, layers=layers)


def _loaded(
    document: yaml.Document, folder: Path, variables: Mapping[str, str], overrides: Sequence[str],
    recorded: Mapping[str, str] | None = None, *, secrets: bool = True, layers: Layers | None = None,
) -> Loaded:  # fmt: skip
    data, spots = document.data, document.places
    if not isinstance(data, dict):
        told = Finding((), f"expected a mapping with name, start and rules, found {words.found(data)}", stops=True)
        raise JobError(map(spots.mistake, without_consequences([*document.findings, told])))
    findings = [*document.findings, *(layers or Layers()).lay(data, spots)]
    findings += options.override(data, spots, overrides)
    findings += options.with_variables(data, spots, {**options.known(data, recorded or {}), **variables})
    settling = settle.Settling()
    settling.vars(data["vars"] if isinstance(data.get("vars"), dict) else {})
    job, wrong = _validated(settling.sections(data))
    folders = Folders(folder, spots)
    findings += [*settling.findings, *wrong, *(_unset(data, folders) if secrets else ())]
    findings += _checked(job, settling.variables, wrong, data)
    mistakes = list(map(spots.mistake, without_consequences(findings)))
    if errors := [one for one in mistakes if not one.warning]:
        raise JobError(errors)
    assert job is not None
    return Loaded(job, spots.file, folder, settling.variables, tuple(sorted(mistakes)), data, places=spots)


def _validated(data: dict[str, Any]) -> tuple[Job | None, list[Finding]]:
    """The Job, and what is wrong; then the Job is of what is left, or None if that is too little."""
    wrong: list[Finding] = []
    for _ in range(_PASSES):
        kinds: dict[int, Any] = {}
        try:
            return Job.model_validate(data, context=kinds), wrong
        except ValidationError as error:
            found = words.findings(error, data, kinds)
        wrong = wrong or found  # what comes later may come from the repair
        data = repair.repaired(data, found)
    return None, wrong


def _checked(
    job: Job | None, variables: Mapping[str, Any], wrong: Iterable[Finding], data: dict[str, Any]
) -> list[Finding]:
    """What the checks find, without what only the repair can have caused."""
    if job is None:
        return []
    broken = [one.path for one in wrong]
    found = [as_written(one, data) for one in (*checks.check(job, setting_names(variables)), *_faults(job))]
    found = [one for one in found if not any(one.path[: len(path)] == path for path in broken)]
    roads = any(path[:1] == ("start",) or len(path) < 3 or path[2] == "follow" for path in broken)
    return [one for one in found if not (roads and one.message == checks.UNREACHED)]


def _faults(job: Job) -> Iterable[Finding]:
    if not job.tests:
        return ()
    from scraper.job import faults

    return faults.check(job)


def _unset(data: dict[str, Any], folders: Folders) -> Iterable[Finding]:
    for mark, path in settle.secrets_used(data).items():
        try:
            settle.secret(mark, folders.of(path), os.environ)
        except LookupError as error:
            yield Finding(path, str(error), warning=True)


def settled(loaded: Loaded) -> Job:
    """The job as it is run: `http`, `polite` and `dest` are rendered when it is loaded."""
    return loaded.job


def settle_secrets(loaded: Loaded) -> dict[str, str]:
    """Every secret the job uses, by the name of its mark (`env:API_KEY`, `file:key.txt`).

    Raises:
        JobError: naming each that is not set.
    """
    known: dict[str, str] = {}
    missing: list[Mistake] = []
    for mark, path in settle.secrets_used(loaded.data).items():
        try:
            known[mark] = settle.secret(mark, loaded.folder_of(path), os.environ)
        except LookupError as error:
            missing.append(loaded.mistake(path, str(error)))
    if missing:
        raise JobError(missing)
    return known
