"""The controls of a form and the entries that each gives when it is sent (HTML 4.10.21.4). Pure; knows no parser.

A control gives no, one or many entries. What is disabled, unchecked or nameless gives none,
and a button only if it is what was pressed. `data` is laid over: null leaves a field out,
a list repeats it, and what takes a field's place stands where it stood; a new one comes last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scraper import urls
from scraper.page.nodes import Element

Entry = tuple[str, str]
Data = Mapping[str, Any]


class NoFile(str):
    """What a control gives where nobody chose a file: in multipart a file without name and content."""

    __slots__ = ()


BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Control:
    """A control, with what is asked of it more than once."""

    element: Element
    attributes: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.attributes.get("name", "")

    @property
    def kind(self) -> str:
        """The `type` of an input or button in lower case, the element's name of another one."""
        if self.element.name == "input":
            return self.attributes.get("type", "").strip().lower() or "text"
        if self.element.name == "button":
            given = self.attributes.get("type", "").strip().lower()
            return given if given in ("reset", "button") else "submit"
        return self.element.name


def around(element: Element | None, *names: str) -> Element | None:
    """The nearest element of these names, itself included."""
    while element is not None and element.name not in names:
        element = element.parent
    return element


def is_in(element: Element | None, outer: Element | None) -> bool:
    while element is not None and element != outer:
        element = element.parent
    return element is not None


def is_disabled(control: Control) -> bool:
    """By itself, or by a fieldset around it, but for the first legend of that (HTML 4.10.18.5)."""
    if "disabled" in control.attributes:
        return True
    outer = around(control.element.parent, "fieldset")
    while outer is not None:
        if "disabled" in outer.attributes:
            legend = next((each for each in outer.inside("legend") if each.parent == outer), None)
            if legend is None or not is_in(control.element, legend):
                return True
        outer = around(outer.parent, "fieldset")
    return False


# -- entries -----------------------------------------------------------------------------------------------


def laid_over(controls: list[Control], submitter: Control | None, data: Data, charset: str) -> Iterator[Entry]:
    """The entries of the controls with `data` in the places of those it names."""
    left = dict(data)
    for control in controls:
        if control is submitter and control.kind == "image":
            left.pop(control.name, None)
            yield from _point(control)
        elif control.name and control.name in left:
            yield from ((control.name, text) for text in texts(left.pop(control.name)))
        elif control.name not in data and not is_disabled(control):
            yield from _entries(control, charset)
    for name, value in left.items():
        yield from ((name, text) for text in texts(value))


def texts(value: Any) -> list[str]:
    values = value if isinstance(value, (list, tuple)) else [value]
    return [urls.text(one) for one in values if one is not None]


def _point(control: Control) -> Iterator[Entry]:
    """An image that was pressed without a pointer: its upper left corner."""
    prefix = f"{control.name}." if control.name else ""
    yield from ((f"{prefix}x", "0"), (f"{prefix}y", "0"))


def _entries(control: Control, charset: str) -> Iterator[Entry]:
    """What a control gives that is not disabled, and no button that was pressed."""
    if not control.name:
        return
    for value in _VALUES.get(control.kind, _text_of)(control, charset):
        yield control.name, value
        if control.attributes.get("dirname") and control.kind not in _WITHOUT_DIRECTION:
            yield control.attributes["dirname"], _direction(control.element)


def _text_of(control: Control, charset: str) -> list[str]:
    """The value of a line of text, without breaks (HTML 4.10.5.1.2)."""
    return [BREAK.sub("", control.attributes.get("value", ""))]


def _stripped(control: Control, charset: str) -> list[str]:
    return [BREAK.sub("", control.attributes.get("value", "")).strip(" \t\f")]


def _hidden(control: Control, charset: str) -> list[str]:
    is_charset = control.name.lower() == "_charset_"
    return [charset if is_charset else control.attributes.get("value", "")]


def _checked(control: Control, charset: str) -> list[str]:
    return [control.attributes.get("value", "on")] if "checked" in control.attributes else []


_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)


def _number(control: Control, charset: str) -> list[str]:
    """No number is no value (HTML 4.10.5.1.12)."""
    value = control.attributes.get("value", "")
    return [value if _NUMBER.fullmatch(value) else ""]


def _range(control: Control, charset: str) -> list[str]:
    """A slider always stands somewhere: in the middle, where it is not said (HTML 4.10.5.1.13)."""
    given = (_NUMBER.fullmatch(control.attributes.get(name, "")) for name in ("value", "min", "max"))
    value, low, high = (None if found is None else float(found[0]) for found in given)
    low, high = 0.0 if low is None else low, 100.0 if high is None else high
    if value is None:
        value = low if high < low else (low + high) / 2
    elif low <= value <= high:
        return [control.attributes["value"]]
    return [f"{max(low, min(value, high)):g}"]


def _colour(control: Control, charset: str) -> list[str]:
    value = control.attributes.get("value", "").lower()
    return [value if re.fullmatch("#[0-9a-f]{6}", value) else "#000000"]


def _selected(control: Control, charset: str) -> list[str]:
    """The options that are chosen; of a list that shows one line the last such, else the first (HTML 4.10.7)."""
    options = [(each, each.attributes) for each in control.element.inside("option")]
    chosen = [each for each in options if "selected" in each[1]]
    if "multiple" not in control.attributes:
        size = control.attributes.get("size", "").strip()
        first = [each for each in options if not _is_off(*each)][:1] if not size.isdigit() or int(size) <= 1 else []
        chosen = chosen[-1:] or first
    return [given.get("value", each.text) for each, given in chosen if not _is_off(each, given)]


def _is_off(option: Element, attributes: Mapping[str, str]) -> bool:
    group = option.parent
    in_group = group is not None and group.name == "optgroup" and "disabled" in group.attributes
    return in_group or "disabled" in attributes


def _nothing(control: Control, charset: str) -> list[str]:
    return []


_VALUES: dict[str, Callable[[Control, str], list[str]]] = {
    "hidden": _hidden,
    "checkbox": _checked,
    "radio": _checked,
    "select": _selected,
    "textarea": lambda control, charset: [control.element.data],
    "submit": _nothing,
    "image": _nothing,
    "button": _nothing,
    "reset": _nothing,
    "file": lambda control, charset: [NoFile()],
    "number": _number,
    "range": _range,
    "color": _colour,
    "email": _stripped,
    "url": _stripped,
}
"""Kind of control -> its values; what is not here is a line of text."""
_WITHOUT_DIRECTION = frozenset(["checkbox", "radio", "select", "file", "number", "range", "color"])


def _direction(element: Element | None) -> str:
    while element is not None and "dir" not in element.attributes:
        element = element.parent
    return "rtl" if element is not None and element.attributes["dir"].lower() == "rtl" else "ltr"
