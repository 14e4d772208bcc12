"""The columns of a table, and the kinds of values in them."""

from __future__ import annotations

import json

import pytest

from scraper.records.sheet import kind_of, records, survey

OWN = ("_key", "_rule", "_url", "_files")


def names(items, rules=None, rows=frozenset()):
    return survey(items, rules or {}, rows).names


def test_columns_are_those_of_the_rules_in_the_jobs_order_whatever_the_items_have():
    items = [("b", {"price": 1, "title": "t"})]
    assert names(items, {"a": ["name", "title"], "b": ["title", "price"]}) == ("name", "title", "price", *OWN)


def test_fields_that_the_job_names_no_more_stand_behind_sorted():
    items = [("a", {"zoo": 1, "title": "t", "art": 2})]
    assert names(items, {"a": ["title"]}) == ("title", "art", "zoo", *OWN)


def test_fields_of_rows_stand_in_the_order_in_which_they_first_appear():
    items = [("j", {"z": 1, "b": 2}), ("j", {"a": 1, "z": 3}), ("old", {"k": 1, "c": 1})]
    assert names(items, {"r": ["t"]}, frozenset({"j"})) == ("t", "z", "b", "a", "c", "k", *OWN)


def test_without_a_job_all_fields_stand_as_they_appear():
    assert names([("x", {"z": 1}), ("y", {"a": 1})], rows=None) == ("z", "a", *OWN)


def test_a_field_called_as_one_of_ours_gives_way_to_it():
    rows = [({"fields": json.dumps({"_key": "mine", "a": 1}), "key": "k", "rule": "r", "url": "u"}, ["f.png"])]
    assert list(records(rows)) == [{"a": 1, "_key": "k", "_rule": "r", "_url": "u", "_files": ["f.png"]}]
    assert names([("r", {"_key": "mine", "a": 1})], {"r": ["_key", "a"]}) == ("a", *OWN)


def test_the_kinds_of_a_column_are_those_of_all_its_values():
    items = [("r", {"a": None, "b": 1}), ("r", {"a": ["x", None, 2], "b": "t"}), ("r", {"a": [], "b": 2.5})]
    kinds = survey(items, {"r": ["a", "b", "c"]}).kinds
    assert {name: kinds[name] for name in "abc"} == {
        "a": {"list", "list:text", "list:int"},
        "b": {"int", "text", "float"},
        "c": set(),
    }


@pytest.mark.parametrize(
    ("value", "kind"),
    [(True, "bool"), (1, "int"), (2**53 + 1, "long"), (-(2**63), "long"), (2**63, "big"), (0.5, "float"),
     ("", "text"), ([], "list"), ({}, "map")],
)  # fmt: skip
def test_a_value_is_of_this_kind(value, kind):
    assert kind_of(value) == kind
