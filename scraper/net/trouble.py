"""Exceptions become our error classes: tables of rows, the first that fits counts.

What requests and urllib3 raise hides its cause in args, reason and context, so a row is
looked for among all causes. What no row knows is a bug and stays what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from scraper import errors

Conceal = Callable[[str], str]


class Row(NamedTuple):
    """What an exception means.

    Attributes:
        kind: the exception class; cls: ours; message: what it means.
        sent: whether a byte of the request may have reached the server.
        final: whether trying again cannot help.
    """

    kind: Any
    cls: type[errors.RequestError]
    message: str
    sent: bool = True
    final: bool = False


def classify(error: Exception, url: str, rows: Iterable[Row], conceal: Conceal = str) -> errors.RequestError | None:
    """The error of the first row that fits, its message free of secrets; None: a bug."""
    found = list(causes(error))
    for row in rows:
        cause = next((one for one in found if isinstance(one, row.kind)), None)
        if cause is not None:
            return row.cls(url, f"{row.message}: {short(cause, conceal)}", sent=row.sent, final=row.final)
    return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and all that it wraps."""
    seen: set[int] = set()
    queue: list[Any] = [error]
    while queue:
        one = queue.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            queue += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def short(error: BaseException, conceal: Conceal = str) -> str:
    """The innermost message, on one line, without object addresses; secrets go before it is cut."""
    inner = list(causes(error))[-1]
    text = conceal(getattr(inner, "strerror", None) or str(inner) or type(inner).__name__).replace("\n", " ")
    return text if len(text) < 200 else text[:200] + "…"
