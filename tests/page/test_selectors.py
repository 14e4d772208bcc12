"""Selectors of every language: what compiles, what is found, and in which order the long form works."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.job.parts import LongSelector
from scraper.page.convert import convert
from scraper.page.html import HtmlElement, parse_html
from scraper.page.nodes import Scope, as_text
from scraper.page.selectors import Compiled, SelectorError, compile_selector

BASE = "http://shop.example/books/"
HTML = """
<h1 class="a  b">Dune<br>Messiah</h1>
<p class=price data-v="1">1.50 EUR</p><p class=price>none</p>
<ul><li id=x>one</li><li>two &amp; <b>three</b></li><li></li></ul>
<a name=top>no link</a><a href="../dune">a</a><img src=i.png>
<script type=d>var d = {"a  b": [1, 2]};</script>
<script type=j>{"name": "Dune", "tags": ["x", "y"], "note": "two  blanks"}</script>
<script type=j>{"name": "Arrakis"}</script>
"""
JSON = {
    "title": "Dune",
    "empty": "",
    "price": "9.90",
    "tags": ["a", None, "b"],
    "rows": [[1, 2], [3, 4]],
    "n": 0,
    "no": False,
}


def html(names: dict[str, Any] | None = None) -> tuple[HtmlElement, Scope]:
    root = HtmlElement(parse_html(HTML))
    return root, Scope(root, BASE, names or {})


def css(selector: str | None = None, **parts: Any) -> Compiled:
    return compile_selector(selector or LongSelector(**parts), "css")


def on_json(selector: str | None = None, *, names: dict[str, Any] | None = None, **parts: Any) -> Any:
    compiled = compile_selector(selector or LongSelector(**parts), "jmespath")
    return compiled.value(JSON, Scope(JSON, BASE, names or {}))


@pytest.mark.parametrize(
    ("selector", "language", "message"),
    [
        ("li[", "css", "not CSS: Malformed attribute selector at position 2"),
        ("//a", "css", "not CSS: Invalid character '/' position 0"),
        ("@href", "css", "not CSS: Invalid character '@' position 0"),
        ("a,,b", "css", "not CSS: a selector in a list is empty"),
        ("a::foo", "css", "at the end of a selector stands ::text or ::attr(name)"),
        (" ", "css", "the selector is empty"),
        ("a[", "jmespath", "not JMESPath: "),
        ("foo(@)", "jmespath", "not JMESPath: there is no function foo()"),
        ("a[?length(b, c) > `1`]", "jmespath", "not JMESPath: length() takes 1 argument(s), not 2"),
        ("merge()", "jmespath", "not JMESPath: merge() takes 1 or more argument(s), not 0"),
        ("//a[", "xpath", "not XPath: Invalid expression"),
        ("a((", "regex", "not regex: missing )"),
        (LongSelector(match="("), "css", "not a regex: missing )"),
        (LongSelector(css="p", jmespath="a["), "css", "not JMESPath: "),
        (LongSelector(xpath="//a"), "css", "the language here is CSS, not XPath"),
        (LongSelector(css="a"), "jmespath", "the language here is JMESPath, not CSS"),
    ],
)
def test_a_wrong_selector_says_what_is_wrong(selector: Any, language: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        compile_selector(selector, language)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("h1", ["Dune Messiah"]),
        ("h1::text", ["Dune Messiah"]),
        ("h1::attr(class)", ["a  b"]),
        ("h1 :: attr( 'class' )", ["a  b"]),
        ("li", ["one", "two & three"]),
        ("li:has(b), h1", ["Dune Messiah", "two & three"]),
        ("li:is(#x, .no)", ["one"]),
        ("a::attr(href), img::attr(src)", ["../dune", "i.png"]),
        ("a, img::attr(name)", ["top"]),
        ("li#x::attr(id), a::text", ["x", "no link", "a"]),
        ("a[href*=',']", []),
        ("script[type=d]", ['var d = {"a b": [1, 2]};']),
        ("table", []),
    ],
)
def test_css_finds_text_or_attributes_in_the_order_of_the_page(selector: str, expected: list[str]) -> None:
    assert css(selector).find(*html()) == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [("::text", "two & three"), ("::attr(id)", None), (":scope", "two & three"), ("b", "three"), ("h1", None)],
)
def test_css_is_relative_to_its_node(selector: str, expected: str | None) -> None:
    root, scope = html()
    node = css("li").every(root, scope)[1]

    assert css(selector).first(node, scope) == expected


def test_root_leads_back_to_the_page_and_its_language() -> None:
    _, scope = html()
    compiled = compile_selector(LongSelector(css="h1", root=True), "jmespath", page_language="css")

    assert compiled.first({"title": "no"}, scope) == "Dune Messiah"


def test_code_and_comments_are_no_text_of_what_they_stand_in() -> None:
    root = HtmlElement(parse_html("<div>a<!-- b --><script>c</script><style>d</style><td>e</td><td>f</td></div>"))

    assert css("div").first(root, Scope(root, BASE, {})) == "a e f"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"css": "p.price", "match": "[0-9.]+"}, "1.50"),
        ({"css": "p.price", "match": "([0-9])[.]", "type": "int"}, 1),
        ({"css": "li", "all": True}, ["one", "two & three"]),
        ({"css": "li", "all": True, "match": "t\\w+"}, ["two"]),
        ({"css": "table", "all": True}, []),
        ({"css": "table", "all": True, "default": ["none"]}, ["none"]),
        ({"css": "table", "default": 0}, 0),
        ({"css": "table"}, None),
        ({"css": "a", "match": "no (x)?"}, None),
        ({"css": "a[href]::attr(href)", "type": "url"}, "http://shop.example/dune"),
        ({"css": "script[type=j]", "jmespath": "name"}, "Dune"),
        ({"css": "script[type=j]", "jmespath": "tags"}, ["x", "y"]),
        ({"css": "script[type=j]", "jmespath": "note"}, "two  blanks"),
        ({"css": "script[type=j]", "jmespath": "[].name", "all": True}, ["Dune", "Arrakis"]),
        ({"css": "script[type=d]", "match": "= (.*);", "jmespath": '"a b"[1]'}, 2),
        ({"css": "h1", "jmespath": "name"}, None),
        ({"css": "p.price", "match": "[0-9.]+", "type": "float", "template": "{{ value * 2 }}"}, 3.0),
        ({"css": "table", "template": "{{ value }}", "default": "d"}, "d"),
        ({"match": "(\\d)\\.50"}, "1"),
        ({"template": "{{ n + 1 }}"}, 8),
        ({"template": "{{ n }}.5", "type": "float"}, 7.5),
        ({"template": "{{ value | length > 20 }}"}, True),
    ],
)
def test_the_long_form_applies_its_parts_in_order(parts: dict[str, Any], expected: object) -> None:
    assert css(**parts).value(*html({"n": 7})) == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("title", "Dune"),
        ("empty", None),
        ("n", 0),
        ("no", False),
        ("missing.deeper", None),
        ("tags", ["a", None, "b"]),
        ("abs(title)", None),
        ("contains(title, `1`)", None),
        ("{{ n }}-x", "5-x"),
    ],
)
def test_jmespath_gives_values_as_they_are(selector: str, expected: object) -> None:
    assert on_json(selector, names={"n": 5}) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"jmespath": "tags", "all": True}, ["a", "b"]),
        ({"jmespath": "tags", "match": "."}, "a"),
        ({"jmespath": "price", "type": "float"}, 9.9),
        ({"jmespath": "n", "match": "0", "type": "int"}, 0),
        ({"jmespath": "rows", "template": "{{ value[1] }}"}, [3, 4]),
        ({"jmespath": "@", "template": "{{ value.title }}!"}, "Dune!"),
    ],
)
def test_the_long_form_over_json(parts: dict[str, Any], expected: object) -> None:
    assert on_json(**parts) == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("rows", [[1, 2], [3, 4]]),
        ("tags", ["a", "b"]),
        ("title", ["Dune"]),
        ("`[]`", []),
        ("missing", None),
        ("missing[*]", None),
        ("{{ [1, 2] }}", [1, 2]),
        (LongSelector(jmespath="tags", template="{{ [value, 'z'] }}"), ["a", "z", "b", "z"]),
    ],
)
def test_each_spreads_a_list_and_tells_a_missing_path(selector: Any, expected: object) -> None:
    assert compile_selector(selector, "jmespath").each(JSON, Scope(JSON, BASE, {})) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"css": "script[type=j]", "jmespath": "tags"}, ["x", "y"]),
        ({"css": "script[type=j]", "jmespath": "nothing"}, None),
        ({"css": "script[type=j]", "jmespath": "[?tags]", "all": True}, 1),
        ({"css": "table", "jmespath": "nothing"}, []),
        ({"css": "table", "jmespath": "nothing", "all": True}, []),
    ],
)
def test_each_may_end_in_json(parts: dict[str, Any], expected: Any) -> None:
    found = css(**parts).each(*html())

    assert (len(found or ()) if isinstance(expected, int) else found) == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("title == 'Dune'", True),
        ("title == 'x'", False),
        ("empty", False),
        ("missing", False),
        ("no", False),
        ("n", True),
        ("tags[?@ == 'z']", False),
        ("tags", True),
        ("{{ 1 > 2 }}", False),
        ("{{ value.title == 'Dune' }}", True),
        (LongSelector(template="{{ 'false' }}"), False),
        (LongSelector(jmespath="n", template="{{ value > 3 }}"), False),
    ],
)
def test_when_and_has_hold_where_something_is_found_that_is_not_false(selector: Any, expected: bool) -> None:
    assert compile_selector(selector, "jmespath").holds(JSON, Scope(JSON, BASE, {})) is expected


@pytest.mark.parametrize(
    ("kind", "found", "form", "expected"),
    [
        ("int", " 42 ", None, 42),
        ("int", "-7", None, -7),
        ("int", 42.0, None, 42),
        ("int", 42.5, None, None),
        ("int", True, None, None),
        ("int", "abc", None, None),
        ("int", "1,234", None, None),
        ("int", "1_000", None, None),
        ("int", "1" * 5000, None, None),
        ("float", "1.5", None, 1.5),
        ("float", "1e999", None, None),
        ("float", "nan", None, None),
        ("float", 3, None, 3.0),
        ("bool", "Yes", None, True),
        ("bool", False, None, False),
        ("bool", "maybe", None, None),
        ("date", "2026-07-01", None, datetime(2026, 7, 1, tzinfo=UTC)),
        ("date", "01/07/2026", "%d/%m/%Y", datetime(2026, 7, 1, tzinfo=UTC)),
        ("date", "soon", None, None),
        ("date", "32/07/2026", "%d/%m/%Y", None),
        ("url", "a b?x=1#f", None, "http://shop.example/books/a%20b?x=1#f"),
        ("url", "", None, None),
        ("json", '{"a": [1]}', None, {"a": [1]}),
        ("json", "{", None, None),
        ("json", {"a": 1}, None, {"a": 1}),
        ("json", "[" * 5000, None, None),
    ],
)
def test_types_convert_or_find_nothing(kind: str, found: Any, form: str | None, expected: object) -> None:
    assert convert(kind, found, form, BASE) == expected


def test_a_regex_reads_text_and_gives_group_1() -> None:
    compiled = compile_selector("b(\\d)", "regex")

    assert compiled.find("a1 b2 b3", Scope("", BASE, {})) == ["2", "3"]
    assert compiled.first("a1 b2 b3", Scope("", BASE, {})) == "2"


def test_a_page_cannot_forge_a_mark_from_pieces() -> None:
    root = HtmlElement(parse_html("<p title='%EF%B7&#37;90env:X'>%EF<b>%B7</b><i>%90env:X</i></p>"))
    scope = Scope(root, BASE, {})

    assert css("p").first(root, scope) == "%EF%BF%BDenv:X"
    assert "%EF%B7%90" not in str(css("p::attr(title)").first(root, scope))


CSS_PIECES = st.sampled_from(["a", "p", "*", " ", ">", ",", ":scope", "::text", "::attr(x)", "[x]", ".y", "(", '"'])


@given(st.lists(CSS_PIECES, max_size=6).map("".join), st.text("<>/apb\"'= &;#x!-\0\ud800\ufdd0", max_size=60))
def test_any_css_on_any_html_finds_clean_text_or_is_refused(selector: str, page: str) -> None:
    root = HtmlElement(parse_html(page.encode("utf-8", "replace").decode()))
    try:
        compiled = compile_selector(selector, "css")
    except SelectorError:
        return

    found = compiled.find(root, Scope(root, BASE, {}))

    assert all(isinstance(one, str) and one and "\ufdd0" not in one for one in found)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
QUERIES = ["a.b", "[*].a", "sort(@)", "max_by(@, &a)", "contains(@, a)", "join(',', @)", "a[?b > c]", "sum(@)"]


@given(st.sampled_from(QUERIES), JSON_VALUES)
def test_any_jmespath_on_any_json_finds_something_or_nothing(query: str, data: Any) -> None:
    compiled = compile_selector(query, "jmespath")

    assert isinstance(as_text(compiled.first(data, Scope(data, BASE, {}))), str)


@given(st.sampled_from(["int", "float", "bool", "date", "url", "json"]), JSON_VALUES | st.text())
def test_any_value_converts_or_finds_nothing(kind: str, found: Any) -> None:
    made = convert(kind, found, None, BASE)

    kinds = {"int": int, "float": (int, float), "bool": bool, "date": datetime, "url": str, "json": object}
    assert made is None or isinstance(made, kinds[kind])  # type: ignore[arg-type]
