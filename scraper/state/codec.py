"""Values of the flow as the ledger keeps them, and places as bytes that sort as they should."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from typing import Any

from scraper.job.parts import Auth
from scraper.model import Download, Place, Request, rank

_DATE = "$date"


def encode_place(place: Place) -> bytes:
    """Bytes whose order is the tuples' order: each number as its length and its big-endian digits."""
    return b"".join(_number(number) for number in place)


def encode_rank(place: Place) -> bytes:
    """Bytes whose order is that of `model.rank`: nearer to the start first, then record order."""
    length, where = rank(place)
    return _number(length) + encode_place(where)


def _number(number: int) -> bytes:
    digits = number.to_bytes((number.bit_length() + 7) // 8 or 1, "big")
    return bytes((len(digits),)) + digits


def dump(value: Any) -> str:
    """JSON that keeps dates as dates."""
    return json.dumps(value, default=_default, ensure_ascii=False, separators=(",", ":"))


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


def dump_download(download: Download) -> str:
    """A Download as JSON."""
    return dump(_as_dict(download))


def load_download(text: str) -> Download:
    """What `dump_download` wrote."""
    given = load(text)
    given["place"] = tuple(given.get("place", (0,)))
    return Download(**given)


def _request(given: dict[str, Any]) -> Request:
    if given.get("auth") is not None:
        given["auth"] = Auth.model_validate(given["auth"])
    if given.get("first") is not None:
        given["first"] = _request(given["first"])
    given["place"] = tuple(given.get("place", (0,)))
    return Request(**given)


def _as_dict(value: Request | Download) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for each in fields(value):
        inner = getattr(value, each.name)
        if inner is not None and inner != each.default:
            kept[each.name] = inner
    return kept


def _default(value: Any) -> Any:
    if isinstance(value, datetime):
        return {_DATE: value.isoformat()}
    if isinstance(value, Auth):
        return value.model_dump(exclude_none=True)
    if isinstance(value, Request):
        return _as_dict(value)
    return _mapping(value)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else _mapping(value)


def _mapping(value: Any) -> Any:
    if hasattr(value, "keys"):
        return {key: value[key] for key in value}
    raise TypeError(f"{type(value).__name__} is not kept in the ledger")


def _hook(value: dict[str, Any]) -> Any:
    return datetime.fromisoformat(value[_DATE]) if _DATE in value and len(value) == 1 else value
