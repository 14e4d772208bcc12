"""`scraper export`: what the ledger knows, as a file or on stdout, at any time, also while a run is under way."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli.examples import examples
from scraper.errors import UsageError

if TYPE_CHECKING:
    from scraper.cli.asked import Asked
    from scraper.run.sheets import Table
    from scraper.state.db import Database

WHAT = ("items", "files", "pages", "failures")
FORMATS = ("jsonl", "csv", "sqlite", "parquet")


@click.command(short_help="items, files, pages or failures as JSONL, CSV, SQLite or Parquet", epilog=examples("export"))
@click.argument("job", required=False)
@click.option("-d", "--dest", type=click.Path(file_okay=False, path_type=Path), help="The folder a run wrote to.")
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Where the ledger lives.")
@click.option("--var", "variables", multiple=True, metavar="K=V", help="A variable of the job.")
@click.option("-o", "--output", default="-", metavar="FILE", help="Where to write; - is stdout.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: as FILE ends, else jsonl.")
@click.option("--what", type=click.Choice(WHAT), default="items", show_default=True, help="What of the ledger.")
@click.option("--run", "run", metavar="RUN", help="Of this run; default: the newest one, and of items all.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a line each.")
def export(
    job: str | None, dest: Path | None, state: Path | None, variables: tuple[str, ...], output: str, form: str | None,
    what: str, run: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Writes what the ledger of JOB (or of a folder, -d) knows: the items as the records file would be now.

    Nothing is fetched and nothing changed; a run may be under way.
    """
    from scraper.cli import asked

    chosen = _form(output, form, as_json)
    found = asked.find(job, dest, state, variables)
    with _table(found, what, run) as table:
        if output == "-":
            _to_stdout(table, chosen)
        else:
            _to_file(table, chosen, Path(output))


def _form(output: str, form: str | None, as_json: bool) -> str:
    """What is to be written.

    Raises:
        UsageError: that cannot be told, or not be done here.
    """
    from scraper.run import sheets

    if as_json and form is not None:
        raise click.UsageError("--json is a format of its own; leave --format out")
    told = "json" if as_json else form or ("jsonl" if output == "-" else sheets.form_of(output))
    if told is None:
        raise click.UsageError(f"{output} says no format by its name; add --format {'|'.join(FORMATS)}")
    if output == "-" and told in sheets.BINARY and sys.stdout.isatty():
        raise click.UsageError(f"{told} is nothing for a terminal; name a file with -o")
    if told == "parquet":
        from scraper.records import parquet

        if parquet.is_missing():
            raise UsageError(parquet.MISSING)
    return told


# -- what --------------------------------------------------------------------------------------------------


@contextmanager
def _table(found: Asked, what: str, run: str | None) -> Iterator[Table]:
    from scraper.files.parts import OutputFolder
    from scraper.run import sheets
    from scraper.state.db import Database
    from scraper.state.items import ItemBook

    with Database.reading(found.ledger) as db, closing(OutputFolder(found.dest, create=False)) as disk:
        if run is not None:
            _check(db, run)
        if what == "items":
            job = None if found.loaded is None else found.loaded.job
            yield sheets.items(ItemBook(db, disk.look, look_many=disk.look_many), job, run)
        else:
            yield sheets.view(db, what, run or _newest(db))


def _newest(db: Database) -> str:
    found = db.value("SELECT run FROM runs ORDER BY id DESC LIMIT 1")
    return str(found or "")


def _check(db: Database, run: str) -> None:
    known = [name for (name,) in db.tuples("SELECT run FROM runs ORDER BY id DESC")]
    if run not in known:
        newest = f"the newest are {', '.join(known[:3])}" if known else "there was none yet"
        raise UsageError(f"no run {run} is in this ledger; {newest}")


# -- where -------------------------------------------------------------------------------------------------


def _to_file(table: Table, form: str, goal: Path) -> None:
    """As a part beside it, then renamed: what stood there stands until the new one is whole."""
    from scraper.files.refusals import refuse_special
    from scraper.run import sheets

    part = goal.with_name(f"{goal.name}.part")
    try:
        refuse_special(goal)
        with tempfile.TemporaryDirectory(prefix=".scraper-", dir=goal.parent) as scratch:
            with part.open("wb") as file:
                for piece in sheets.pieces(form, table, Path(scratch, "records.part")):
                    file.write(piece)
            os.replace(part, goal)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"{goal} cannot be written: {error.strerror}") from error


def _to_stdout(table: Table, form: str) -> None:
    from scraper.run import sheets

    out = sys.stdout.buffer
    with tempfile.TemporaryDirectory(prefix="scraper-") as scratch:
        found: Iterable[bytes] = sheets.pieces(form, table, Path(scratch, "records.part"))
        if sys.stdout.isatty():
            found = map(_SHOWN[form], found)
        for piece in found:
            out.write(piece)
    out.flush()


def _json_shown(piece: bytes) -> bytes:
    """As JSON escapes it: nothing that came from outside is an escape on a terminal (DESIGN 4.10)."""
    from scraper.cli.run import unseen_escaped

    return "\n".join(map(unseen_escaped, piece.decode().split("\n"))).encode()


def _csv_shown(piece: bytes) -> bytes:
    from scraper.run.events import printable

    return "\n".join(map(printable, piece.decode().replace("\r\n", "\n").split("\n"))).encode()


_SHOWN: dict[str, Callable[[bytes], bytes]] = {"jsonl": _json_shown, "json": _json_shown, "csv": _csv_shown}
