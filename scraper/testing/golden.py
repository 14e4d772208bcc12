"""The golden file of a tape: what its replay gave, and how another replay differs from it.

    tapes/books.expect.json = {"exit_code", "pages": {"GET url": ending}, "files": {key: {...}}, "records", "warnings"}

It holds nothing that moves: the clock of a replay is the tape's. It is sorted and has one thing a line, so that a
version control system shows what changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from scraper.errors import TapeError
from scraper.files.refusals import refusal_told
from scraper.records import expect
from scraper.testing import fields, judge
from scraper.testing.facts import Facts, FileFact
from scraper.testing.wording import bounded

Golden = Mapping[str, Any]
_KEYS = {"exit_code": int, "pages": dict, "files": dict, "records": list, "warnings": list}
_FILE_KEYS = {"bytes", "ending", "path", "sha256", "url"}


def golden_of(facts: Facts) -> Golden:
    """What a replay gave, as it is kept."""
    return {
        "exit_code": int(facts.summary.exit_code),
        "pages": _page_endings(facts),
        "files": {one.key: _file(one) for one in sorted(facts.files, key=lambda one: one.key)},
        "records": [dict(record) for record in facts.records],
        "warnings": list(facts.warnings),
    }


def _file(one: FileFact) -> dict[str, Any]:
    return {"bytes": one.bytes, "ending": one.ending, "path": one.path, "sha256": one.sha256, "url": one.url}


def write(path: Path, golden: Golden) -> bool:
    """Writes a golden file; whether anything in it is new.

    Raises:
        DiskError: the disk refuses.
    """
    text = json.dumps(golden, ensure_ascii=False, indent=1) + "\n"
    part = path.with_name(f"{path.name}.part")
    with refusal_told(path):
        if path.is_file() and path.read_bytes() == text.encode():
            return False
        try:
            part.write_text(text, "utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return True


def read(path: Path) -> Golden:
    """A golden file.

    Raises:
        TapeError: it is missing, or is none.
    """
    try:
        golden = json.loads(path.read_text("utf-8"))
    except OSError as error:
        cure = "write it with `scraper test --update`, or record the job anew with `scraper record`"
        raise TapeError(path, f"it cannot be read: {error.strerror}; {cure}") from error
    except (ValueError, RecursionError) as error:
        raise TapeError(path, f"it is no JSON: {error}; `scraper test --update` writes it anew") from error
    known = isinstance(golden, dict) and all(isinstance(golden.get(key), kind) for key, kind in _KEYS.items())
    if not known:
        raise TapeError(path, f"it lacks one of {', '.join(_KEYS)}; `scraper test --update` writes it anew")
    found: Golden = golden
    if (wrong := next(_misshapen(found), None)) is not None:
        raise TapeError(path, f"{wrong} in it is none; `scraper test --update` writes it anew")
    return found


def _misshapen(golden: Golden) -> Iterator[str]:
    """What somebody wrote into the file that cannot be compared."""
    yield from (f"the ending of {key}" for key, ending in golden["pages"].items() if not isinstance(ending, str))
    yield from (f"the warning {text!r}" for text in golden["warnings"] if not isinstance(text, str))
    for key, one in golden["files"].items():
        if not (isinstance(one, dict) and one.keys() >= _FILE_KEYS):
            yield f"the file {key}"
    for number, record in enumerate(golden["records"], 1):
        names = [record.get(name) for name in ("_rule", "_url", "_key")] if isinstance(record, dict) else [number]
        if not all(name is None or isinstance(name, str) for name in names):
            yield f"record {number}"


def differs(facts: Facts, aspect: str, golden: Golden) -> Iterator[str]:
    """How a replay differs from the golden file in one aspect."""
    yield from _ASPECTS[aspect](facts, golden)


def _exit_code(facts: Facts, golden: Golden) -> Iterator[str]:
    yield from judge.exit_code(facts, golden["exit_code"])


def _pages(facts: Facts, golden: Golden) -> Iterator[str]:
    expected, found = golden["pages"], _page_endings(facts)
    gone = [f"{page} is missing (was {ending})" for page, ending in expected.items() if page not in found]
    new = [f"{page} is new ({ending})" for page, ending in found.items() if page not in expected]
    changed = [page for page, ending in expected.items() if found.get(page, ending) != ending]
    yield from judge.roads(facts) if gone else ()  # the cause before what follows from it
    yield from bounded(gone, 5)
    yield from bounded(new, 5)
    yield from bounded((f"{page}: {found[page]} instead of {expected[page]}" for page in changed), 5)


def _page_endings(facts: Facts) -> dict[str, str]:
    """`METHOD URL` of each page -> its ending; those asked for by several bodies are numbered."""
    found: dict[str, str] = {}
    for page in facts.pages:
        name, number = f"{page.method} {page.url}", 2
        while name in found:
            name, number = f"{page.method} {page.url} ({number})", number + 1
        found[name] = page.ending
    return found


def _files(facts: Facts, golden: Golden) -> Iterator[str]:
    expected, found = golden["files"], {one.key: one for one in facts.files}
    lost = {key: one for key, one in expected.items() if key not in found}
    gone = [f"{one['path']} is missing (was {one['ending']}, {key})" for key, one in lost.items()]
    new = [f"{one.path} is new ({one.ending}, {key})" for key, one in found.items() if key not in expected]
    if gone and not found:
        yield from expect.judged("files", facts.job, facts.for_expect(), ">= 1")
    yield from bounded(gone, 5)
    yield from bounded(new, 5)
    changed = [line for key, one in expected.items() if key in found for line in _file_differs(found[key], one)]
    yield from bounded(changed)


def _file_differs(found: FileFact, wanted: Mapping[str, Any]) -> Iterator[str]:
    if found.ending != wanted["ending"]:
        yield f"{wanted['path']}: {found.ending} instead of {wanted['ending']} ({found.url})"
    if found.path != wanted["path"]:
        yield f"{found.path} instead of {wanted['path']} ({found.url})"
    if found.ending == wanted["ending"] and found.sha256 != wanted["sha256"]:
        yield f"{found.path}: other content, {found.bytes} bytes where it had {wanted['bytes']} ({found.url})"


def _records(facts: Facts, golden: Golden) -> Iterator[str]:
    yield from fields.against(facts, golden["records"])


def _warnings(facts: Facts, golden: Golden) -> Iterator[str]:
    expected = list(golden["warnings"])
    for text in facts.warnings:
        if text in expected:
            expected.remove(text)
        else:
            yield f"a new warning: {text}"
    yield from (f"no warning any more: {text}" for text in expected)


def _endings(facts: Facts, golden: Golden) -> Iterator[str]:
    """Of pages and files; and why, where they differ."""
    found = {one.key: one for one in facts.files}
    files = [(found[key], one["ending"]) for key, one in golden["files"].items() if key in found]
    lines = [*_pages(facts, golden)]
    lines += [f"{one.url}: {one.ending} instead of {ending}" for one, ending in files if one.ending != ending]
    yield from bounded(lines)
    yield from judge.failures(facts) if lines else ()


_ASPECTS: dict[str, Callable[[Facts, Golden], Iterator[str]]] = {
    "exit_code": _exit_code,
    "pages": _pages,
    "records": _records,
    "files": _files,
    "endings": _endings,
    "warnings": _warnings,
}
