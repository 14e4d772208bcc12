"""Values of the flow as the ledger keeps them, and places as bytes that sort as they should."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from operator import attrgetter
from struct import Struct
from typing import Any

from scraper import secrets
from scraper.model import Download, Place, Request, rank

_DATE = "$date"
_FIRST_64_BITS = Struct(">q").unpack_from


def encode_place(place: Place) -> bytes:
    """Bytes whose order is the tuples' order: each number as its length and its big-endian digits."""
    return b"".join(map(_number, place))


def encode_rank(place: Place) -> bytes:
    """Bytes whose order is that of `model.rank`: nearer to the start first, then record order."""
    if len(place) < 2:
        return b"".join(map(_number, (rank(place)[0], *place)))
    return _rank_above(place[:-2]) + _number(place[-2]) + _number(place[-1])


@lru_cache(maxsize=256)
def _rank_above(above: Place) -> bytes:
    """The rank of what stands below `above`, without its last two numbers: the same for all links of a page."""
    return b"".join(map(_number, (rank((*above, 0, 0))[0], *above)))


def decode_rank(data: bytes) -> Place:
    """The place of which `encode_rank` made these bytes."""
    numbers, at = [], 0
    while at < len(data):
        end = at + 1 + data[at]
        numbers.append(int.from_bytes(data[at + 1 : end], "big"))
        at = end
    return tuple(numbers[1:])


def _number(number: int) -> bytes:
    if number < 256:
        return _SMALL[number]
    size = (number.bit_length() + 7) // 8
    return bytes((size,)) + number.to_bytes(size, "big")


_SMALL = [bytes((1, number)) for number in range(256)]


def key_mark(key: str) -> int:
    """64 bits by which the names of a file's key are found; two keys may share them."""
    return int(_FIRST_64_BITS(sha256(b"k" + key.encode("utf-8", "surrogatepass")).digest())[0])


def fold_mark(fold: str) -> int:
    """64 bits by which the name is found that a path takes, folded by `naming.fold`; two folds may share them."""
    return int(_FIRST_64_BITS(sha256(b"" + fold.encode("utf-8", "surrogatepass")).digest())[0])


def dump(value: Any) -> str:
    """JSON that keeps dates as dates."""
    return _encoded(value)


def load(text: str) -> Any:
    """What `dump` wrote."""
    return json.loads(text, object_hook=_hook)


def dump_record(value: Any) -> str:
    """JSON as people read it: dates in ISO 8601."""
    return json.dumps(value, default=_plain, ensure_ascii=False)


def dump_request(request: Request) -> str:
    """A Request as JSON; what is at its default is left out."""
    return dump(_as_dict(request))


def load_request(text: str) -> Request:
    """What `dump_request` wrote."""
    return _request(load(text))


_COLUMNS = frozenset(
    ("url", "key", "path", "place", "template", "found", "keyed", "via_public", "item_key", "found_on")
)
"""What the ledger says of a Download in columns of their own."""
_REST = tuple(each for each in fields(Download) if each.name not in _COLUMNS)
_rest = attrgetter(*(each.name for each in _REST))
_PLAIN = tuple(each.default if each.default_factory is MISSING else each.default_factory() for each in _REST)
_FOUND, _KEYED, _VIA_PUBLIC = 1, 2, 4
RENEWED = 8
"""The flag of a file that was refused and got a new URL; that happens once a run."""
FORGOTTEN = 16
"""The flag of a file that was forgotten since: how it ended is told, and counts no more."""


def flags_of(download: Download) -> int:
    """What is true or false of a Download, as one number."""
    return _FOUND * download.found | _KEYED * download.keyed | _VIA_PUBLIC * download.via_public


def is_plain(download: Download) -> bool:
    """Whether `dump_more` has nothing to say, and no column but `url` and `path` either."""
    return download.item_key is None and download.found_on is None and _rest(download) == _PLAIN


def shown(text: str) -> str:
    """`secrets.display`, at once where no mark can be in the text."""
    return text if text.isascii() else secrets.display(text)


def dump_more(download: Download) -> str | None:
    """What no column says of a Download, as JSON: what is not at its default, and texts that hold marks; or None."""
    more: dict[str, Any] = {}
    rest = _rest(download)
    if rest != _PLAIN:
        pairs = zip(_REST, rest, _PLAIN, strict=True)
        more = {each.name: value for each, value, plain in pairs if value is not None and value != plain}
    for name in ("url", "item_key", "found_on"):
        text = getattr(download, name)
        if text is not None and shown(text) != text:
            more[name] = text
    return dump(more) if more else None


def load_download(
    url: str, key: str, path: str, template: str, item_key: str | None, found_on: str | None, rank: bytes,
    flags: int, more: str | None,
) -> Download:  # fmt: skip
    """A Download from its columns and what `dump_more` wrote."""
    download = Download(
        url, key, path, item_key, place=decode_rank(rank), keyed=bool(flags & _KEYED), template=template,
        found=bool(flags & _FOUND), via_public=bool(flags & _VIA_PUBLIC), found_on=found_on,
    )  # fmt: skip
    return download if more is None else replace(download, **load(more))


def _request(given: dict[str, Any]) -> Request:
    if given.get("auth") is not None:
        from scraper.job.parts import Auth

        given["auth"] = Auth.model_validate(given["auth"])
    if given.get("first") is not None:
        given["first"] = _request(given["first"])
    given["place"] = tuple(given.get("place", (0,)))
    return Request(**given)


_ASKED = tuple((each.name, each.default) for each in fields(Request))
_asked = attrgetter(*(name for name, _ in _ASKED))


def _as_dict(value: Request) -> dict[str, Any]:
    pairs = zip(_ASKED, _asked(value), strict=True)
    return {name: inner for (name, plain), inner in pairs if inner is not None and inner != plain}


def _default(value: Any) -> Any:
    if isinstance(value, datetime):
        return {_DATE: value.isoformat()}
    if isinstance(value, Request):
        return _as_dict(value)
    if hasattr(value, "model_dump"):  # Auth; its class is not loaded by who has none
        return value.model_dump(exclude_none=True)
    return _mapping(value)


_encoded = json.JSONEncoder(default=_default, ensure_ascii=False, separators=(",", ":")).encode
"""Made once: `json.dumps` makes one for each text that is not at its defaults."""


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else _mapping(value)


def _mapping(value: Any) -> Any:
    if hasattr(value, "keys"):
        return {key: value[key] for key in value}
    raise TypeError(f"{type(value).__name__} is not kept in the ledger")


def _hook(value: dict[str, Any]) -> Any:
    return datetime.fromisoformat(value[_DATE]) if _DATE in value and len(value) == 1 else value
