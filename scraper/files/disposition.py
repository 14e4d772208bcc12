"""What a Content-Disposition header calls the file (RFC 6266, RFC 8187), read by hand and in one pass.

Theory. `;` parts the header: the type, then `name=value` slots. A value that begins with `"` is a quoted
string with `\\` escapes, and what stands between its end and the next `;` is dropped; any other value runs
to the next `;`, spaces and all, as browsers take it. A slot without `=` or whose quote never closes is left
out. Of duplicates the first counts. `name*` is decoded beside its raw form, and takes the place of `name`.
RFC 2047 words and RFC 2231 continuations are no part of HTTP (RFC 6266 appendix C, D) and stay as they are.
Each character is looked at a fixed number of times.

Header text is Latin-1, one character per byte on the wire. Many servers send UTF-8 there: `filename_from`
takes bytes that are UTF-8 for UTF-8, as browsers do; `parse_disposition` leaves them.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from scraper.files.naming import known_ext
from scraper.files.types import extension_for

_SPACE = " \t\r\n"
_CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "iso-8859-1": "latin-1"}
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_CLOSING_QUOTE = re.compile(r'(?:[^"\\]|\\.)*+"', re.DOTALL)


class Disposition(NamedTuple):
    """A parsed header: the type in lower case, and parameters by lower-case name, extended ones raw and
    decoded.
    """

    type: str
    params: dict[str, str]


class _Slot(NamedTuple):
    name: str
    value: str
    quoted: bool


def parse_disposition(header: str) -> Disposition:
    """Read a Content-Disposition header as far as it can be read; never raises."""
    kind, _, rest = header.partition(";")
    slots: dict[str, _Slot] = {}
    for slot in _slots(rest):
        slots.setdefault(slot.name, slot)
    params = {slot.name: slot.value for slot in slots.values()}
    for slot in slots.values():
        if slot.name.endswith("*") and not slot.quoted and (decoded := _extended(slot.value)) is not None:
            params[slot.name[:-1]] = decoded
    return Disposition(kind.strip(_SPACE).lower(), params)


def _slots(rest: str) -> list[_Slot]:
    found: list[_Slot] = []
    at = 0
    while at < len(rest):
        slot, at = _slot(rest, at)
        if slot is not None:
            found.append(slot)
    return found


def _slot(rest: str, at: int) -> tuple[_Slot | None, int]:
    """One parameter from `at`, and where the next begins."""
    end = _find(rest, ";", at)
    equals = rest.find("=", at, end)
    if equals < 0:
        return None, end + 1
    name = rest[at:equals].strip(_SPACE).lower()
    begin = equals + 1
    while begin < end and rest[begin] in _SPACE:
        begin += 1
    if not rest.startswith('"', begin):
        return _Slot(name, rest[begin:end].strip(_SPACE), quoted=False), end + 1
    closed = _CLOSING_QUOTE.match(rest, begin + 1)
    if closed is None:
        return None, len(rest)
    value = _QUOTED_PAIR.sub(r"\1", closed[0][:-1])
    return _Slot(name, value, quoted=True), _find(rest, ";", closed.end()) + 1


def _find(text: str, mark: str, at: int) -> int:
    found = text.find(mark, at)
    return len(text) if found < 0 else found


def _extended(value: str) -> str | None:
    """An ext-value (RFC 8187 3.2.1) decoded; None where charset, form or bytes are not as they should be."""
    charset, first, rest = value.partition("'")
    _, second, encoded = rest.partition("'")
    codec = _CHARSETS.get(charset.strip(_SPACE).lower())
    if not (first and second and codec) or _BAD_PERCENT.search(encoded):
        return None
    try:
        return unquote_to_bytes(encoded.encode("latin-1")).decode(codec)
    except UnicodeError:
        return None


def filename_from(header: str) -> str | None:
    """The file name a Content-Disposition header gives, or None; never raises.

    `filename*` before `filename`. Only what follows the last `/` or `\\` counts (RFC 6266 4.3). The name is
    not yet safe to write: `naming.safe_path` makes it so. A header that forgot its type, and a `filename*`
    in quotes, are read too, since browsers read them.
    """
    params = parse_disposition(header).params
    if "filename" not in params and "filename*" not in params:
        params = parse_disposition(";" + header).params
    name = _extended(params.get("filename*", ""))
    if name is None:
        name = _as_utf8(params.get("filename", ""))
    last = re.split(r"[/\\]", name)[-1].strip()
    return None if last in ("", ".", "..") else last


def _as_utf8(text: str) -> str:
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def extension_from(disposition: str | None, content_type: str | None) -> str:
    """The extension that a response tells (DESIGN 4.6), in lower case with its dot, else an empty text.

    The known extension of Content-Disposition's file name comes before that of Content-Type.
    """
    name = filename_from(disposition or "") or ""
    return known_ext(name).lower() or extension_for(content_type or "")
