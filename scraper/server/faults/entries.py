"""Faults as data: from entries such as `{url: "*/3.jpg", do: reset, at: 50%, times: 1}` to rules.

`judge` tells everything that is wrong with an entry, by its key, so that whoever read it from a file can say where;
`load_faults` reads such a file. A fault that is asked for by another word than ours (`truncated_gzip`, `chunk-cut`,
`slow`) is not made, but the message names the one that is meant.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from scraper.errors import JobError, Mistake
from scraper.server.faults.catalogue import FAULTS
from scraper.server.faults.fault import Fault
from scraper.server.faults.layer import Faults, Rule

RULE_KEYS = frozenset({"url", "host", "do", "times", "after"})
_LIKE_THIS = 'an entry is a mapping such as {url: "*/3.jpg", do: reset, at: 50%, times: 1}'

_ALSO = {
    "refuse": "refused connection_refused deny",
    "hang_up": "close closed disconnect drop no_answer",
    "silence": "timeout silent hang",
    "cut": "truncated cut_body short_body",
    "reset": "rst connection_reset abort",
    "stall": "stalled pause freeze",
    "drip": "slow trickle throttle rate slow_body",
    "endless": "infinite flood_body",
    "length": "short_length long_length wrong_length content_length",
    "bad_length": "garbage_length negative_length",
    "no_length": "without_length missing_length until_close",
    "chunk_cut": "cut_chunk truncated_chunk short_chunk",
    "bad_chunk": "broken_chunk garbage_chunk wrong_chunk chunk_size",
    "gzipped": "gzip compressed",
    "gzip_cut": "truncated_gzip cut_gzip short_gzip",
    "gzip_corrupt": "bad_gzip corrupt_gzip broken_gzip",
    "bomb": "gzip_bomb zip_bomb decompression_bomb",
    "bad_header": "garbage_header nul_header broken_header",
    "long_header": "huge_header",
    "big_head": "huge_headers large_headers big_headers huge_head",
    "interim": "1xx 1xx_flood flood 100 103 early_hints continue",
    "http09": "http_0_9 http0_9 no_head no_headers",
    "drip_head": "slow_head slow_headers",
    "ignore_range": "no_range whole_file",
    "wrong_offset": "wrong_range bad_range range wrong_range_answer",
    "bad_content_range": "content_range",
    "not_satisfiable": "416",
    "change": "changed changed_etag etag new_version changed_file",
    "status": "error code retry_after rate_limit too_many_requests unavailable",
    "redirect": "redirect_loop loop redirects redirect_loops",
    "hops": "many_redirects redirect_chain",
    "wrong_digest": "bad_digest digest checksum",
    "empty": "no_body zero_bytes",
}
"""Other words for faults, such as people try."""

_MEANT = {word: name for name, words in _ALSO.items() for word in words.split()}
_STATUS = re.compile(r"[2-5]\d\d")


class Wrong(NamedTuple):
    """A mistake in an entry: the key it is at (None: the entry itself), what it is, and whether the key is meant
    rather than its value."""

    key: str | None
    message: str
    on_key: bool = False


def read_faults(entries: Iterable[Mapping[str, Any]]) -> Faults:
    """The layer that entries such as `{url: "*/3.jpg", do: reset, at: 50%, times: 1}` describe.

    Raises:
        ValueError: an unknown fault, key or value, with the entry's number and the cure.
    """
    rules = []
    for number, entry in enumerate(entries, 1):
        for wrong in judge(entry):
            raise ValueError(f"fault {number}: {wrong.message}")
        rules.append(_rule(entry))
    return Faults(rules)


def load_faults(path: Path | str) -> Faults:
    """The layer that a YAML file describes: a list of entries.

    Raises:
        JobError: with every mistake of the file, by line and column.
    """
    from scraper.job import yaml  # only here: the server itself reads no YAML
    from scraper.job.places import Finding, Places

    file = str(path)
    try:
        document = yaml.read(Path(path).read_bytes(), file)
    except OSError as error:
        raise JobError([Mistake(file, 1, 1, "", f"cannot be read: {error.strerror}")]) from error
    except yaml.YamlError as error:
        raise JobError([Places(file).mistake(error.finding)]) from error
    found = [one for one in document.findings if not one.warning]
    if isinstance(document.data, list):
        for at, entry in enumerate(document.data):
            here = [Finding((at, *([one.key] if one.key else [])), one.message, one.on_key) for one in judge(entry)]
            found += [one for one in here if not any(other.path[:1] == (at,) for other in found)]
    elif not found:
        found.append(Finding((), f"this is no list of faults; {_LIKE_THIS}"))
    if found:
        raise JobError([document.places.mistake(one) for one in found])
    return Faults([_rule(entry) for entry in document.data])


def make(name: str, **parameters: Any) -> Fault:
    """The fault of this name; raises ValueError for one there is not, or parameters it does not take."""
    for wrong in list(_judge_name(name)) or _judge_parameters(name, parameters):
        raise ValueError(wrong.message)
    return FAULTS[name](**parameters)


def judge(entry: Any) -> list[Wrong]:
    """Everything that is wrong with an entry."""
    if not isinstance(entry, Mapping):
        return [Wrong(None, _LIKE_THIS)]
    wrong = [one for name in entry if name in RULE_KEYS - {"do"} for one in _judge_rule(name, entry[name])]
    name = entry.get("do")
    if not isinstance(name, str):
        return [*wrong, Wrong("do" if "do" in entry else None, f"`do` is missing: the name of a fault{_coded(name)}")]
    parameters = {key: value for key, value in entry.items() if key not in RULE_KEYS}
    return [*wrong, *(list(_judge_name(name)) or _judge_parameters(name, parameters))]


def meant_by(name: str) -> str | None:
    """The fault that somebody means who writes this; None where nobody can tell."""
    word = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if word in FAULTS or word in _MEANT:
        return _MEANT.get(word, word)
    near = difflib.get_close_matches(word, [*FAULTS, *_MEANT], 1, 0.7) or difflib.get_close_matches(name, FAULTS, 1)
    return _MEANT.get(near[0], near[0]) if near else None


def _judge_name(name: str) -> Iterator[Wrong]:
    if name in FAULTS:
        return
    if cure := _coded(name):
        yield Wrong("do", f"there is no fault {name!r}{cure}")
    else:
        near = meant_by(name)
        yield Wrong("do", f"there is no fault {name!r}" + (f"; did you mean {near!r}?" if near else ""))


def _judge_parameters(name: str, parameters: Mapping[str, Any]) -> list[Wrong]:
    """Each by itself: every parameter of every fault has a default."""
    known = inspect.signature(FAULTS[name]).parameters
    wrong = []
    for parameter, value in parameters.items():
        if parameter not in known:
            near = difflib.get_close_matches(str(parameter), [*known, *RULE_KEYS], 1)
            takes = f"; it takes {', '.join(known)}" if known else "; it takes no parameter"
            cure = f"; did you mean {near[0]!r}?" if near else takes
            wrong.append(Wrong(parameter, f"{name} does not take {parameter!r}{cure}", on_key=True))
            continue
        try:
            FAULTS[name](**{parameter: value})
        except ValueError as error:
            wrong.append(Wrong(parameter, str(error)))
    return wrong


def _judge_rule(name: str, value: Any) -> Iterator[Wrong]:
    if name in ("url", "host"):
        right = isinstance(value, str)
    else:
        right = (type(value) is int and value >= 0) or (name == "times" and value is None)
    if not right:
        cure = "a pattern such as *.jpg" if name in ("url", "host") else "a whole number, such as 1"
        yield Wrong(name, f"{name} cannot be {value!r}; write {cure}")


def _coded(name: Any) -> str:
    """What to write instead of a bare status."""
    return f"; write do: status, code: {name}" if _STATUS.fullmatch(str(name)) and str(name) != "416" else ""


def _rule(entry: Mapping[str, Any]) -> Rule:
    given = {name: entry[name] for name in RULE_KEYS - {"do"} if name in entry}
    return Rule(FAULTS[entry["do"]](**{name: entry[name] for name in entry if name not in RULE_KEYS}), **given)
