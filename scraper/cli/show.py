"""What a person sees of a run. Owns tqdm.

stdout carries data only: the paths of saved files, each on a line. Everything else
goes to stderr: log lines, and on a terminal the bars, one for the whole and one for
each of up to four files in flight. Bars are drawn by the main thread, at most ten
times a second; nothing is counted per piece for their sake. Where stderr is no
terminal, a line tells every half minute how far the run is.

With `log_format` json everything on stderr is an object a line, what is said to
people too; a log file gets the same lines, or human ones with their time.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scraper import secrets
from scraper.errors import Exit
from scraper.model import Outcome, Summary
from scraper.run.events import COMMANDS, ENDINGS, Events, printable
from scraper.units import human_bytes

if TYPE_CHECKING:
    from scraper.run.logfile import JsonLines

LINES = 4
PAUSE = 0.1
REPORT = 30.0
"""Seconds between two lines of progress where there are no bars."""
COLOURS = {"good": "32", "bad": "1;31", "stopped": "33", "failed": "31", "next": "36", "skipped": "2", "in": "2"}
"""Of SGR (ECMA-48), by what a line is."""

FAILED = (Exit.BUG, Exit.FAILURES, Exit.LIMIT, Exit.EXPECT)
"""Exit codes of runs whose first line of the last ones is an error: with -q too somebody (cron's mail) shall see it."""


@dataclass(frozen=True)
class Told:
    """Of what run is told.

    Attributes:
        loaded: its job (job.loaded); bare: it is a `get`.
        state: the folder of its ledger, if that was named.
        given: options of the command line that another command needs to find the same ledger, and the same job.
    """

    loaded: Any
    state: Path | None = None
    bare: bool = False
    given: tuple[str, ...] = ()

    @property
    def job(self) -> str:
        """The file of the job; "" where there is none to be named again."""
        file = "" if self.bare else str(self.loaded.places.file)
        return file if Path(file).is_file() else ""


class Shown(Events):
    """The run on a terminal, or in a log.

    Args:
        quiet: errors only; verbose: every page and file.
        paths: print the path of each saved file to stdout.
        log_format: `human` or `json`; log_file: a file that is appended to.
        told: of what run, where its last lines are to say how to go on.
        clock: as time.monotonic.
    """

    def __init__(
        self, *, quiet: bool, verbose: bool, paths: bool, log_format: str = "human", log_file: Path | None = None,
        told: Told | None = None, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._quiet = quiet
        self._told = told
        self._clock = clock
        self._json: JsonLines | None = _json_lines(told) if log_format == "json" else None
        self._file_path = log_file
        self._file: logging.Handler | None = None
        self._run = ""
        self._skipped: Mapping[str, int] = {}
        self._groups: Sequence[Any] = ()
        self._began = self._progressed = clock()
        self._verbose = verbose
        self._paths = paths
        self._lock = threading.Lock()
        self._dest = ""
        self._pages = self._files = self._failed = self._bytes = 0
        self._drawn = 0.0
        self._noted = ""
        self._bars: _Bars | None = None
        self._handler = _Lines(self)
        self._handler.setFormatter(self._json)
        self._handler.addFilter(lambda record: not record.name.startswith(("scraper.server", COMMANDS)))
        self._handler.setLevel(logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING)
        self._logger = logging.getLogger("scraper")
        self._endings = logging.getLogger(ENDINGS)
        self._printed = _Lines(self)
        self._printed.setFormatter(self._json)
        self._printed.setLevel(logging.ERROR if quiet else logging.INFO)

    def __enter__(self) -> Shown:
        self._logger.addHandler(self._handler)
        logging.getLogger(COMMANDS).addHandler(self._printed)
        if self._file_path is not None:
            from scraper.cli.logfile import HumanLines, open_log

            self._file = open_log(self._file_path, self._json or HumanLines(), self._no_file)
            if self._file is not None:
                self._logger.addHandler(self._file)
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        self.done()
        self._logger.removeHandler(self._handler)
        logging.getLogger(COMMANDS).removeHandler(self._printed)
        if self._file is not None:
            self._logger.removeHandler(self._file)
            self._file.close()
        self._logger.propagate = True

    def _no_file(self, why: str) -> None:
        """Nothing is lost but lines of a log."""
        self.say(f"--log-file {why}; the run goes on without it", logging.WARNING)

    # -- events ----------------------------------------------------------------------------------------

    def begun(self, run: str, *, continued: bool, dest: str) -> None:
        """Says that an open run is continued, and opens the bars."""
        self._dest, self._run = dest, run
        self._began = self._progressed = self._clock()
        if self._json is not None:
            self._json.about["run"] = run
        if continued:
            self.say(f"continuing the open run {run}")
        if sys.stderr.isatty() and not self._quiet and self._json is None:
            self._bars = _Bars()

    def page_ended(self, url: str, ending: str, why: str) -> None:
        """Counts; tells what failed."""
        with self._lock:
            self._pages += 1
        self._tell(url, ending, why)

    def file_ended(self, outcome: Outcome) -> None:
        """One file."""
        self.files_ended([outcome])

    def files_ended(self, outcomes: Sequence[Outcome]) -> None:
        """Counts; prints the paths of saved files, in one piece; tells what failed."""
        saved = [outcome for outcome in outcomes if outcome.ending == "saved"]
        with self._lock:
            self._files += len(outcomes)
            self._bytes += sum(outcome.bytes for outcome in saved)
        if saved and self._paths:
            self._out("\n".join(f"{self._dest}/{outcome.path}" for outcome in saved))
        for outcome in outcomes:
            if self._verbose or outcome.ending != "saved":
                self._tell(outcome.url or outcome.path, outcome.ending, outcome.why)

    def planned(self, path: str) -> None:
        """Prints the path that a dry run would fetch."""
        if self._paths:
            self._out(f"{self._dest}/{path}")

    def tick(self, open_count: int, flying: dict[int, Any]) -> None:
        """Says what a signal left to say, and draws, or tells now and then how far the run is."""
        self._say_noted()
        now = self._clock()
        if self._bars is None and now - self._progressed >= REPORT:
            self._progressed = now
            self.say(self._progress(open_count, sum(each.received for each in list(flying.values())), now))
        if self._bars is not None and now - self._drawn >= PAUSE:
            self._drawn = now
            ended = self._pages + self._files
            files = list(flying.values())
            count = self._bytes + sum(each.received for each in files)
            self._bars.draw(ended, open_count, count, self._failed, files)

    def _progress(self, open_count: int, received: int, now: float) -> str:
        ended, count = self._pages + self._files, self._bytes + received
        rate = human_bytes(count / max(0.1, now - self._began))
        wrong = f", {self._failed} failed" if self._failed else ""
        return f"{ended} of {ended + open_count} pages and files, {human_bytes(count)}, {rate}/s{wrong}"

    def came(self, skipped: Mapping[str, int], failed: Sequence[Any]) -> None:
        """Kept for the last lines."""
        self._skipped, self._groups = skipped, failed

    def done(self) -> None:
        """Closes the bars."""
        bars, self._bars = self._bars, None
        if bars is not None:
            bars.close()

    # -- lines -----------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """A line for people that the next tick says: a signal handler must not wait for a lock."""
        self._noted = text

    def _say_noted(self) -> None:
        text, self._noted = self._noted, ""
        if text:
            self.say(text)

    def say(self, text: str, level: int = logging.INFO, code: str = "") -> None:
        """A line for people, on stderr and in the log file; `code`: of its colour on a terminal."""
        self._say(text, self._kept(text, level), code)

    def _kept(self, text: str, level: int = logging.INFO, **about: Any) -> logging.LogRecord:
        """What is said as a log record, which the log file has now."""
        record = logging.LogRecord("scraper.cli", level, "", 0, text, None, None)
        record.__dict__.update(about)
        if self._file is not None:
            self._file.handle(record)
        return record

    def _say(self, text: str, record: logging.LogRecord, code: str = "") -> None:
        if self._quiet and record.levelno < logging.ERROR:
            return
        shown = printable(secrets.display(text)) if self._json is None else self._json.format(record)
        self._line(f"\x1b[{code}m{shown}\x1b[0m" if code and self._has_colours() else shown, sys.stderr)

    def _has_colours(self) -> bool:
        return self._json is None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")

    def _tell(self, url: str, ending: str, why: str) -> None:
        kind, _, name = ending.partition(":")
        if kind == "failed":
            with self._lock:
                self._failed += 1
            self._endings.warning("%s: %s (%s)", url, why or "failed", name, extra={"url": url, "class": name})
        else:
            self._endings.info("%s: %s", url, ending, extra={"url": url})

    def _out(self, text: str) -> None:
        self._line(secrets.display(text), sys.stdout)

    def _line(self, text: str, file: Any) -> None:
        with self._lock, self._bars.aside(file) if self._bars else nullcontext():
            file.write(f"{text}\n")
            file.flush()

    def summary(self, summary: Summary, *, stays: bool = True) -> None:
        """The last lines; `stays`: whether the output folder does."""
        from scraper.cli import ending
        from scraper.run.headline import headline

        self._say_noted()
        of = self._told if self._told and stays else Told(None, bare=True)
        told = ending.Ending(
            summary, self._skipped, self._groups, of.job, of.given, str(of.state or ""),
            self._dest if stays else "", self._report() if stays else "",
        )  # fmt: skip
        level = logging.ERROR if summary.exit_code in FAILED else logging.INFO
        kept = self._kept(headline(summary), level, summary=secrets.display_all(summary.as_dict()))
        head = COLOURS[ending.told(told)]
        for at, (label, text) in enumerate(ending.lines(told)):
            if at and (self._json is not None or (self._quiet and label)):
                return  # the first one says it all; quiet, with its second line if it is a long one
            self._say(text, kept, COLOURS.get(label, "") if at else head)

    def _report(self) -> str:
        """The page that tells of this run, where one was written."""
        state = self._told.state if self._told and self._told.state else Path(self._dest, ".scraper")
        path = state / "runs" / self._run / "report.html"
        return str(path) if self._run and path.is_file() else ""


def _json_lines(told: Told | None) -> JsonLines:
    from scraper.run.logfile import JsonLines

    made = JsonLines()
    if told is not None:
        made.about["job"] = told.loaded.job.name
    return made


class _Lines(logging.Handler):
    """Log records as lines that do not break the bars."""

    def __init__(self, shown: Shown) -> None:
        super().__init__()
        self._shown = shown

    def emit(self, record: logging.LogRecord) -> None:
        """One line; a traceback below it."""
        self._shown._line((self.formatter or self).format(record), sys.stderr)

    def format(self, record: logging.LogRecord) -> str:
        """For people."""
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        first, *more = secrets.display(text).split("\n") if record.exc_info else [secrets.display(text)]
        return "\n".join(map(printable, (first, *more)))


class _Bars:
    """The bars of a terminal. tqdm is imported only where there is one."""

    def __init__(self) -> None:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no thread of its own: the main thread draws
        self.aside = tqdm.external_write_mode
        self._total = tqdm(
            total=0, unit="", dynamic_ncols=True, ascii=False, leave=False, miniters=1,
            bar_format="{desc} {bar} {n_fmt}/{total_fmt} {postfix}",
        )  # fmt: skip
        self._lines = [
            tqdm(
                total=0,
                position=at + 1,
                dynamic_ncols=True,
                ascii=False,
                leave=False,
                unit="B",
                unit_scale=True,
                unit_divisor=1024,
                bar_format="  {desc} {bar} {n_fmt}/{total_fmt}",
            )
            for at in range(LINES)
        ]
        self._began = time.monotonic()

    def draw(self, ended: int, open_count: int, count: int, failed: int, flying: list[Any]) -> None:
        """The state of things."""
        rate = count / max(0.1, time.monotonic() - self._began)
        self._total.total = ended + open_count
        self._total.n = ended
        wrong = f", {failed} failed" if failed else ""
        self._total.set_postfix_str(f"{human_bytes(count)}, {human_bytes(rate)}/s{wrong}", refresh=False)
        self._total.set_description_str("pages and files", refresh=False)
        self._total.refresh()
        for bar, file in zip(self._lines, [*flying[:LINES], *[None] * LINES], strict=False):
            if file is None:
                bar.clear()
                continue
            bar.n = file.received
            bar.total = file.size or bar.n
            bar.set_description_str(printable(file.task.path)[-40:], refresh=False)
            bar.refresh()

    def close(self) -> None:
        """Removes them from the screen."""
        for bar in (*self._lines, self._total):
            bar.close()
