"""What YAML makes of a text that needed quotes, told in the words of who wrote it. Pure.

YAML stops somewhere behind the real mistake (`url: {{ base }}/x` fails at the `/`), so
the lines from where it began to where it stopped are searched for what is known to
go wrong at the beginning of a value; the parser's own words are the last resort.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scraper.job.places import Spot


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a YAML parser stopped: its words, and the spots where that began and ended."""

    problem: str
    at: Spot
    since: Spot


TEMPLATE = 'put quotes around a template: "{{ ... }}"'
COMMENT = "YAML reads what follows # as a comment; put quotes around a text that begins with #"
TAG = "put quotes around a text that begins with !"
ANCHOR = "put quotes around a text that begins with &"
CONDITION = 'put quotes around a condition: ">= 20"'

_START = r"(?:^\s*|(?<=[:?-])\s+|(?<=[\[{,])\s*)"
_TRAPS = tuple(
    (re.compile(pattern), cure)
    for pattern, cure in (
        (rf"{_START}(\{{[{{%])", TEMPLATE),
        (rf"{_START}(>[ \t]*[=\d])", CONDITION),
        (r"(?<=[:\[{,-])\s+(#\S)|(?<=[\[{,])(#\S)", COMMENT),
        (rf"{_START}(\[\*\])", 'put quotes around a text that begins with [: "[*]"'),
        (rf"{_START}(\*)", "put quotes around a text that begins with *"),
        (rf"{_START}(@)", "put quotes around a text that begins with @"),
        (rf"{_START}(`)", "put quotes around a text that begins with `"),
        (rf"{_START}(%)", "put quotes around a text that begins with %"),
        (rf"{_START}(!)", TAG),
        (rf"{_START}(&)", ANCHOR),
    )
)
_BRACKETS = re.compile(r"[:,{]\s*([\w.@$-]+\[)")
_QUOTED = re.compile(r"""(?<![^\s\[{,:])(?:"(?:\\.|[^"\\])*"|'(?:''|[^'])*')""")

# The parser's words -> ours, and whether the place where it began is the place of the mistake.
_WORDS = (
    ("found character '\\t'", "a tab; YAML is indented with spaces, so write spaces instead", False),
    ("unknown escape", r"in double quotes a \ is written \\; or take single quotes", False),
    ("unexpected end of stream", "the quotes are never closed", True),
    ("unexpected document separator", "the quotes are never closed", True),
    ("but found another document", "a file holds one job; take away this line and what follows", False),
    ("nested too deeply", "lists and mappings are nested too deeply", False),
    ("duplicate anchor", "an anchor of this name stands before", False),
)
_LATE_WORDS = (
    ("undefined alias", "put quotes around a text that begins with *", False),
    ("mapping values are not allowed", 'a text with ": " in it needs quotes; or look at indentation', False),
    ("could not find expected ':'", 'a line without ": "; write `key: value`, or quotes around a text', True),
    ("expected ',' or '}'", 'the { is not closed, or a "," is missing, or a text in it needs quotes', True),
    ("expected ',' or ']'", 'the [ is not closed, or a "," is missing, or a text in it needs quotes', True),
    ("sequence entries are not allowed", "a list begins on a line of its own", False),
    (
        "expected '<document start>'",
        "this does not fit the lines above; look at indentation and quotes",
        False,
    ),
    ("expected <block end>", "this does not fit the lines above; look at indentation and quotes", False),
    ("expected the node content", "a value is missing here, or a text needs quotes", False),
    ("special characters are not allowed", "a control character; take it away", False),
)


def explained(stop: Stop, lines: Sequence[str]) -> tuple[Spot, str]:
    """The place of the mistake and its cure."""
    return (
        _worded(stop, _WORDS)
        or _bracket(stop, lines)
        or _trap(stop, lines)
        or _worded(stop, _LATE_WORDS)
        or (stop.at, f"this is not YAML: {stop.problem}")
    )


def _worded(stop: Stop, table: Sequence[tuple[str, str, bool]]) -> tuple[Spot, str] | None:
    for problem, words, began in table:
        if problem in stop.problem:
            return (stop.since if began else stop.at), words
    return None


def _trap(stop: Stop, lines: Sequence[str]) -> tuple[Spot, str] | None:
    first = stop.since.line - ("node content" in stop.problem)  # a comment has swallowed the end of the line
    for number in range(min(stop.at.line, len(lines)), max(first, 1) - 1, -1):
        line = _unquoted(lines[number - 1])
        for pattern, cure in _TRAPS:
            if found := pattern.search(line):
                return Spot(number, found.start(found.lastindex or 0) + 1), cure
    return None


def _unquoted(line: str) -> str:
    return _QUOTED.sub(lambda found: "_" * len(found[0]), line)


def _bracket(stop: Stop, lines: Sequence[str]) -> tuple[Spot, str] | None:
    """`{each: news[*]}`: in a flow mapping a bracket ends the text before it."""
    if "expected ',' or" not in stop.problem and "expected alphabetic" not in stop.problem:
        return None
    line = lines[stop.at.line - 1] if stop.at.line <= len(lines) else ""
    if not (found := _BRACKETS.search(_unquoted(line))):
        return None
    return Spot(stop.at.line, found.start(1) + 1), "put quotes around a text with [ in it"


def is_comment(rest: str) -> int | None:
    """Where, in what stands behind a value, a `#cover` begins that YAML takes for a comment; or None."""
    found = re.match(r"[ \t]+#(?=[^\s#])", rest)
    return found.end() - 1 if found else None
