"""What a run came to, in one sentence: the last line on a terminal, and the text of a notice. Pure."""

from __future__ import annotations

from scraper.errors import Exit
from scraper.model import Summary
from scraper.units import counted, human_bytes, human_seconds

_STOPPED = {
    Exit.BUG: "ended by a bug",
    Exit.LIMIT: "stopped by a limit",
    Exit.EXPECT: "not what the job expects",
    Exit.SIGINT: "stopped",
    Exit.SIGTERM: "stopped",
}
"""What an exit code says that the counts do not."""
_FAST = 1 << 20
"""Bytes from which on their rate says something."""


def brought_nothing(summary: Summary) -> bool:
    """Whether a run changed nothing: no file was saved, no item is new, changed or gone."""
    items = summary.items
    return not (summary.files.saved or items.new or items.changed or items.gone)


def headline(summary: Summary, *, skipped: bool = True) -> str:
    """`books: 26 pages, 23 items (23 new), 23 files saved (165.9 kB) in 1.0 s`; what is none is left out.

    Args:
        skipped: whether to tell how many pages and files were skipped.
    """
    word = _STOPPED.get(Exit(summary.exit_code), "")
    if not word and not summary.failed and brought_nothing(summary):
        word = "nothing new"
    told = ", ".join(_parts(summary, skipped)) or "nothing to do"
    return f"{summary.job}: {f'{word}: ' if word else ''}{told} in {human_seconds(summary.seconds)}"


def _parts(summary: Summary, skipped: bool) -> list[str]:
    pages, items, files = summary.pages, summary.items, summary.files
    changed = {"new": items.new, "changed": items.changed, "gone": items.gone}
    changes = ", ".join(f"{number} {word}" for word, number in changed.items() if number)
    failed = pages.failed + items.failed + files.failed
    told = {
        counted(pages.ok + pages.unchanged, "page"): pages.ok + pages.unchanged,
        counted(items.total, "item") + (f" ({changes})" if changes else ""): items.total or changes,
        f"{counted(files.saved, 'file')} saved ({_size(summary)})": files.saved,
        f"{counted(files.unchanged, 'file')} unchanged": files.unchanged,
        f"{files.skipped + pages.skipped} skipped": skipped and files.skipped + pages.skipped,
        f"{failed} failed": failed,
    }
    return [text for text, number in told.items() if number]


def _size(summary: Summary) -> str:
    size, seconds = human_bytes(summary.bytes), summary.seconds
    return f"{size}, {human_bytes(summary.bytes / seconds)}/s" if summary.bytes >= _FAST and seconds > 0 else size
