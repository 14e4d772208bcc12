"""`scraper verify`: every file that the ledger says stands there is hashed again.

With `--json` one object:

    dest, under_way the folder; the run that is under way, or null: then files may be on their way
    files, bytes    how many files were looked at; bytes of those that stand as they should
    ok, unhashed    whole; there, but never hashed
    missing, changed, folder, link, special, unreadable     how many are damaged, by kind
    coming          not there or not whole, and that run has yet to fetch them
    damage          [{path, url, kind, how, bytes, found_bytes, sha256}]; url: the file's key
    repair          null, or {fetched, restored, differs, failed, lost}: counts; differs: what came is another content
                    than the ledger knew; lost: no run says where it came from. And summary: of its run
    exit_code       as of this command
    parts, foreign  [{path, bytes}]: what is left of files on their way; files that the ledger does not know
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper.cli.asked import ledger_options
from scraper.cli.examples import examples
from scraper.cli.logs import log_options
from scraper.cli.run import wait_option
from scraper.errors import Exit, UsageError

if TYPE_CHECKING:
    from scraper.cli.asked import Asked
    from scraper.files.parts import OutputFolder
    from scraper.run.errands.repair import Mended
    from scraper.run.verify.checking import Checked, Progress

_OF_JOB = "--repair fetches by the settings of the job; name it: scraper verify JOB --repair"
_OF_GET = "get has no job file to repair by; remove what is damaged, and the same `scraper get` fetches what is missing"
PAUSE = 0.1
"""Seconds between two looks of the bar."""
_KINDS = ("ok", "unhashed", "missing", "changed", "folder", "link", "special", "unreadable", "coming")
_WORDS = {
    "ok": "whole",
    "unhashed": "there, but never hashed",
    "folder": "a folder stands there",
    "link": "a symbolic link stands there",
    "special": "no regular file stands there",
    "coming": "on their way: the run has yet to fetch them",
}


@click.command(short_help="hash every file again; mend what is damaged", epilog=examples("verify"))
@click.argument("job", required=False)
@ledger_options
@click.option("--repair", is_flag=True, help="Fetch what is damaged again, and nothing else; needs JOB.")
@click.option("-o", "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Any key of a job, as YAML.")
@click.option(
    "-j", "--jobs", type=click.IntRange(1, 256), metavar="N", help="Files hashed at once; default: by the cores."
)
@wait_option
@click.option("-q", "--quiet", is_flag=True, help="Damage only, not the counts.")
@click.option("-v", "--verbose", is_flag=True, help="Also files that the ledger does not know.")
@log_options
def verify(
    job: str | None, dest: Path | None, state: Path | None, variables: tuple[str, ...], as_json: bool, repair: bool,
    overrides: tuple[str, ...], jobs: int | None, wait: float, quiet: bool, verbose: bool, **log: Any,
) -> int:  # fmt: skip
    """Hashes every file that the ledger says stands there: missing, changed (and how), unreadable; and counts those
    that it does not know. Exit 4 where anything is damaged.

    A run may be under way. --repair is a run of its own: exit 0 if all came back.
    """
    from scraper.cli import asked
    from scraper.files.parts import OutputFolder

    found = asked.find(job, dest, state, variables, overrides)
    if repair:
        _check_repair(found, wait)
    with closing(OutputFolder(found.dest, create=False)) as disk:
        checked = _checked(found, disk, jobs or min(8, 2 * (os.cpu_count() or 1)), quiet=quiet)
        if not as_json:
            _tell_damage(checked)
        mended = (
            _repaired(found, checked, state, {"quiet": quiet, "wait": wait, **log})
            if repair and checked.damage
            else None
        )
        code = _exit_code(checked, mended)
        if as_json:
            _tell_json(found, disk, checked, mended, code)
        elif not quiet or verbose:
            _tell_counts(found, disk, checked, verbose=verbose)
        if mended is not None and not quiet:
            _tell_mended(mended, checked)
        elif checked.damage and not (quiet or as_json):
            click.echo("--repair fetches again what is damaged, and nothing else", err=True)
        return code


def _check_repair(found: Asked, wait: float) -> None:
    """Refuses at once what hours of hashing would not make possible.

    Raises:
        UsageError: there is no job, or an ordinary run is open.
        BusyError: a run holds the folder, still after the waiting.
    """
    from scraper.run.errands.retry import refuse_open
    from scraper.state.db import Database
    from scraper.state.lock import hold

    if found.loaded is None:
        with Database.reading(found.ledger) as db:
            is_get = db.value("SELECT job FROM runs ORDER BY id DESC LIMIT 1") == "get"
        raise UsageError(_OF_GET if is_get else _OF_JOB)
    with hold(found.dest, wait=wait), Database.reading(found.ledger) as db:
        refuse_open(db, "a repair")


def _checked(found: Asked, disk: OutputFolder, threads: int, *, quiet: bool) -> Checked:
    from scraper.run.verify.checking import Progress, check
    from scraper.state import expected

    progress = Progress()
    if quiet or not sys.stderr.isatty():
        return check(found.ledger, disk, threads=threads, progress=progress, tick=lambda: None)
    bar = _Bar(progress, expected.count(found.ledger))
    try:
        return check(found.ledger, disk, threads=threads, progress=progress, tick=bar.tick)
    finally:
        bar.close()


class _Bar:
    """A line on the terminal that is written over."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._began = self._drawn = time.monotonic()

    def tick(self) -> None:
        """Draws, ten times a second at most."""
        now = time.monotonic()
        if now - self._drawn < PAUSE:
            return
        from scraper.units import human_bytes

        self._drawn = now
        done = self._progress
        rate = human_bytes(done.bytes / (now - self._began))
        text = f"hashed {done.files} of {self._total} files, {human_bytes(done.bytes)}, {rate}/s"
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()

    def close(self) -> None:
        """Wipes the line."""
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _repaired(found: Asked, checked: Checked, state: Path | None, options: dict[str, Any]) -> Mended:
    """Fetches what is damaged; tells as a run does.

    Args:
        options: quiet, wait, and those of the log.
    """
    from scraper.cli.run import execute
    from scraper.run.errands import repair
    from scraper.run.kit import Options
    from scraper.run.runner import run
    from scraper.state.db import Database
    from scraper.units import counted

    errand = repair.Repair([each.file.name for each in checked.damage])
    ended: list[Any] = []

    def perform(shown: Any, control: Any) -> Any:
        shown.say(f"to repair: {counted(len(checked.damage), 'file')}")
        assert found.loaded is not None, "checked before"
        settings = Options(dest=found.dest, state=state, errand=errand, wait=options["wait"])
        ended.append(run(found.loaded, settings, shown, control))
        return ended[0]

    given = {**options, "verbose": False, "as_json": False, "print_paths": False, "overrides": (), "jobs": None}
    settings = {"dest": found.dest, "state": state, "limit": None, "fresh": False, "dry_run": False}
    code = execute(found.loaded, {**given, **settings}, perform=perform)
    summary = ended[0] if ended else None
    with Database.reading(found.ledger) as db:
        return repair.mended(db, errand, checked.damage, summary, code)


def _exit_code(checked: Checked, mended: Mended | None) -> int:
    if mended is None:
        return Exit.FAILURES if checked.damage else Exit.DONE
    if mended.code not in (Exit.DONE, Exit.FAILURES):
        return mended.code
    return Exit.DONE if mended.is_whole and mended.code == Exit.DONE else Exit.FAILURES


# -- what is told ------------------------------------------------------------------------------------------


def _tell_damage(checked: Checked) -> None:
    from scraper.run.events import printable

    for each in checked.damage:
        how = f": {each.how}" if each.how else ""
        click.echo(printable(f"{each.kind:<10} {each.file.path}{how}"))


def _tell_counts(found: Asked, disk: OutputFolder, checked: Checked, *, verbose: bool) -> None:
    from scraper.run.events import printable
    from scraper.units import human_bytes

    kinds: Counter[str] = Counter()
    for kind, path, _ in _strangers(found, disk):
        kinds[kind] += 1
        if verbose:
            click.echo(printable(f"{kind:<10} {path}"))
    click.echo(printable(f"{checked.files} files in {found.dest}, {human_bytes(checked.bytes)} as they should be"))
    rows = [(checked.counts[kind], kind, _WORDS.get(kind, kind)) for kind in _KINDS]
    hint = "" if verbose else " (-v lists them)"
    rows.append((kinds["foreign"], "foreign", f"foreign: the ledger does not know them{hint}"))
    rows.append((kinds["part"], "part", f"parts of files on their way, or left over{hint}"))
    width = max(len(str(count)) for count, _, _ in rows)
    for count, _, words in rows:
        if count:
            click.echo(f"  {count:>{width}} {words}")
    if checked.under_way is not None:
        click.echo(f"run {checked.under_way} is under way, and so may files be", err=True)


def _strangers(found: Asked, disk: OutputFolder) -> Iterator[tuple[str, str, int]]:
    """Kind (foreign or part), path and size of what the ledger does not know."""
    from scraper.run.verify.checking import is_part, strangers

    own: tuple[str, ...] = ()
    if found.loaded is not None:
        from scraper.run.kit import own_names

        own = own_names(found.loaded.job)
    for path, size in strangers(found.ledger, disk, own):
        yield ("part" if is_part(path) else "foreign"), path, size


def _tell_mended(mended: Mended, checked: Checked) -> None:
    from scraper.run.events import printable
    from scraper.units import counted

    for path in mended.differs:
        click.echo(printable(f"{path}: what came is another content than before; the ledger knows it now"), err=True)
    for path in mended.lost:
        click.echo(printable(f"{path}: no run in the ledger says where it came from"), err=True)
    click.echo(f"{mended.restored} of {counted(len(checked.damage), 'file')} whole again", err=True)


def _tell_json(found: Asked, disk: OutputFolder, checked: Checked, mended: Mended | None, code: int) -> None:
    head = {
        "dest": str(found.dest), "under_way": checked.under_way, "files": checked.files, "bytes": checked.bytes,
        **{kind: checked.counts[kind] for kind in _KINDS},
        "damage": [
            {
                "path": each.file.path, "url": each.file.key, "kind": each.kind, "how": each.how,
                "bytes": each.file.bytes, "found_bytes": each.bytes, "sha256": each.file.sha256,
            }
            for each in checked.damage
        ],
        "repair": None if mended is None else mended.as_dict(),
        "exit_code": int(code),
    }  # fmt: skip
    _echo(json.dumps(head, ensure_ascii=False)[:-1])
    for name, kind in (("parts", "part"), ("foreign", "foreign")):
        _echo(f', "{name}": [')
        of_kind = ({"path": path, "bytes": size} for each, path, size in _strangers(found, disk) if each == kind)
        for at, row in enumerate(of_kind):
            _echo(f"{', ' if at else ''}{json.dumps(row, ensure_ascii=False)}")
        _echo("]")
    click.echo("}")


def _echo(text: str) -> None:
    from scraper.cli.run import unseen_escaped

    click.echo(unseen_escaped(text), nl=False)
