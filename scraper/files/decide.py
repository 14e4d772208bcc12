"""What to do with a file, decided from what is known and what stands on the disk. Pure; others act.

at_reservation   its name is known, nothing was asked yet
conditions       the headers that ask whether a file that stands is still the same
recovered        what a killed run left: is it ours and whole?
may_resume       and if it is not: may its part be continued?
"""

from __future__ import annotations

from scraper.model import PartNote, Stood

SKIPPED, NAME_TAKEN = "skipped:exists", "failed:name"
OF_OTHERS = frozenset({SKIPPED, NAME_TAKEN})
"""Endings of files under whose name stands what is not ours."""
ANY_BOOT = "*"
"""The boot of a note whose bytes were on the disk before it was written: they are there after loss of power too."""
REPLACING = frozenset({"overwrite", "check"})
"""`existing` that puts a file over what stands under its name."""


def at_reservation(stood: Stood | None, existing: str) -> str | None:
    """The ending of a file that is not asked for, because of what stands under its name; None: fetch it."""
    if stood is None:
        return None
    return {"skip": SKIPPED, "fail": NAME_TAKEN}.get(existing)


def conditions(existing: str, etag: str | None, last_modified: str | None) -> dict[str, str]:
    """Conditional headers for `existing: check` (RFC 9110 section 13.1); {} where nothing is known."""
    if existing != "check":
        return {}
    if etag:
        return {"If-None-Match": etag}
    return {"If-Modified-Since": last_modified} if last_modified else {}


def recovered(stood_before: int | None, part_inode: int | None, now: Stood | None) -> bool:
    """Whether a final name of an open row is ours and whole (DESIGN 4.2).

    It is, if it is the inode of our part; where that was not noted, if nothing stood there when the name was
    reserved. (It is noted before a rename onto something, also onto what came after the name was reserved.)
    """
    if now is None or now.is_folder:
        return False
    return stood_before is None if part_inode is None else now.inode == part_inode


def may_resume(note: PartNote | None, now: Stood | None, boot: str, *, durable: bool) -> bool:
    """Whether a part is what its note says, as far as that can be known without asking the server.

    What was written in another boot may have been lost with the power, unless it was made durable (DESIGN 4.2);
    an unknown boot ("") is another one.
    """
    if note is None or note.validator is None or now is None or now.is_folder or now.inode != note.inode:
        return False
    return durable or note.boot == ANY_BOOT or (note.boot == boot != "")
