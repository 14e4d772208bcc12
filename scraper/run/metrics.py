"""Figures of a run for who watches many: a Prometheus textfile, a StatsD. Written once, when the run has ended.

    figures(summary, ...) -> the figures      pure
    exposition(figures)   -> Prometheus' text format 0.0.4
    datagrams(figures)    -> StatsD's, below what one packet takes

A job is no server that could be asked, so its figures lie in a file, which the node exporter's textfile collector
shows. All are gauges of the last run, with the job as a label; names and units are by Prometheus' conventions. The
file is replaced whole, so nobody reads half of one, and belongs to one job: with figures of another in it, it stays.
The writer is ours: it is shorter than what it would take to have a library as an extra.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scraper import errors, secrets
from scraper.model import Summary
from scraper.values import dataclass

if TYPE_CHECKING:
    from scraper.run.kit import Kit

log = logging.getLogger("scraper")
PREFIX = "scraper_run"
MOST = 1432
"""Bytes of a datagram that come through any Ethernet unbroken, as StatsD's own manual has it."""
_JOB = re.compile(r'\bjob="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric.

    Attributes:
        name: without the prefix; about: its HELP line.
        label: what its samples differ by; "" where there is one.
        samples: value of `label` -> value.
        counts: whether it counts what this run did, so that a StatsD adds it up over runs.
    """

    name: str
    about: str
    samples: Mapping[str, float]
    label: str = ""
    counts: bool = False


def figures(
    summary: Summary, failures: Mapping[str, int], *, ended: datetime, succeeded: datetime | None
) -> list[Figure]:
    """What a run came to.

    Args:
        failures: class -> how many pages, items and files failed so.
        ended: now; succeeded: when the last run ended whose exit code was 0, None: there is none.
    """
    items = summary.items
    changes = {"new": items.new, "changed": items.changed, "unchanged": items.total - items.new - items.changed}
    found = [
        Figure("ended_timestamp_seconds", "When the last run ended, in seconds since 1970.", {"": ended.timestamp()}),
        Figure("exit_code", "Exit code of the last run; 0: done, nothing failed.", {"": int(summary.exit_code)}),
        Figure("duration_seconds", "How long the last run worked.", {"": round(summary.seconds, 3)}),
        Figure("pages", "Pages of the last run by how they ended.", summary.pages.as_dict(), "ending", True),
        Figure(
            "items", "Items of the last run against what was known.",
            {**changes, "gone": items.gone, "failed": items.failed}, "change", True,
        ),
        Figure("files", "Files of the last run by how they ended.", summary.files.as_dict(), "ending", True),
        Figure("saved_bytes", "Bytes of the files that the last run saved.", {"": summary.bytes}, counts=True),
        Figure("failures", "What failed in the last run by class.", failures, "class", True),
    ]  # fmt: skip
    if succeeded is not None:
        about = "When the last run ended whose exit code was 0, in seconds since 1970."
        found.insert(1, Figure("succeeded_timestamp_seconds", about, {"": succeeded.timestamp()}))
    return found


# -- Prometheus --------------------------------------------------------------------------------------------


def exposition(job: str, found: Iterable[Figure]) -> str:
    """The figures in Prometheus' text format 0.0.4."""
    return "".join(line for figure in found for line in _lines(job, figure))


def _lines(job: str, figure: Figure) -> Iterator[str]:
    name = f"{PREFIX}_{figure.name}"
    yield f"# HELP {name} {_escaped(figure.about)}\n"
    yield f"# TYPE {name} gauge\n"
    for value, number in figure.samples.items():
        labels = {"job": job} | ({figure.label: value} if figure.label else {})
        told = ",".join(f'{label}="{_quoted(text)}"' for label, text in labels.items())
        yield f"{name}{{{told}}} {number!r}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')


def write(path: Path, job: str, text: str) -> None:
    """Replaces the file.

    Raises:
        OSError: it cannot be written, or (FileExistsError) it holds figures of another job, or of another program.
    """
    before = _text_of(path)
    others = set(_JOB.findall(before)) - {job}
    if others:
        told = ", ".join(sorted(others))
        raise FileExistsError(None, f"it holds figures of {told}; each job needs a file of its own", str(path))
    if before.strip() and f"{PREFIX}_" not in before:
        raise FileExistsError(None, "it holds figures of another program", str(path))
    part = path.with_name(f".{path.name}.{os.getpid()}")  # the collector reads *.prom
    try:
        part.write_text(text, "utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _text_of(path: Path) -> str:
    """What stands in the file.

    Raises:
        OSError: it cannot be read, or (FileExistsError) is none: reading a pipe might never end.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise FileExistsError(None, "no regular file stands there", str(path))
        return path.read_text("utf-8", "replace")
    return ""


# -- StatsD ------------------------------------------------------------------------------------------------


def datagrams(job: str, found: Iterable[Figure], most: int = MOST) -> list[bytes]:
    """The figures as lines of StatsD (`scraper.books.files.saved:12|c`), as many in a datagram as it takes."""
    packed: list[bytes] = []
    for line in (line for figure in found for line in _stats(job, figure)):
        if packed and len(packed[-1]) + 1 + len(line) <= most:
            packed[-1] += b"\n" + line
        else:
            packed.append(line)
    return packed


def _stats(job: str, figure: Figure) -> Iterator[bytes]:
    for value, number in figure.samples.items():
        name = ".".join(filter(None, (_word(job), _word(figure.name), _word(value))))
        if figure.name == "duration_seconds":
            yield f"scraper.{_word(job)}.duration:{round(number * 1000)}|ms".encode()
        elif not figure.counts:
            yield f"scraper.{name}:{round(number)}|g".encode()
        elif number:
            yield f"scraper.{name}:{number}|c".encode()


def _word(text: str) -> str:
    """A part of a name: `http:404` has a colon, which ends names."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)


# -- both --------------------------------------------------------------------------------------------------


def tell(kit: Kit, ledger: Path, summary: Summary) -> None:
    """Writes and sends the figures of a run; what does not succeed is told, and the run is what it was."""
    job, wanted = kit.job.name, kit.job.metrics
    try:
        found = _figures(kit, ledger, summary)
    except errors.ScraperError as error:
        log.error("metrics: %s", error)
        return
    if wanted.textfile:
        path = _path(kit, wanted.textfile)
        try:
            write(path, job, exposition(job, found))
        except OSError as error:
            log.error("metrics.textfile: %s: %s", path, error.strerror)
    if wanted.statsd:
        _send(wanted.statsd, datagrams(job, found))


def _figures(kit: Kit, ledger: Path, summary: Summary) -> list[Figure]:
    from scraper.state import groups, met
    from scraper.state.db import Database

    with Database.reading(ledger) as db:
        failures = {group.name: group.count for group in groups.failed(db, summary.run)}
        succeeded = met.last_success(db, kit.job.name)
    return figures(summary, failures, ended=kit.options.now(), succeeded=succeeded)


def _path(kit: Kit, textfile: str) -> Path:
    """The file, a mark for each secret in its name; in a folder each job has its own."""
    path = kit.loaded.folder_of(("metrics", "textfile")) / secrets.display(textfile)
    return path / f"scraper-{kit.job.name}.prom" if textfile.endswith("/") else path


def _send(statsd: str, packed: list[bytes]) -> None:
    from scraper.net import wire

    host, _, port = statsd.rpartition(":")
    try:
        wire.send_datagrams(host.strip("[]"), int(port), packed)
    except OSError as error:
        log.warning("metrics.statsd: %s: %s", statsd, error.strerror or error)
