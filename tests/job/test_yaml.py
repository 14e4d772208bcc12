"""YAML: what a scalar is, what is capped, and what is told of a text that is no YAML."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.job import yaml


def told(text):
    """What is wrong with a text, as `line:column: path: message`."""
    try:
        document = yaml.read(text, "")
    except yaml.YamlError as error:
        return [str(yaml.Places("").mistake(error.finding)).removeprefix(":")]
    return [str(document.places.mistake(one)).removeprefix(":") for one in document.findings]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("nUll", "nUll"),
        ("0", 0),
        ("12", 12),
        ("-12", -12),
        ("+12", 12),
        ("007", "007"),
        ("00", "00"),
        ("-01", "-01"),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1:30:00", "1:30:00"),
        ("2026-07-01", "2026-07-01"),
        ("2026-07-01T10:00:00Z", "2026-07-01T10:00:00Z"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        ("01.5", "01.5"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        (".", "."),
        ("1" * 2000, "1" * 2000),
    ],
)
def test_a_plain_scalar_is(text, value):
    assert (yaml.scalar(text), type(yaml.scalar(text))) == (value, type(value))


def test_nan_is_a_number():
    assert math.isnan(yaml.scalar(".nan"))


def test_quoted_scalars_are_text():
    assert yaml.value("['1', \"true\", !!str 5, '']") == ["1", "true", "5", ""]


@given(st.integers())
def test_an_integer_without_leading_zeros_is_itself(number):
    assert yaml.scalar(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_as_python_writes_it_is_itself(number):
    assert yaml.scalar(repr(number)) == number


@given(st.text("0123456789:-_.eExo+", min_size=1))
def test_a_scalar_is_text_or_reads_back_as_the_same_number(text):
    value = yaml.scalar(text)
    assert isinstance(value, str) or yaml.scalar(repr(value)) == value


@given(st.from_regex(r"[+-]?0[0-9]+", fullmatch=True))
def test_digits_after_a_leading_zero_are_text(text):
    assert yaml.scalar(text) == text


@given(st.dictionaries(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1), st.integers()))
def test_a_mapping_reads_back(mapping):
    text = "".join(f'"{key}": {value}\n' for key, value in mapping.items())
    assert yaml.read(text, "").data == (mapping or None)


@given(st.text())
def test_any_text_is_read_or_told(text):
    assert all(told(text))


@given(st.binary())
def test_any_bytes_are_read_or_told(data):
    assert all(told(data))


TEMPLATE = 'put quotes around a template: "{{ ... }}"'
CONDITION = 'put quotes around a condition: ">= 20"'
COMMENT = "YAML reads what follows # as a comment; put quotes around a text that begins with #"


def begins(char):
    return f"put quotes around a text that begins with {char}"


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("a: {{ base }}/x", [f"1:4: {TEMPLATE}"]),
        ("a: {{ base }}", [f"1:4: a: {TEMPLATE}"]),
        ("- {{ base }}", [f"1:3: 0: {TEMPLATE}"]),
        ("b: {a: {{ base }}/x, c: d}", [f"1:8: {TEMPLATE}"]),
        ("b: [{{ base }}]", [f"1:5: b.0: {TEMPLATE}"]),
        ("a: {% if x %}", [f"1:4: {TEMPLATE}"]),
        ("items: >= 20", [f"1:8: {CONDITION}"]),
        ("items: > 20", [f"1:8: {CONDITION}"]),
        ("items: >5", [f"1:8: items: {CONDITION}"]),
        ("e: {items: >= 20, x: 1}", [f"1:12: {CONDITION}"]),
        ("each: [*]", ['1:7: put quotes around a text that begins with [: "[*]"']),
        ("r: {each: newslist[*], key: a}", ["1:11: put quotes around a text with [ in it"]),
        ("r: {each: newslist[], key: a}", ["1:11: put quotes around a text with [ in it"]),
        ("a: @href", [f"1:4: {begins('@')}"]),
        ("r: {a: @href}", [f"1:8: {begins('@')}"]),
        ("a: `x`", [f"1:4: {begins('`')}"]),
        ("a: %x", [f"1:4: {begins('%')}"]),
        ("files: #cover img", [f"1:8: files: {COMMENT}"]),
        ("x:\n  - #cover", [f"2:5: x.0: {COMMENT}"]),
        ("files: [#cover img]", [f"1:9: {COMMENT}"]),
        ("r: {files: #cover, x: 1}", [f"1:12: {COMMENT}"]),
        ("has: !error", [f"1:6: has: {begins('!')}"]),
        ("has: !error && x", [f"1:6: {begins('!')}"]),
        ("has: &foo", [f"1:6: has: {begins('&')}"]),
        ("has: & > p", [f"1:6: {begins('&')}"]),
        ("has: * > p", [f"1:6: {begins('*')}"]),
        ("has: *x", [f"1:6: {begins('*')}"]),
        ("a:\n\tb: 1", ["2:1: a tab; YAML is indented with spaces, so write spaces instead"]),
        ('a: "x\nb: 1', ["1:4: the quotes are never closed"]),
        ('a: "\\d+"', [r"1:6: in double quotes a \ is written \\; or take single quotes"]),
        ("a: b: c", ['1:5: a text with ": " in it needs quotes; or look at indentation']),
        ("a: b\nc\nd: e", ['2:1: a line without ": "; write `key: value`, or quotes around a text']),
        ("a: [1, 2\nb: 3", ['1:4: the [ is not closed, or a "," is missing, or a text in it needs quotes']),
        ("a: {b: 1\nc: 3", ['1:4: the { is not closed, or a "," is missing, or a text in it needs quotes']),
        ("a: 'it's'", ["1:8: this does not fit the lines above; look at indentation and quotes"]),
        ("a: - b", ["1:4: a list begins on a line of its own"]),
        ("  a: 1\n b: 2", ["2:2: this does not fit the lines above; look at indentation and quotes"]),
        ("a: ]", ["1:4: a value is missing here, or a text needs quotes"]),
        ("a: 1\n---\nb: 2", ["2:1: a file holds one job; take away this line and what follows"]),
        ("a: 1\n\x07: 2", ["2:1: a control character; take it away"]),
        ('a: "\\uFDD0"', ["1:4: a: characters U+FDD0 to U+FDEF are not for texts; take them away"]),
        ("1: x", ['1:1: a key is text; put quotes around it: "1"']),
        ("true: x", ['1:1: a key is text; put quotes around it: "true"']),
        ("? [a]\n: b", ["1:3: a key is text, not a list; put quotes around it"]),
        ("<<: {a: 1}", ["1:1: <<: merge keys are not read; write the keys out"]),
        ("a: !!python/name:os.system x", [f"1:4: a: {begins('!')}"]),
        ("a: !x [b]", [f"1:4: a: {begins('!')}"]),
    ],
)
def test_what_yaml_takes_for_something_else_is_told_with_its_cure(text, mistakes):
    assert told(text + "\n") == mistakes


def test_all_duplicate_keys_are_told_with_the_line_of_the_first():
    assert told("a: 1\nb: {c: 1, c: 2}\na: 2\n") == [
        "2:11: b.c: duplicate key; it stands on line 2 already",
        "3:1: a: duplicate key; it stands on line 1 already",
    ]


@pytest.mark.parametrize("text", ["a: # a comment\n  b: 1", "a:   # nothing yet", "a: b # c", "'on': yes"])
def test_comments_and_text_are_left_in_peace(text):
    assert told(text) == []


def test_a_selector_whose_end_is_a_comment_is_warned_of():
    message = "only 'div' is read, the rest is a comment; if # belongs to it, put quotes around"
    assert told("rules:\n  r: div #cover\n") == [f"2:6: warning: rules.r: {message}"]


def test_anchors_and_aliases_are_read():
    assert yaml.value("{a: &x {b: 1}, c: *x}") == {"a": {"b": 1}, "c": {"b": 1}}


def test_aliases_that_multiply_are_stopped():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert told("\n".join(lines)) == ["1:37: aliases make this more than 100000 values"]


def test_an_alias_that_holds_itself_is_stopped():
    assert told("a: &x [*x]") == ["1:4: aliases make this more than 100000 values"]


def test_nesting_is_capped():
    assert told("[" * 5000) == ["1:65: lists and mappings are nested too deeply"]


def test_size_is_capped():
    assert told("#" * (yaml.LARGEST + 1)) == ["1:1: the file is larger than 1024 KiB"]


def test_a_byte_order_mark_is_no_part_of_the_text():
    assert yaml.read(b"\xef\xbb\xbfa: 1", "").data == {"a": 1}


def test_bytes_that_are_not_utf8_are_told_at_their_place():
    assert told(b"a: 1\nb: caf\xe9\n") == ["2:7: not UTF-8; save the file as UTF-8"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_they_end(newline):
    assert told(newline.join(["a: 1", "b: x", "a: 2"])) == ["3:1: a: duplicate key; it stands on line 1 already"]


def test_a_value_of_the_command_line_is_yaml():
    assert [yaml.value(text) for text in ("5", "[a, b]", "{a: 007}", "x")] == [
        5,
        ["a", "b"],
        {"a": "007"},
        "x",
    ]


def test_a_value_of_the_command_line_that_is_wrong_is_told():
    with pytest.raises(yaml.YamlError, match="duplicate key"):
        yaml.value("{a: 1, a: 2}")
