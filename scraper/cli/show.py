"""What a person sees of a run. Owns tqdm.

stdout carries data only: the paths of saved files, each on a line. Everything else
goes to stderr: log lines, and on a terminal the bars, one for the whole and one for
each of up to four files in flight. Bars are drawn by the main thread, at most ten
times a second; nothing is counted per piece for their sake.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from scraper import secrets
from scraper.model import Outcome, Summary
from scraper.run.events import ENDINGS, Events, printable
from scraper.units import human_bytes, human_seconds

LINES = 4
PAUSE = 0.1


class Shown(Events):
    """The run on a terminal, or in a log.

    Args:
        quiet: errors only; verbose: every page and file.
        paths: print the path of each saved file to stdout.
    """

    def __init__(self, *, quiet: bool, verbose: bool, paths: bool) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._paths = paths
        self._lock = threading.Lock()
        self._dest = ""
        self._pages = self._files = self._failed = self._bytes = 0
        self._drawn = 0.0
        self._noted = ""
        self._bars: _Bars | None = None
        self._handler = _Lines(self)
        self._handler.addFilter(lambda record: not record.name.startswith("scraper.server"))
        self._handler.setLevel(logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING)
        self._logger = logging.getLogger("scraper")
        self._endings = logging.getLogger(ENDINGS)

    def __enter__(self) -> Shown:
        self._logger.addHandler(self._handler)
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        self.done()
        self._logger.removeHandler(self._handler)
        self._logger.propagate = True

    # -- events ----------------------------------------------------------------------------------------

    def begun(self, run: str, *, continued: bool, dest: str) -> None:
        """Says that an open run is continued, and opens the bars."""
        self._dest = dest
        if continued:
            self.say(f"continuing the open run {run}")
        if sys.stderr.isatty() and not self._quiet:
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
        """Says what a signal left to say, and draws."""
        self._say_noted()
        now = time.monotonic()
        if self._bars is not None and now - self._drawn >= PAUSE:
            self._drawn = now
            ended = self._pages + self._files
            files = list(flying.values())
            count = self._bytes + sum(each.received for each in files)
            self._bars.draw(ended, open_count, count, self._failed, files)

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

    def say(self, text: str) -> None:
        """A line for people, on stderr."""
        if not self._quiet:
            self._line(printable(text), sys.stderr)

    def _tell(self, url: str, ending: str, why: str) -> None:
        if ending.startswith("failed"):
            with self._lock:
                self._failed += 1
            self._endings.warning("%s: %s (%s)", url, why or "failed", ending.partition(":")[2])
        else:
            self._endings.info("%s: %s", url, ending)

    def _out(self, text: str) -> None:
        self._line(secrets.display(text), sys.stdout)

    def _line(self, text: str, file: Any) -> None:
        with self._lock, self._bars.aside(file) if self._bars else nullcontext():
            file.write(f"{text}\n")
            file.flush()

    def summary(self, summary: Summary, *, stays: bool = True) -> None:
        """The last lines; `stays`: whether the output folder does."""
        self._say_noted()
        items, files = summary.items, summary.files
        told = [_count(summary.pages.ok, "page")] if summary.pages.ok or not self._files else []
        if items.total or items.failed:
            changes = (("new", items.new), ("changed", items.changed), ("gone", items.gone))
            told.append(f"{_count(items.total, 'item')} ({', '.join(f'{number} {word}' for word, number in changes)})")
        told.append(f"{_count(files.saved, 'file')} saved ({human_bytes(summary.bytes)})")
        failed = summary.pages.failed + items.failed + files.failed
        others = (("unchanged", files.unchanged), ("skipped", files.skipped), ("failed", failed))
        told += [f"{number} {word}" for word, number in others if number]
        self.say(f"{summary.job}: {', '.join(told)} in {human_seconds(summary.seconds)}")
        if stays:
            self.say(f"  in {self._dest}")


class _Lines(logging.Handler):
    """Log records as lines that do not break the bars."""

    def __init__(self, shown: Shown) -> None:
        super().__init__()
        self._shown = shown

    def emit(self, record: logging.LogRecord) -> None:
        """One line; a traceback below it."""
        text = printable(secrets.display(record.getMessage()))
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        self._shown._line(text, sys.stderr)


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


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
