"""The JSON Schema: current, and of one mind with the model about jobs of every shape."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from scraper.job import yaml
from scraper.job.model import Job
from scraper.job.schema import schema

ROOT = Path(__file__).parents[2]
SHAPES = sorted((Path(__file__).parent / "shapes").glob("*.yaml"))
SCHEMA = json.loads(schema())

TYPES = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def is_valid(value, rule):
    """Whether a value is valid: the keywords that the schema uses, of JSON Schema 2020-12."""
    if "$ref" in rule and not is_valid(value, SCHEMA["$defs"][rule["$ref"].rpartition("/")[2]]):
        return False
    if "anyOf" in rule and not any(is_valid(value, one) for one in rule["anyOf"]):
        return False
    if "type" in rule and not TYPES[rule["type"]](value):
        return False
    if value not in rule.get("enum", [value]) or value != rule.get("const", value):
        return False
    if isinstance(value, dict):
        return has_valid_members(value, rule)
    if isinstance(value, list):
        return has_valid_elements(value, rule)
    if isinstance(value, str):
        return re.search(rule.get("pattern", ""), value) is not None
    return value is None or rule.get("minimum", value) <= value <= rule.get("maximum", value)


def has_valid_members(value, rule):
    known, more = rule.get("properties", {}), rule.get("additionalProperties", True)
    others = [inner for key, inner in value.items() if key not in known]
    return (
        all(key in value for key in rule.get("required", []))
        and all(is_valid(inner, known[key]) for key, inner in value.items() if key in known)
        and (not others if more is False else more is True or all(is_valid(one, more) for one in others))
    )


def has_valid_elements(value, rule):
    first = rule.get("prefixItems", [])
    rest = value[len(first) :] if "items" in rule else []
    return (
        rule.get("minItems", 0) <= len(value) <= rule.get("maxItems", len(value))
        and all(is_valid(inner, one) for inner, one in zip(value, first, strict=False))
        and all(is_valid(inner, rule["items"]) for inner in rest)
    )


def test_the_schema_beside_the_samples_is_current():
    assert (ROOT / "jobs" / "job.schema.json").read_text(encoding="utf-8") == schema()


def test_it_says_what_it_is():
    assert (SCHEMA["$schema"], SCHEMA["title"]) == (
        "https://json-schema.org/draft/2020-12/schema",
        "scraper job",
    )


def test_every_key_of_a_job_is_described():
    assert [name for name in Job.model_fields if not SCHEMA["properties"][name].get("description")] == []


@pytest.mark.parametrize("shape", SHAPES, ids=lambda path: path.stem)
def test_a_job_of_this_shape_is_valid(shape):
    assert is_valid(yaml.read(shape.read_bytes(), "").data, SCHEMA)


@pytest.mark.parametrize(
    "more",
    [
        {"nmae": "b"},
        {"name": "A b"},
        {"start": []},
        {"rules": {"r": {"read": "jsn"}}},
        {"rules": {"r": {"item": {"a": 5}}}},
        {"http": {"timeout": {"read": "4"}}},
        {"polite": {"per_host": 0}},
        {"http": {"auth": {"basic": ["a"]}}},
    ],
)
def test_a_job_that_is_wrong_is_not_valid(more):
    good = {"name": "a", "start": ["http://127.0.0.1/"], "rules": {"r": {}}}
    assert (is_valid(good, SCHEMA), is_valid({**good, **more}, SCHEMA)) == (True, False)
