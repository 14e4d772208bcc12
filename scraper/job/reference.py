"""docs/reference.md: every key of a job file, from the models: what it takes, its default, what it is for, an example.

`make docs` writes it; tests/docs/test_reference.py holds it current, and runs the examples. Types and defaults are
those of the JSON Schema that editors get (job/schema.py), sentences and examples those of job/about.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scraper.job.about import EXAMPLE, About, abouts
from scraper.job.schema import schema

_HEAD = f"""\
# Every key of a job file

Made from the models by `make docs`; do not edit. What the keys mean together, and what holds where they leave
something open, is told in [The job file](jobs.md). Each key: what it takes, its default, what it is for, an example.
An example stands for what differs from this job over the fixture site (`scraper serve`); the tests load every one, and
run those that need nothing else:

```yaml
{EXAMPLE}```
"""

SECTIONS = (
    ("Job", "", "The whole"),
    ("Http", "http", "How requests are made"),
    ("Timeout", "http.timeout", ""),
    ("Retry", "http.retry", ""),
    ("Auth", "http.auth", "One of these; also `auth` of a request"),
    ("Polite", "polite", "What hosts may expect"),
    ("HostPolicy", "polite.hosts.*", ""),
    ("LoginStep", "login[]", "One step of a login"),
    ("StartEntry", "start[]", "What is read first; a text is its `url`"),
    ("Range", "start[].for.*", "An axis; or a list of values"),
    ("Rule", "rules.*", "How a kind of page is read"),
    ("LongSelector", "SELECTOR", "The long form of a selector, wherever one stands"),
    ("Nested", "rules.*.item.*", "A field that has fields; else a selector"),
    ("Expect", "rules.*.expect", "What a page must be; also in `login[]`"),
    ("FileSpec", "rules.*.files", "Files of an item; or a selector"),
    ("FollowLinks", "rules.*.follow.*", "Links that are found; or a selector"),
    ("FollowRequest", "rules.*.follow.*", "A request that is built"),
    ("FollowForm", "rules.*.follow.*", "A form that is sent"),
    ("NextSelect", "rules.*.next", "The next page by a selector"),
    ("NextUrl", "rules.*.next", "The next page by its URL"),
    ("NextPage", "rules.*.next", "The next page by a number"),
    ("NextOffset", "rules.*.next", "The next page by an offset"),
    ("NextCursor", "rules.*.next", "The next page by a cursor"),
    ("NextLink", "rules.*.next", "The next page by the Link header"),
    ("NextForm", "rules.*.next", "The next page by a form"),
    ("FileSettings", "files", "How files are named and fetched"),
    ("Accept", "files.accept", "What a file must be; also `accept` of `rules.*.files`"),
    ("Records", "records", "Where records go; or a text, its `path`"),
    ("RunExpect", "expect", "What a run must bring"),
    ("Limits", "limits", "What ends a run early"),
    ("Metrics", "metrics", "Where figures go"),
    ("Command", "on_finish[]", "A command; also of `on_failure` and `on_file`. Or its `run` alone"),
    ("Notice", "notify[]", "Who hears of the end; or its `url` alone"),
    ("TestCase", "tests.*", "A case of an offline test"),
    ("CaseExpect", "tests.*.expect", "What a replay must give"),
    ("CaseFault", "tests.*.faults[]", "A fault while a tape is replayed"),
)
"""Model, where it stands in a job, and what it is."""

_WORDS = {
    "string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "",
    "array": "list", "object": "mapping",
}  # fmt: skip
_TAKES = dict.fromkeys(("on_finish", "on_failure", "on_file"), "argument list, mapping, or list of these")
_REFS = {"LongSelector": "selector", "Json": "any value"}


def reference() -> str:
    """The document, Markdown."""
    made = json.loads(schema())
    return "\n".join([_HEAD, *(_section(made, *each) for each in SECTIONS)])


def _section(made: Mapping[str, Any], model: str, path: str, words: str) -> str:
    own = made if model == "Job" else made["$defs"][model]
    heading = f"## `{path}`: {words}" if path and words else f"## `{path}`" if path else f"## {words}"
    told = abouts()[model]
    required = own.get("required", ())
    entries = (_entry(path, key, value, told[key], key in required) for key, value in own["properties"].items())
    return "\n".join([heading, "", *entries])


def _entry(path: str, key: str, value: Mapping[str, Any], about: About, required: bool) -> str:
    name = f"{path}.{key}" if path else key
    kinds = _TAKES.get(name) or takes(value)
    default = ""
    if required:
        default = "; required"
    elif value.get("default") not in (None, [], "") and not isinstance(value["default"], dict):
        default = f"; default `{json.dumps(value['default'], ensure_ascii=False)}`"
    head = f"- **`{name}`** ({kinds}{default}). {about.text}"
    if "\n" not in about.example:
        return f"{head}\n  `{about.example}`\n"
    body = "\n".join(f"  {line}" for line in about.example.splitlines())
    return f"{head}\n\n  ```yaml\n{body}\n  ```\n"


def takes(value: Mapping[str, Any]) -> str:
    """What a key takes, in words, from its schema."""
    return " or ".join(dict.fromkeys(each for each in _takes(value) if each)) or "any value"


def _takes(value: Mapping[str, Any]) -> Iterator[str]:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        yield _REFS.get(name, "mapping")
    elif "anyOf" in value:
        for each in value["anyOf"]:
            yield from _takes(each)
    elif "enum" in value or "const" in value:
        yield " or ".join(f"`{each}`" for each in value.get("enum", [value.get("const")]))
    elif value.get("type") == "array" and "items" in value:
        yield f"list of {_many(value['items'])}"
    elif "type" in value:
        yield _WORDS[value["type"]] + _bound(value)


def _many(value: Mapping[str, Any]) -> str:
    each = takes(value)
    return {"text": "texts", "mapping": "mappings", "whole number": "whole numbers"}.get(each, each)


def _bound(value: Mapping[str, Any]) -> str:
    told = (("minimum", "from {}"), ("exclusiveMinimum", "above {}"), ("maximum", "to {}"))
    return "".join(f" {words.format(value[name])}" for name, words in told if name in value)
