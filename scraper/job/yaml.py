"""YAML with line and column (JOBS.md, YAML). The only module that knows PyYAML.

The parser makes nodes; here they become plain data, by the core schema of YAML 1.2
with care: what only looks like a number or a truth value (`007`, `1:30`, `yes`) is
text. On the way every key and value leaves its spot, and what is wrong is noted and
passed over, so that a file tells all its mistakes at once. Only a syntax error ends it.

Caps (references: CVE-class "billion laughs"): 1 MiB of text, 64 levels, 100 000
values once aliases are followed. No tag makes an object, ever.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml
from yaml.composer import ComposerError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from scraper.job import traps
from scraper.job.places import Finding, Path, Places, Spot

LARGEST = 1024 * 1024
DEEPEST = 64
MOST = 100_000

_STR = "tag:yaml.org,2002:str"
_PLAIN = "plain"
_RESERVED = re.compile("[\ufdd0-\ufdef]")

_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # as the parser counts lines

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"(true|True|TRUE)|false|False|FALSE")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,999})")
_BASED = re.compile(r"0o[0-7]{1,999}|0x[0-9a-fA-F]{1,999}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"([-+]?)\.(?:(inf|Inf|INF)|nan|NaN|NAN)")


@dataclass(slots=True)
class Document:
    """What a file holds: plain data, the spots of its keys and values, and what is wrong so far."""

    data: Any
    places: Places
    findings: list[Finding] = field(default_factory=list)


class YamlError(Exception):
    """The text cannot be read on; `finding` tells why and where."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def read(text: str | bytes, file: str) -> Document:
    """A YAML text as plain data.

    Raises:
        YamlError: no YAML, too large, or not UTF-8.
    """
    if len(text) > LARGEST:
        raise YamlError(Finding((), f"the file is larger than {LARGEST // 1024} KiB"))
    lines = _BREAK.split(text := _decoded(text))
    reading = _Reading(lines, Places(file))
    node = _composed(text, lines)
    data = None if node is None else reading.value(node, ())
    return Document(data, reading.places, reading.findings)


def value(text: str) -> Any:
    """The value of a short text, as of a command line option.

    Raises:
        YamlError: no YAML, or anything in it is wrong.
    """
    document = read(text, "")
    if document.findings:
        raise YamlError(document.findings[0])
    return document.data


def scalar(text: str) -> Any:
    """The value of a plain (unquoted) scalar: null, truth value, number or text."""
    if _NULL.fullmatch(text):
        return None
    if found := _BOOL.fullmatch(text):
        return bool(found[1])
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if found := _NO_NUMBER.fullmatch(text):
        return float(found[1] + ("inf" if found[2] else "nan"))
    number = float(text) if _FLOAT.fullmatch(text) else math.inf
    return text if math.isinf(number) else number


# -- from text to nodes ------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """The parser; it leaves plain scalars unresolved and counts levels."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.level = 0

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        if kind is ScalarNode:
            return _PLAIN if implicit[0] else _STR
        return str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        if self.level >= DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise ComposerError(None, None, "nested too deeply", mark)
        self.level += 1
        node = super().compose_node(parent, index)
        self.level -= 1
        return node


def _decoded(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = text[: error.start].decode("utf-8-sig")
        raise YamlError(Finding((), "not UTF-8; save the file as UTF-8", spot=_end_of(before))) from error


def _end_of(before: str) -> Spot:
    return Spot(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _composed(text: str, lines: Sequence[str]) -> Node | None:
    try:
        return _Loader(text).get_single_node()
    except yaml.reader.ReaderError as error:
        _stop("special characters are not allowed", _end_of(text[: error.position]), None, lines, error)
    except yaml.MarkedYAMLError as error:
        at = _spot(error.problem_mark or error.context_mark)
        since = _spot(error.context_mark) if error.context_mark else None
        _stop(error.problem or str(error), at, since, lines, error)


def _stop(problem: str, at: Spot, since: Spot | None, lines: Sequence[str], cause: Exception) -> NoReturn:
    spot, message = traps.explained(traps.Stop(problem, at, since or at), lines)
    raise YamlError(Finding((), message, spot=spot)) from cause


def _spot(mark: Any) -> Spot:
    return Spot(mark.line + 1, mark.column + 1)


# -- from nodes to data ------------------------------------------------------------------------------------


class _Reading:
    """One pass over the nodes."""

    def __init__(self, lines: Sequence[str], places: Places) -> None:
        self.lines, self.places = lines, places
        self.findings: list[Finding] = []
        self.count = 0

    def value(self, node: Node, path: Path) -> Any:
        spot = _spot(node.start_mark)
        self.count += 1
        if self.count > MOST or len(path) > DEEPEST:
            raise YamlError(Finding((), f"aliases make this more than {MOST} values", spot=spot))
        self.places.values[path] = spot
        if isinstance(node, ScalarNode):
            return self.scalar(node, path)
        if not node.tag.startswith("tag:yaml.org,2002:"):
            self.told(path, traps.TAG, stops=True)
        if isinstance(node, SequenceNode):
            return [self.value(inner, (*path, at)) for at, inner in enumerate(node.value)]
        return self.mapping(node, path)

    def told(self, path: Path, message: str, **more: Any) -> None:
        self.findings.append(Finding(path, message, **more))

    def mapping(self, node: Node, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, spot = self.key(key_node, path), _spot(key_node.start_mark)
            if key is None:
                continue
            inner = (*path, key)
            if key in data:
                first = self.places.keys[inner].line
                self.told(inner, f"duplicate key; it stands on line {first} already", spot=spot)
                continue
            self.places.keys[inner] = spot
            data[key] = self.value(value_node, inner)
        return data

    def key(self, node: Node, path: Path) -> str | None:
        spot = _spot(node.start_mark)
        if isinstance(node, MappingNode):
            self.told(path, traps.TEMPLATE, stops=True, spot=self.places.values[path])
            return None
        if not isinstance(node, ScalarNode):
            self.told(path, "a key is text, not a list; put quotes around it", spot=spot)
            return None
        plain = node.tag == _PLAIN
        if plain and node.value == "<<":
            self.told((*path, "<<"), "merge keys are not read; write the keys out", spot=spot)
        elif plain and not isinstance(scalar(node.value), str):
            self.told(path, f'a key is text; put quotes around it: "{node.value}"', spot=spot)
        else:
            return str(node.value)
        return None

    def scalar(self, node: ScalarNode, path: Path) -> Any:
        if node.tag not in (_PLAIN, _STR):
            self.told(path, traps.TAG, stops=True)
        if _RESERVED.search(node.value):
            self.told(path, "characters U+FDD0 to U+FDEF are not for texts; take them away")
        if node.tag == _PLAIN:
            self.look_behind(node, path)
            return scalar(node.value)
        if node.style == ">" and not node.value and self.line(node).startswith((">", ">=")):
            self.told(path, traps.CONDITION, stops=True)
        return node.value

    def line(self, node: Node, *, behind: bool = False) -> str:
        """The rest of the line from where a node begins or, `behind` it, ends."""
        mark = node.end_mark if behind else node.start_mark
        return self.lines[mark.line][mark.column :] if mark.line < len(self.lines) else ""

    def look_behind(self, node: ScalarNode, path: Path) -> None:
        """A `#cover` or an `&name` that YAML took for a comment or an anchor, so that nothing is left."""
        at = traps.is_comment(self.line(node, behind=True))
        spot = _spot(node.end_mark)
        if at is not None and not node.value:
            self.told(path, traps.COMMENT, stops=True, spot=Spot(spot.line, spot.column + at))
        elif at is not None and "rules" in path[:1]:
            message = f"only {node.value!r} is read, the rest is a comment; if # belongs to it, put quotes around"
            self.told(path, message, warning=True)
        elif not node.value and self.line(node).startswith("&"):
            self.told(path, traps.ANCHOR, stops=True)
