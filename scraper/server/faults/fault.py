"""What a fault is, and the two ways to write one.

    @spoken                                              @answered
    def cut(line, told, at="50%"): ...                   def empty(request, inner): ...

`spoken` faults talk over the connection beneath HTTP, with the answer taken apart; `answered` faults give
another answer than what lies beneath. Either way the function becomes a maker: `cut(at=100)` is a Fault, whose
parameters were judged when it was made, not when it strikes. A Fault is a layer: `site.lay(fault)` puts it over
all routes, and `fault.over(handler)` over one.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Concatenate, Literal, ParamSpec, get_args, get_origin, get_type_hints

from scraper import units
from scraper.server.answers import Answer, Response, Scripted, is_fit, refuse
from scraper.server.faults.told import Told, take_apart
from scraper.server.line import Line
from scraper.server.refusal import BadRequest
from scraper.server.request import Request
from scraper.server.site import Answerer, Handler, Layer, make_answer

P = ParamSpec("P")

_MOST = 1_000_000
_LONGEST = 366 * 24 * 3600
_HELD = 64 << 20
_PLACE = re.compile(r"(\d{1,3}(?:\.\d+)?)%")


def position(value: int | str, size: int) -> int:
    """Which byte of `size` bytes a place is: `100`, `"10k"` or `"50%"`; never beyond the end.

    Raises:
        ValueError: not a place.
    """
    percent = _PLACE.fullmatch(value.strip()) if isinstance(value, str) else None
    if percent is None:
        try:
            return min(units.size(value), size)
        except ValueError as error:
            raise ValueError(f"{error}, or a share such as 50%" if isinstance(value, str) else str(error)) from error
    return min(math.floor(size * float(percent[1]) / 100), size)


def _is_place(value: Any) -> None:
    position(value, 0)


def _is_count(value: int) -> None:
    if value < 1:
        raise ValueError(f"{value} is less than 1")
    if value > _MOST:
        raise ValueError(f"{value} is more than {_MOST}")


def _is_wait(value: float | None) -> None:
    if value is not None and not 0 <= value <= _LONGEST:  # which NaN is not either
        raise ValueError(f"{value} is no time; write seconds, or nothing for ever")


def _is_held(value: int | str) -> None:
    if units.size(value) > _HELD:
        raise ValueError(f"{value} is more than {_HELD >> 20}M")


def _is_field(value: int | str | None) -> None:
    if isinstance(value, str) and not is_fit(value):
        raise ValueError(f"{value!r} breaks out of its line; bad_header sends such a one")


Place = Annotated[int | str, _is_place]
"""Where in a body: bytes (`100`, `"10k"`) or a share of it (`"50%"`)."""
Size = Annotated[int | str, units.size]
"""Bytes: `100`, `"10k"`, `"6M"`."""
Count = Annotated[int, _is_count]
"""A whole number from 1 on."""
Wait = Annotated[float | int | None, _is_wait]
"""Seconds; None: for ever."""
Held = Annotated[int | str, _is_held]
"""Bytes that are made at once, in memory."""
Value = Annotated[str, _is_field]
"""What can be sent as the value of a header."""
MaybeValue = Annotated[int | str | None, _is_field]
"""The same, a number too, or none."""


@dataclass(frozen=True)
class Fault(Layer):
    """One fault, laid over what it spoils. `refuses` is whether it turns connections away before they ask."""

    name: str
    act: Callable[[Request, Answerer], Answer]
    refuses: bool = False

    def welcomes(self, address: tuple[str, int]) -> bool:
        return not self.refuses

    def answer(self, request: Request, inner: Answerer) -> Answer:
        return self.act(request, told_by(inner))

    def over(self, handler: Handler | Any = b"") -> Handler:
        """A route's handler: the fault over another handler, or over what a handler may return."""

        def handle(request: Request, **parameters: str) -> Answer:
            def inner(request: Request) -> Answer:
                return make_answer(handler(request, **parameters) if callable(handler) else handler)

            return self.answer(request, inner)

        return handle


def told_by(inner: Answerer) -> Answerer:
    """`inner`, with a refusal as the answer it will be: faults spoil error pages too."""

    def answer(request: Request) -> Answer:
        try:
            return inner(request)
        except BadRequest as fault:
            return refuse(fault)

    return answer


def spoken(say: Callable[Concatenate[Line, Told, P], None]) -> Callable[P, Fault]:
    """A fault that says the answer its own way. HEAD, and what another fault says already, pass unharmed."""

    def act(request: Request, inner: Answerer, /, *args: P.args, **kwargs: P.kwargs) -> Answer:
        answer = inner(request)
        if request.method == "HEAD" or not isinstance(answer, Response):
            return answer
        told = take_apart(answer)

        def play(line: Line) -> None:
            try:
                say(line, told, *args, **kwargs)
            finally:
                told.release()

        return Scripted(play, told.status)

    return _maker(say, act)


def answered(act: Callable[Concatenate[Request, Answerer, P], Answer]) -> Callable[P, Fault]:
    """A fault that gives another answer."""
    return _maker(act, act)


def _maker(
    described: Callable[..., Any], act: Callable[Concatenate[Request, Answerer, P], Answer]
) -> Callable[P, Fault]:
    """`act` with its parameters given and judged; known by the name and signature of `described`."""
    signature = _own_signature(described)
    name = described.__name__

    @functools.wraps(described)
    def make(*args: P.args, **kwargs: P.kwargs) -> Fault:
        for parameter, value in signature.bind(*args, **kwargs).arguments.items():
            _judge(name, parameter, value, hints[parameter])

        def strike(request: Request, inner: Answerer) -> Answer:
            return act(request, inner, *args, **kwargs)

        return Fault(name, strike)

    hints = get_type_hints(described, include_extras=True)
    make.__signature__ = signature  # type: ignore[attr-defined]  # what `inspect` and the registry read
    return make


def _own_signature(function: Callable[..., Any]) -> inspect.Signature:
    """Its parameters without the two that are not the user's."""
    signature = inspect.signature(function)
    return signature.replace(parameters=list(signature.parameters.values())[2:], return_annotation=Fault)


def _judge(fault: str, parameter: str, value: Any, hint: Any) -> None:
    """Raises ValueError for a value that its parameter does not take."""
    if not _fits(value, get_args(hint)[0] if get_origin(hint) is Annotated else hint):
        raise ValueError(f"{fault}: {parameter} cannot be {value!r}")
    if isinstance(value, str) and not _is_unicode(value):
        raise ValueError(f"{fault}: {parameter}: {value!r} is half of a character, and cannot be sent")
    if get_origin(hint) is Annotated:
        try:
            hint.__metadata__[0](value)
        except ValueError as error:
            raise ValueError(f"{fault}: {parameter}: {error}") from error


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a class, of one of a union, or one of a Literal; true and false are no numbers."""
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    classes = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return isinstance(value, classes) and (not isinstance(value, bool) or bool in classes)
